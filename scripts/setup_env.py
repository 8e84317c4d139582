"""Build the project's virtual environment: what ``make env`` runs.

The steps run in order; each leaves a mark in ``<venv>/wsod_mm-env.json`` when it is complete, so
that an interrupted set-up goes on where it stopped, and a complete one returns at once. A step runs
again when its inputs (pins, options) or those of an earlier step change. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interpreter import (
    CHECK_ENVIRONMENT,
    LIST_OPENCVS,
    SUPPORTED,
    SWEEP_HALF_INSTALLED,
    choose_python,
    version_of,
)
from mmcv_wheel import obtain_wheel, probe_facts
from running import StepFailed, clock, exclusive, run_logged, say

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / 'requirements'
OPENCV = 'opencv-contrib-python-headless'
CRF = 'pydensecrf2'
# Environment variables that change which ops are compiled, or how.
BUILD_SWITCHES = ('FORCE_CUDA', 'TORCH_CUDA_ARCH_LIST', 'MMCV_CUDA_ARGS')


@dataclass
class Options:
    """Choices of the user.

    Args:
        stack: ``'openmmlab'`` or ``'onedl'``.
        venv: Folder of the environment.
        python: Interpreter to make it with; empty: any supported one.
        torch: Requirement of torch, with pip options if need be; empty: ``requirements/torch.txt``.
        force: Go through all steps even where they are marked as done.
    """

    stack: str
    venv: Path
    python: str
    torch: str
    force: bool = False


class Environment:
    """The virtual environment and the steps that make it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.venv = options.venv
        self.python = self.venv / 'bin' / 'python'
        self.state_file = self.venv / 'wsod_mm-env.json'
        self.stack = _lines(PINS / f'stack-{options.stack}.txt')
        self.torch = shlex.split(options.torch) or _lines(PINS / 'torch.txt')
        # Variables of the shell that would leak other packages into the environment are dropped.
        self.env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PYTHONHOME', '__PYVENV_LAUNCHER__')}
        self.env['PATH'] = f'{self.venv / "bin"}{os.pathsep}{self.env.get("PATH", "")}'
        self.env['VIRTUAL_ENV'] = str(self.venv)

    def load(self) -> dict[str, str]:
        """Return the digests of the finished steps."""
        try:
            return json.loads(self.state_file.read_text())['done']
        except (OSError, ValueError, KeyError):
            return {}

    def save(self, done: dict[str, str]) -> None:
        """Write them, atomically."""
        temporary = self.state_file.with_suffix('.tmp')
        temporary.write_text(json.dumps({'root': str(ROOT), 'stack': self.options.stack, 'done': done}, indent=2))
        os.replace(temporary, self.state_file)

    def steps(self) -> list[tuple[str, str, Callable[[], None], str]]:
        """Return (name, what to say, action, digest) of every step; a digest covers all inputs up
        to its step."""
        constraints = (PINS / 'constraints.txt').read_text()
        plan = [
            ('venv', f'virtual environment {self.venv}', self.make_venv, [str(self.venv)]),
            (
                'torch',
                f'torch ({" ".join(self.torch)})',
                self.install_torch,
                [*self.torch, constraints],
            ),
            (
                'runtime',
                'build tools and libraries',
                self.install_runtime,
                [(PINS / f'{name}.txt').read_text() for name in ('build', 'runtime', 'dev')],
            ),
            ('crf', f'{CRF} (dense CRF of the segmenters)', self.install_crf, [CRF]),
            (
                'stack',
                ' and '.join(p for p in self.stack if p != self.pin('mmcv')),
                self.install_stack,
                self.stack,
            ),
            (
                'mmcv',
                self.pin('mmcv') + ' with compiled ops',
                self.install_mmcv,
                [self.pin('mmcv'), *(f'{k}={os.environ.get(k, "")}' for k in BUILD_SWITCHES)],
            ),
            ('opencv', f'{OPENCV} as the only OpenCV', self.single_opencv, []),
            (
                'package',
                'wsod_mm itself, editable',
                self.install_package,
                [str(ROOT), (ROOT / 'pyproject.toml').read_text(), (ROOT / 'setup.py').read_text()],
            ),
            ('check', 'check of the whole (python -m wsod_mm.doctor)', self.check, []),
        ]
        chain, result = '1', []
        for name, text, action, inputs in plan:
            chain = hashlib.sha256('\0'.join([chain, name, *inputs]).encode()).hexdigest()[:16]
            result.append((name, text, action, chain))
        return result

    def pin(self, name: str) -> str:
        """Return the stack's requirement for ``name``, whatever the distribution is called
        there."""
        return next(line for line in self.stack if line.split('==')[0] in (name, f'onedl-{name}'))

    def problem(self) -> str:
        """Say what a finished environment lacks; empty when it is whole."""
        result = subprocess.run(
            [str(self.python), '-c', CHECK_ENVIRONMENT, str(ROOT), *self.stack],
            capture_output=True,
            text=True,
            env=self.env,
            cwd=self.venv,
            check=False,
        )
        if result.returncode:
            return (result.stderr.strip().splitlines() or ['its Python does not start'])[-1]
        return result.stdout.strip()

    def make_venv(self) -> None:
        python, version = choose_python(self.options.python)
        say(f'  with Python {version} ({python})')
        result = subprocess.run([python, '-m', 'venv', str(self.venv)], capture_output=True, text=True, check=False)
        if result.returncode:
            raise StepFailed(
                f'"{python} -m venv {self.venv}" failed:\n{result.stdout}{result.stderr}\n'
                'Debian/Ubuntu: apt-get install python3-venv; or choose another Python: '
                'make env PYTHON=python3.11'
            )

    def install_torch(self) -> None:
        self.pip('torch', *self.torch)

    def install_runtime(self) -> None:
        files = [part for name in ('build', 'runtime', 'dev') for part in ('-r', PINS / f'{name}.txt')]
        self.pip('runtime', *files)

    def install_crf(self) -> None:
        # does not declare what it needs, and is compiled; pip keeps the wheel for the next environment
        self.pip('crf', '--no-deps', CRF)

    def install_mmcv(self) -> None:
        wheel = obtain_wheel(self.pin('mmcv'), self.python, probe_facts(self.python, self.env), self.env)
        self.pip('mmcv', '--no-deps', '--force-reinstall', wheel)
        result = subprocess.run(
            [str(self.python), '-c', 'import torch, mmcv._ext'],
            capture_output=True,
            text=True,
            env=self.env,
            cwd=self.venv,
            check=False,
        )
        if result.returncode:
            raise StepFailed(
                f'the compiled ops of {wheel} do not load:\n{result.stderr[-1500:]}\n'
                f'Remove that file and run "make env" again to build it afresh.'
            )

    def install_stack(self) -> None:
        others = [pin for pin in self.stack if pin != self.pin('mmcv')]
        self.pip('stack', '--no-deps', '--force-reinstall', '--no-build-isolation', *others)

    def single_opencv(self) -> None:
        found = subprocess.run(
            [str(self.python), '-c', LIST_OPENCVS],
            capture_output=True,
            text=True,
            env=self.env,
            check=True,
        ).stdout.split()
        others = [name for name in found if name != OPENCV]
        if others or OPENCV not in found:
            # all flavours write the same folder cv2/: removing one takes files of the other along
            if others:
                say(f'  removing {", ".join(others)}')
                run_logged(
                    [self.python, '-m', 'pip', 'uninstall', '-y', *others],
                    self.venv / 'logs/opencv-remove.log',
                    'pip uninstall',
                    env=self.env,
                )
            self.pip('opencv', '--no-deps', '--force-reinstall', OPENCV)

    def install_package(self) -> None:
        self.pip('package', '--no-deps', '--no-build-isolation', '-e', ROOT)

    def check(self) -> None:
        code = subprocess.run(
            [str(self.python), '-m', 'wsod_mm.doctor'], env=self.env, cwd=self.venv, check=False
        ).returncode
        if code:
            raise StepFailed('the environment was built, but the check above found problems')

    def pip(self, name: str, *arguments: str | os.PathLike) -> None:
        """Run ``pip install`` under the pins; no step may change torch or bring torchvision."""
        constraints = ['-c', PINS / 'constraints.txt']
        if name != 'torch':
            version = subprocess.run(
                [
                    str(self.python),
                    '-c',
                    'import importlib.metadata as m; print(m.version("torch"))',
                ],
                capture_output=True,
                text=True,
                env=self.env,
                check=True,
            ).stdout.strip()
            lock = self.venv / 'torch-constraint.txt'
            lock.write_text(f'torch=={version}\n')
            constraints += ['-c', lock]
        command = [
            self.python,
            '-m',
            'pip',
            'install',
            '--disable-pip-version-check',
            '--no-input',
            '--progress-bar',
            'off',
            *constraints,
            *arguments,
        ]
        run_logged(command, self.venv / 'logs' / f'{name}.log', f'pip install ({name})', env=self.env)

    def build(self) -> None:
        """Run the steps that are not done."""
        start = time.monotonic()
        done = self._usable_state()
        plan = self.steps()
        if self.options.force:
            done = {name: digest for name, digest in done.items() if name == 'venv'}
        if all(done.get(name) == digest for name, _, _, digest in plan):
            problem = self.problem()
            if not problem:
                say(f'{self.venv.name} is ready ({self.options.stack} stack)')
                return
            say(f'{self.venv.name} is damaged ({problem}); repairing it')
            done = {'venv': done['venv']}
        self.venv.mkdir(parents=True, exist_ok=True)
        self.save(done)
        if done:
            subprocess.run([str(self.python), '-c', SWEEP_HALF_INSTALLED], env=self.env, check=False)
        for number, (name, text, action, digest) in enumerate(plan, 1):
            if done.get(name) == digest:
                continue
            say(f'{number}/{len(plan)} {text}')
            begun = time.monotonic()
            action()
            done[name] = digest
            self.save(done)
            say(f'  done in {clock(time.monotonic() - begun)}')
        say(
            f'{self.venv.name} is ready after {clock(time.monotonic() - start)}; activate it with '
            f'". {os.path.relpath(self.venv)}/bin/activate"'
        )

    def _usable_state(self) -> dict[str, str]:
        """Finished steps of the environment that is there; an unusable one of ours is removed
        first."""
        done = self.load()
        if not self.venv.exists():
            return {}
        if not self.state_file.exists():
            if any(self.venv.iterdir()):
                raise StepFailed(
                    f'{self.venv} exists but was not made by "make env". Remove it, or '
                    'choose another place: make env VENV=.venv-mine'
                )
            return {}
        version = version_of(str(self.python))
        wanted = choose_python(self.options.python)[1] if self.options.python else version
        if 'venv' in done and (version not in SUPPORTED or version != wanted):
            say(
                f'{self.venv.name} has Python {version}, wanted is '
                f'{wanted if version != wanted else "3.10-3.12"}: making it anew'
            )
            shutil.rmtree(self.venv)
            return {}
        return done


def _lines(path: Path) -> list[str]:
    lines = (line.split('#')[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def _parse(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(description='Build the virtual environment of wsod_mm.')
    parser.add_argument('--force', action='store_true', help='go through all steps again')
    parser.add_argument(
        '--stack',
        default='openmmlab',
        choices=sorted(path.stem[6:] for path in PINS.glob('stack-*.txt')),
        help='libraries to build on',
    )
    parser.add_argument('--venv', default='', help='its folder (default: .venv, .venv-onedl for that stack)')
    parser.add_argument('--python', default='', help='interpreter, 3.10 to 3.12 (default: the first one found)')
    parser.add_argument(
        '--torch',
        default='',
        help='torch requirement, pip options allowed (default: requirements/torch.txt)',
    )
    args = parser.parse_args(arguments)
    venv = args.venv or ('.venv' if args.stack == 'openmmlab' else f'.venv-{args.stack}')
    return Options(args.stack, (ROOT / venv).absolute(), args.python, args.torch, args.force)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    options = _parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # an interrupt unwinds, and so stops the compilers too
        signal.signal(number, signal.default_int_handler)
    try:
        with exclusive(Path(f'{options.venv}.lock'), 'another "make env"'):
            Environment(options).build()
    except StepFailed as error:
        print(f'[env] ERROR: {error}', file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print('\n[env] interrupted; "make env" goes on from here', file=sys.stderr, flush=True)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
