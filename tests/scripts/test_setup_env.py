"""``make env``: the steps, their resumption, and what stands in the pins."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import setup_env
from interpreter import SWEEP_HALF_INSTALLED, choose_python
from running import StepFailed, exclusive, run_logged
from setup_env import Environment, Options

from wsod_mm.utils.versions import TESTED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


class Recorded(Environment):
    """An environment whose steps only note that they ran; one of them may fail."""

    def __init__(self, venv: Path, torch: str = '', fail_at: str = '', force: bool = False) -> None:
        super().__init__(Options('openmmlab', venv, '', torch, force))
        self.ran: list[str] = []
        self.fail_at = fail_at
        self.damage = ''

    def steps(self):
        def act(name):
            def action():
                if name == self.fail_at:
                    raise StepFailed(f'{name} fails')
                self.ran.append(name)
                if name == 'venv':
                    self.python.parent.mkdir(parents=True)
                    self.python.symlink_to(sys.executable)

            return action

        return [(name, text, act(name), digest) for name, text, _, digest in super().steps()]

    def problem(self) -> str:
        return self.damage


def test_interrupted_set_up_goes_on_and_a_complete_one_does_nothing(tmp_path):
    venv = tmp_path / 'venv'
    first = Recorded(venv, fail_at='mmcv')
    with pytest.raises(StepFailed, match='mmcv fails'):
        first.build()
    assert first.ran == ['venv', 'torch', 'runtime', 'crf', 'stack']

    second = Recorded(venv)
    second.build()
    assert second.ran == ['mmcv', 'opencv', 'package', 'check']

    third = Recorded(venv)
    third.build()
    assert third.ran == []


def test_another_torch_redoes_what_depends_on_it(tmp_path):
    Recorded(tmp_path / 'venv').build()
    other = Recorded(tmp_path / 'venv', torch='torch==2.12.0')
    other.build()
    assert other.ran == ['torch', 'runtime', 'crf', 'stack', 'mmcv', 'opencv', 'package', 'check']


def test_switch_for_cuda_ops_redoes_mmcv(tmp_path, monkeypatch):
    Recorded(tmp_path / 'venv').build()
    monkeypatch.setenv('FORCE_CUDA', '1')
    other = Recorded(tmp_path / 'venv')
    other.build()
    assert other.ran == ['mmcv', 'opencv', 'package', 'check']


def test_damaged_or_forced_environment_is_repaired(tmp_path, capsys):
    Recorded(tmp_path / 'venv').build()
    damaged = Recorded(tmp_path / 'venv')
    damaged.damage = 'mmdet is missing'
    damaged.build()
    assert damaged.ran[0] == 'torch' and 'mmdet is missing' in capsys.readouterr().out
    forced = Recorded(tmp_path / 'venv', force=True)
    forced.build()
    assert forced.ran == damaged.ran


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(StepFailed, match='not made by "make env"'):
        Recorded(tmp_path).build()
    assert (tmp_path / 'file').exists()


def test_probe_sees_what_is_missing(tmp_path):
    environment = Environment(Options('openmmlab', tmp_path, '', ''))
    environment.python = Path(sys.executable)
    environment.stack = ['mmengine==0.0.1', 'nosuchthing==1.0']
    problem = environment.problem()
    assert 'mmengine==0.0.1 wanted' in problem and 'nosuchthing==1.0 wanted, nothing found' in problem


def test_sweep_removes_what_a_killed_pip_left(tmp_path):
    def package(name, record):
        info = tmp_path / f'{name}-1.0.dist-info'
        info.mkdir()
        (tmp_path / f'{name}.py').touch()
        if record is not None:
            (info / 'RECORD').write_text(record)
        return info

    whole = package('whole', 'whole.py,,\n__pycache__/whole.cpython-311.pyc,,\n')
    unfinished = package('unfinished', None)
    torn = package('torn', 'torn.py,,\ntorn/part.py,,\n')
    (tmp_path / '~ld').mkdir()
    code = SWEEP_HALF_INSTALLED.replace("sysconfig.get_path('purelib')", repr(str(tmp_path)))
    subprocess.run([sys.executable, '-c', code], check=True)
    assert whole.exists() and not unfinished.exists() and not torn.exists()
    assert not (tmp_path / '~ld').exists()


def test_unsupported_python_is_named(tmp_path):
    old = tmp_path / 'python3.9'
    old.write_text('#!/bin/sh\necho 3.9\n')
    old.chmod(0o755)
    with pytest.raises(StepFailed, match=r'is 3\.9.*make env PYTHON='):
        choose_python(str(old))
    with pytest.raises(StepFailed, match='not an interpreter that starts'):
        choose_python('python-that-is-not-there')


def test_failed_command_shows_its_log(tmp_path):
    log = tmp_path / 'step.log'
    code = 'print("x.cpp:1: error: no such thing"); print("end"); raise SystemExit(3)'
    with pytest.raises(StepFailed) as caught:
        run_logged([sys.executable, '-c', code], log, 'the step')
    assert all(part in str(caught.value) for part in ('exit code 3', 'no such thing', str(log)))


def test_long_command_shows_that_it_lives(tmp_path, capsys):
    code = 'import time; print("halfway", flush=True); time.sleep(1.5)'
    run_logged([sys.executable, '-c', code], tmp_path / 'log', 'long step', every=0.5)
    assert re.search(r'long step: 0:0\d, halfway', capsys.readouterr().out)


def test_lock_is_held_by_an_orphaned_command(tmp_path):
    """A killed set-up leaves its command running; the next one must wait for it."""
    lock, log = tmp_path / 'lock', tmp_path / 'log'
    code = f"""if True:
        import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})
        from pathlib import Path
        from running import exclusive, run_logged
        with exclusive(Path({str(lock)!r}), 'x'):
            run_logged([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(3)'],
                       Path({str(log)!r}), 'sleep')
    """
    process = subprocess.Popen([sys.executable, '-c', code])
    while not log.exists() or not log.read_text():
        time.sleep(0.05)
    begun = time.monotonic()
    process.kill()
    process.wait()
    with exclusive(lock, 'the sleep'):
        assert time.monotonic() - begun > 1.5


def test_pins_are_the_tested_versions():
    for stack in ('openmmlab', 'onedl'):
        pins = dict(line.split('==') for line in setup_env._lines(setup_env.PINS / f'stack-{stack}.txt'))
        known = [entry for entry in TESTED if entry.distribution in pins]
        assert len(known) == 3  # the engine, mmcv, the detection library; others are what these import
        for entry in known:
            assert entry.tested == pins[entry.distribution] and entry.holds(entry.tested)
    torch = setup_env._lines(setup_env.PINS / 'torch.txt')
    assert torch == [f'torch=={TESTED[0].tested}']


def test_every_direct_requirement_is_pinned():
    pinned = {re.split(r'[=<]', line)[0].strip() for line in setup_env._lines(setup_env.PINS / 'constraints.txt')}
    for name in ('build', 'runtime', 'dev'):
        wanted = {re.split(r'[=<]', line)[0] for line in setup_env._lines(setup_env.PINS / f'{name}.txt')}
        assert wanted <= pinned, f'requirements/{name}.txt: no version for {wanted - pinned}'
    assert 'torchvision' in pinned


def test_ranges_of_pyproject_are_those_of_the_import_check():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    extras = project['optional-dependencies']
    for entry in TESTED[1:]:
        extra = 'onedl' if entry.distribution.startswith('onedl') else 'openmmlab'
        assert f'{entry.distribution}>={entry.minimum},<{entry.below}' in extras[extra]
    assert f'torch>={TESTED[0].minimum}' in project['dependencies']


@pytest.mark.parametrize('target', ['env', 'test', 'demo', 'lint', 'bench', 'doctor'])
def test_make_targets_pass_the_options_on(target):
    command = ['make', '-n', target, 'STACK=onedl', 'TORCH=torch>=2.12', 'PYTHON=python3.11']
    clean = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=clean).stdout
    assert "--stack 'onedl' --venv '.venv-onedl'" in text
    assert "--torch 'torch>=2.12'" in text and "--python 'python3.11'" in text
    if target != 'env':
        assert '.venv-onedl/bin/python' in text


def test_ci_runs_the_whole_suite():
    script = ROOT / '.ci' / 'run'
    assert os.access(script, os.X_OK)
    assert script.read_text().strip().splitlines()[-1] == 'exec make test'
