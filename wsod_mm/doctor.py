"""``python -m wsod_mm.doctor``: what is installed, what is wrong with it, and the one command that
mends it.

Every library is imported and every compiled op is called in a separate process, so that a broken
binary shows up as a line of the report and not as the end of the doctor. Exit code 1 when something
that wsod_mm needs does not work.
"""

import argparse
import json
import platform
import shlex
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from wsod_mm.utils.paths import checkout_dir
from wsod_mm.utils.probes import CV2, OPS, PKG_RESOURCES, TORCH, Probe, run_probe
from wsod_mm.utils.versions import TESTED, installed

__all__ = ['Finding', 'diagnose', 'main', 'report']

OK, NOTE, WARNING, ERROR = 'ok', 'note', 'warning', 'error'
_MARKS = {OK: 'ok  ', NOTE: '-   ', WARNING: 'WARN', ERROR: 'FAIL'}

_OPENCV = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
_OURS = 'opencv-contrib-python-headless'


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        name: What was looked at.
        value: What was found, for people.
        status: ``'ok'``, ``'note'`` (optional and absent), ``'warning'`` or ``'error'`` (needed and
            not working).
        fix: The command that mends it; empty when nothing is to be done.
        details: The same as data, for ``--json``.
    """

    name: str
    value: str
    status: str = OK
    fix: str = ''
    details: dict[str, Any] = field(default_factory=dict)


def _import(module: str) -> str:
    return f'import json, {module}; print(json.dumps(str(getattr({module}, "__version__", ""))))'


def diagnose(
    probe: Callable[[str], Probe] = run_probe, lookup: Callable[[str], str | None] = installed
) -> list[Finding]:
    """Look at the whole stack.

    Args:
        probe: Runs a piece of code elsewhere and returns what it printed; tests put their own here.
        lookup: Version of an installed distribution, ``None`` when absent.

    Returns:
        One finding per library or capability, in a fixed order.
    """
    findings = [_python(), _torch(probe)]
    cuda = bool(findings[-1].details.get('available'))
    findings += [_module(name, probe, lookup) for name in ('mmengine', 'mmcv', 'mmdet')]
    findings.append(_ops(probe, cuda))
    findings += [_plain(name, probe) for name in ('numpy', 'scipy', 'pycocotools')]
    findings += [_opencv(probe, lookup), _setuptools(probe, lookup)]
    findings += [
        _optional(name, why, probe, lookup)
        for name, why in (
            ('tensorboard', 'curves in TensorBoard'),
            ('wandb', 'logging to Weights & Biases'),
        )
    ]
    findings.append(_torchvision(probe, lookup))
    return findings


def _mend(pip: str) -> str:
    """The command for a missing part: in a checkout the set-up repairs everything, elsewhere pip
    does."""
    root = checkout_dir()
    if root is not None and (root / 'Makefile').is_file():
        return 'make env FORCE=1'
    return f'{shlex.quote(sys.executable)} -m pip install {pip}'


def _python() -> Finding:
    version = platform.python_version()
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Finding('python', f'{version} ({sys.executable})')
    return Finding(
        'python',
        f'{version}, tested are 3.10 to 3.12',
        WARNING,
        'make env PYTHON=python3.11 VENV=.venv-311',
    )


def _torch(probe: Callable[[str], Probe]) -> Finding:
    answer = probe(TORCH)
    if answer.data is None:
        return Finding('torch', f'does not import: {answer.error}', ERROR, _mend('torch==2.13.0'))
    data = answer.data
    if data['available']:
        cuda = f'CUDA {data["built_for"]}: {", ".join(data["devices"])}'
    elif data['built_for']:
        cuda = f'built for CUDA {data["built_for"]}, but no GPU is usable'
    else:
        cuda = 'built without CUDA'
    status, note = _tested('torch', data['version'], 'torch')
    return Finding('torch', f'{data["version"]} ({cuda}){note}', status, '', data)


def _tested(module: str, version: str, distribution: str) -> tuple[str, str]:
    entry = next(e for e in TESTED if (e.module, e.distribution) == (module, distribution))
    if entry.holds(version):
        return OK, ''
    return WARNING, f'; outside {entry.minimum} <= version < {entry.below}, tested: {entry.tested}'


def _module(name: str, probe: Callable[[str], Probe], lookup: Callable[[str], str | None]) -> Finding:
    entries = [entry for entry in TESTED if entry.module == name]
    here = [(entry, lookup(entry.distribution)) for entry in entries]
    here = [(entry, version) for entry, version in here if version is not None]
    hint = f'--no-build-isolation {entries[0].distribution}=={entries[0].tested}'
    if len(here) > 1:
        names = ' '.join(entry.distribution for entry, _ in here)
        return Finding(
            name,
            f'installed twice ({names}), the one over the other',
            ERROR,
            f'{shlex.quote(sys.executable)} -m pip uninstall -y {names}',
        )
    answer = probe(_import(name))
    if answer.data is None:
        what = 'not installed' if not here else f'{here[0][1]} does not import: {answer.error}'
        return Finding(name, what, ERROR, _mend(hint))
    if not here:
        return Finding(name, f'{answer.data} (not installed as a distribution, found on the path)', WARNING)
    entry, version = here[0]
    status, note = _tested(name, version, entry.distribution)
    fork = '' if entry.distribution == name else f' ({entry.distribution})'
    return Finding(name, f'{version}{fork}{note}', status, '', {'distribution': entry.distribution})


def _ops(probe: Callable[[str], Probe], cuda: bool) -> Finding:
    answer = probe(OPS)
    if answer.data is None:
        return Finding(
            'mmcv ops',
            f'none: {answer.error}',
            ERROR,
            _mend('--force-reinstall --no-deps --no-build-isolation --no-binary mmcv mmcv==2.1.0'),
        )
    text = []
    for device, ops in answer.data.items():
        good = [name for name, works in ops.items() if works]
        bad = [name for name, works in ops.items() if not works]
        absent = f' (no {", ".join(bad)})' if bad else ''
        text.append(f'{device}: {", ".join(good) or "none"}{absent}')
    value = '; '.join(text)
    if not (answer.data['cpu']['nms'] and answer.data['cpu']['roi_align']):
        return Finding(
            'mmcv ops',
            value,
            ERROR,
            _mend('--force-reinstall --no-deps --no-build-isolation --no-binary mmcv mmcv==2.1.0'),
            answer.data,
        )
    if cuda and not answer.data.get('cuda', {}).get('nms'):
        return Finding(
            'mmcv ops',
            f'{value}; a GPU is there, but mmcv was compiled without CUDA',
            WARNING,
            'FORCE_CUDA=1 make env',
            answer.data,
        )
    # mmcv has no CPU kernel for roi_pool and the focal loss; wsod_mm.ops has its own exact RoI
    # pooling
    return Finding('mmcv ops', value, OK, '', answer.data)


def _plain(name: str, probe: Callable[[str], Probe]) -> Finding:
    answer = probe(_import(name))
    if answer.data is None:
        return Finding(name, f'does not import: {answer.error}', ERROR, _mend(name))
    return Finding(name, answer.data or installed(name) or 'installed')


def _opencv(probe: Callable[[str], Probe], lookup: Callable[[str], str | None]) -> Finding:
    there = [name for name in _OPENCV if lookup(name) is not None]
    python = shlex.quote(sys.executable)
    # one flavour's removal takes files of the others along, hence the reinstallation in the same
    # command
    version = next((f'=={lookup(name)}' for name in there), '')
    mend = f'{python} -m pip install --force-reinstall --no-deps {_OURS}{version}'
    if there:
        mend = f'{python} -m pip uninstall -y {" ".join(there)} && {mend}'
    answer = probe(CV2)
    if answer.data is None:
        return Finding('opencv', f'cv2 does not import: {answer.error}', ERROR, mend)
    data, names = answer.data, ', '.join(there) or 'not from pip'
    if len(there) > 1:
        return Finding(
            'opencv',
            f'{data["version"]}; several flavours share one folder: {names}',
            WARNING,
            mend,
            data,
        )
    if not data['selective_search']:
        return Finding(
            'opencv',
            f'{data["version"]} ({names}) has no selective search: proposals cannot be generated',
            WARNING,
            mend,
            data,
        )
    return Finding('opencv', f'{data["version"]} ({names}), with selective search', OK, '', data)


def _setuptools(probe: Callable[[str], Probe], lookup: Callable[[str], str | None]) -> Finding:
    version = lookup('setuptools')
    if probe(PKG_RESOURCES).data:
        return Finding('setuptools', f'{version}, with pkg_resources')
    return Finding(
        'setuptools',
        f'{version or "not installed"}: pkg_resources, which MMEngine imports, is missing',
        ERROR,
        f"{shlex.quote(sys.executable)} -m pip install 'setuptools<81'",
    )


def _optional(name: str, why: str, probe: Callable[[str], Probe], lookup: Callable[[str], str | None]) -> Finding:
    version = lookup(name)
    command = f'{shlex.quote(sys.executable)} -m pip install {name}'
    if version is None:
        return Finding(name, f'not installed (optional: {why})', NOTE, command)
    answer = probe(_import(name))
    if answer.data is None:
        return Finding(name, f'{version} does not import: {answer.error}', WARNING, f'{command} --upgrade')
    return Finding(name, version)


def _torchvision(probe: Callable[[str], Probe], lookup: Callable[[str], str | None]) -> Finding:
    version = lookup('torchvision')
    if version is None:
        return Finding('torchvision', 'not installed (not needed)')
    answer = probe(_import('torchvision'))
    if answer.data is None:
        # libraries that try to import it fall over an installation that does not match torch
        return Finding(
            'torchvision',
            f'{version} does not load beside this torch: {answer.error}',
            WARNING,
            f'{shlex.quote(sys.executable)} -m pip uninstall -y torchvision',
        )
    return Finding('torchvision', f'{version} (not needed)')


def report(findings: list[Finding]) -> str:
    """Format the findings: one line each, then the commands that mend the problems, each once."""
    width = max(len(finding.name) for finding in findings)
    lines = [f'{_MARKS[f.status]} {f.name:<{width}}  {f.value}' for f in findings]
    problems = [f for f in findings if f.status in (WARNING, ERROR) and f.fix]
    if problems:
        lines += ['', 'To mend:']
        for command in dict.fromkeys(f.fix for f in problems):
            lines.append(f'  {command}    # {", ".join(f.name for f in problems if f.fix == command)}')
    errors = sum(f.status == ERROR for f in findings)
    lines += [
        '',
        f'{errors} problem(s) that must be mended' if errors else 'Everything that wsod_mm needs works.',
    ]
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the report; returns 1 when something needed does not work, else 0."""
    parser = argparse.ArgumentParser(prog='python -m wsod_mm.doctor', description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true', help='print the findings as JSON')
    args = parser.parse_args(arguments)
    findings = diagnose()
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print(report(findings))
    return int(any(finding.status == ERROR for finding in findings))


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    sys.exit(main())
