"""The doctor: what it says of whole and of broken environments, and that it starts without the
stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsod_mm import doctor
from wsod_mm.utils.probes import CV2, OPS, PKG_RESOURCES, TORCH, Probe, run_probe

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = {
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmdet': '3.3.0',
    'opencv-contrib-python-headless': '5.0.0.93',
    'setuptools': '80.9.0',
    'tensorboard': '2.21.0',
    'wandb': '0.31.0',
}
NAMES = ('nms', 'roi_align', 'roi_pool', 'deform_conv2d', 'sigmoid_focal_loss')
CPU = dict(zip(NAMES, (True, True, False, True, False), strict=True))
GPU = dict.fromkeys(NAMES, True)


def _world(**changes):
    """Answers of an environment in which all is well, but for ``changes`` (code or module ->
    Probe)."""
    answers = {
        TORCH: Probe({'version': '2.13.0+cpu', 'built_for': None, 'available': False, 'devices': []}),
        OPS: Probe({'cpu': CPU}),
        CV2: Probe({'version': '5.0.0', 'selective_search': True}),
        PKG_RESOURCES: Probe(True),
    }
    keys = {'torch': TORCH, 'ops': OPS, 'cv2': CV2, 'pkg_resources': PKG_RESOURCES}
    answers.update({keys[name]: value for name, value in changes.items() if name in keys})

    def probe(code):
        if code in answers:
            return answers[code]
        module = code.split('import json, ')[1].split(';')[0]
        return changes.get(module, Probe('1.0'))

    return probe


def _look(versions=None, **changes):
    found = doctor.diagnose(_world(**changes), (VERSIONS if versions is None else versions).get)
    return {finding.name: finding for finding in found}


def test_whole_environment_has_no_problem():
    found = _look()
    assert {f.status for n, f in found.items() if n != 'python'} == {doctor.OK}
    assert 'no roi_pool' in found['mmcv ops'].value
    assert 'Everything that wsod_mm needs works.' in doctor.report(list(found.values()))


BROKEN = {
    'torch absent': (None, {'torch': Probe(error='No module named torch')}, 'torch', 'error'),
    'ops do not load': (None, {'ops': Probe(error='undefined symbol')}, 'mmcv ops', 'error'),
    'nms fails': (None, {'ops': Probe({'cpu': {**CPU, 'nms': False}})}, 'mmcv ops', 'error'),
    'mmdet absent': (
        {**VERSIONS, 'mmdet': None},
        {'mmdet': Probe(error='No module')},
        'mmdet',
        'error',
    ),
    'mmdet too new': ({**VERSIONS, 'mmdet': '3.9.0'}, {}, 'mmdet', 'warning'),
    'both stacks': ({**VERSIONS, 'onedl-mmcv': '2.3.6'}, {}, 'mmcv', 'error'),
    'no selective search': (
        None,
        {'cv2': Probe({'version': '5', 'selective_search': False})},
        'opencv',
        'warning',
    ),
    'two flavours': ({**VERSIONS, 'opencv-python': '5.0.0.93'}, {}, 'opencv', 'warning'),
    'no pkg_resources': (None, {'pkg_resources': Probe(error='gone')}, 'setuptools', 'error'),
    'torchvision broken': (
        {**VERSIONS, 'torchvision': '0.28'},
        {'torchvision': Probe(error='libc10')},
        'torchvision',
        'warning',
    ),
    'wandb absent': ({**VERSIONS, 'wandb': None}, {}, 'wandb', 'note'),
}


@pytest.mark.parametrize('case', BROKEN)
def test_each_problem_has_its_status_and_one_command(case):
    versions, changes, name, status = BROKEN[case]
    found = _look(versions, **changes)
    assert found[name].status == status
    others = [f for n, f in found.items() if n not in (name, 'python')]
    assert {f.status for f in others} == {doctor.OK}
    if case != 'mmdet too new':
        assert found[name].fix and '\n' not in found[name].fix
        if status != 'note':
            assert doctor.report(list(found.values())).count(found[name].fix) == 1


def test_fork_stack_is_recognised():
    fork = {k: v for k, v in VERSIONS.items() if not k.startswith('mm')}
    fork.update({'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6', 'onedl-mmdetection': '3.5.1'})
    found = _look(fork)
    assert found['mmdet'].status == doctor.OK and 'onedl-mmdetection' in found['mmdet'].value


def test_gpu_without_cuda_ops_is_a_problem_with_its_command():
    torch = Probe({'version': '2.13.0', 'built_for': '13.0', 'available': True, 'devices': ['X']})
    without = _look(torch=torch, ops=Probe({'cpu': CPU, 'cuda': dict.fromkeys(NAMES, False)}))
    assert without['mmcv ops'].status == doctor.WARNING
    assert without['mmcv ops'].fix == 'FORCE_CUDA=1 make env'
    complete = _look(torch=torch, ops=Probe({'cpu': CPU, 'cuda': GPU}))
    assert complete['mmcv ops'].status == doctor.OK and 'cuda: nms' in complete['mmcv ops'].value


def test_outside_a_checkout_the_command_is_pip(monkeypatch):
    monkeypatch.setattr(doctor, 'checkout_dir', lambda: None)
    fix = _look({**VERSIONS, 'mmdet': None}, mmdet=Probe(error='No module'))['mmdet'].fix
    assert '-m pip install' in fix and 'mmdet==3.3.0' in fix


def test_a_crash_is_an_answer():
    assert 'signal 6' in run_probe('import os; os.abort()').error
    assert run_probe('raise ImportError("no good")').error == 'ImportError: no good'
    assert 'no answer' in run_probe('import time; time.sleep(9)', timeout=0.2).error
    assert run_probe('print("noise"); print("[1]")').data == [1]


def test_ops_are_really_called():
    """Here mmcv is compiled: the CPU kernels answer, and the two that mmcv lacks do not."""
    assert run_probe(OPS).data['cpu'] == CPU


def test_starts_without_any_library(tmp_path):
    """In an environment that holds nothing but Python."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path)], check=True)
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    result = subprocess.run(
        [str(tmp_path / 'bin' / 'python'), '-m', 'wsod_mm.doctor', '--json'],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
    )
    assert result.returncode == 1, result.stderr
    found = {entry['name']: entry for entry in json.loads(result.stdout)}
    for name in ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmcv ops', 'numpy', 'opencv', 'setuptools'):
        assert found[name]['status'] == 'error' and found[name]['fix'], name
    assert found['wandb']['status'] == 'note'


def test_exit_code_and_json(monkeypatch, capsys):
    whole = [doctor.Finding('a', 'fine'), doctor.Finding('b', 'odd', doctor.WARNING, 'fix b')]
    monkeypatch.setattr(doctor, 'diagnose', lambda: whole)
    assert doctor.main([]) == 0 and 'fix b' in capsys.readouterr().out
    monkeypatch.setattr(doctor, 'diagnose', lambda: [*whole, doctor.Finding('c', 'x', doctor.ERROR, 'f')])
    assert doctor.main(['--json']) == 1
    assert json.loads(capsys.readouterr().out)[2]['status'] == 'error'
