"""The command line of the weight conversion."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import torch

from wsod_mm.utils.weights import resnet_shapes

_ROOT = Path(__file__).resolve().parents[2]
_TOOL = _ROOT / 'tools' / 'convert_weights.py'


def test_resnet18(tmp_path):
    state = {name: torch.zeros(shape) for name, shape in resnet_shapes(18).items()}
    state['conv1.weight'][:, 0] = 1
    torch.save(state, tmp_path / 'in.pth')
    done = subprocess.run(
        [
            sys.executable,
            str(_TOOL),
            'resnet-torchvision',
            str(tmp_path / 'in.pth'),
            str(tmp_path / 'out.pth'),
            '--rgb-to-bgr',
            '--layer4',
            'backbone',
        ],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(_ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'take BGR images' in done.stdout
    out = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert 'backbone.layer4.0.conv1.weight' in out
    assert out['backbone.conv1.weight'][:, 2].eq(1).all()


def test_errors(tmp_path, capsys):
    main = runpy.run_path(str(_TOOL))['main']
    torch.save({'a': torch.zeros(1)}, tmp_path / 'in.pth')
    assert main(['vgg16-caffe', str(tmp_path / 'in.pth'), str(tmp_path / 'out.pth')]) == 1
    message = capsys.readouterr().err
    assert 'in.pth' in message and 'not a complete VGG16' in message
    assert main(['vgg16-caffe', str(tmp_path / 'absent.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'absent.pth' in capsys.readouterr().err
    assert not (tmp_path / 'out.pth').exists()
