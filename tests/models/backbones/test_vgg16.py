"""VGG16 body: strides, names, frozen stages."""

import pytest
import torch
from torch.nn import functional as F

from wsod_mm.registry import MODELS

_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_POOL_BEFORE = (5, 10, 17, 24)


def _build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='VGG16', width_mult=1 / 16, **kwargs))


def _reference(net, x, stride):
    """The network written as a loop over torchvision's layer numbers."""
    state = net.state_dict()
    for number in _NUMBERS:
        if number in _POOL_BEFORE and not (number == 24 and stride == 8):
            x = F.max_pool2d(x, 2)
        dilation = 2 if number >= 24 and stride == 8 else 1
        weight, bias = state[f'features.{number}.weight'], state[f'features.{number}.bias']
        x = F.relu(F.conv2d(x, weight, bias, padding=dilation, dilation=dilation))
    return x


@pytest.mark.parametrize('stride', [8, 16])
def test_forward(stride):
    net = _build(stride=stride)
    net.init_weights()
    x = torch.randn(2, 3, 70, 101)
    out = net(x)
    assert isinstance(out, tuple) and len(out) == 1
    assert out[0].shape == (2, net.out_channels, 70 // stride, 101 // stride)
    assert out[0].std() > 0.01
    torch.testing.assert_close(out[0], _reference(net, x, stride))


def test_names_are_torchvisions():
    names = {f'features.{n}.{part}' for n in _NUMBERS for part in ('weight', 'bias')}
    for stride in (8, 16):
        assert set(_build(stride=stride).state_dict()) == names
    assert MODELS.build(dict(type='VGG16')).out_channels == 512


@pytest.mark.parametrize(('stages', 'first_trained'), [(0, 0), (1, 5), (2, 10), (3, 17), (4, 24), (5, 99)])
def test_frozen_stages(stages, first_trained):
    net = _build(frozen_stages=stages)
    out = net(torch.randn(1, 3, 32, 32))[0].sum()
    if stages < 5:
        out.backward()
    else:
        assert not out.requires_grad
    for name, parameter in net.named_parameters():
        trained = int(name.split('.')[1]) >= first_trained
        assert parameter.requires_grad == trained
        assert (parameter.grad is not None) == trained


def test_frozen_stages_change_no_value():
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(_build(frozen_stages=2)(x)[0], _build(frozen_stages=0)(x)[0])


@pytest.mark.parametrize(
    ('kwargs', 'text'),
    [
        (dict(stride=32), 'stride 8 or 16'),
        (dict(frozen_stages=6), 'frozen_stages'),
        (dict(width_mult=0), 'width_mult'),
    ],
)
def test_bad_settings(kwargs, text):
    with pytest.raises(ValueError, match=text):
        MODELS.build({'type': 'VGG16', **kwargs})


@pytest.mark.parametrize('frozen', [0, 2, 3, 5])
@pytest.mark.parametrize('stride', [8, 16])
def test_every_block_can_be_returned(stride, frozen):
    net = _build(stride=stride, frozen_stages=frozen, out_blocks=(2, 3, 4, 5))
    net.init_weights()
    x = torch.randn(1, 3, 64, 80)
    maps = net(x)
    assert [tuple(m.shape[2:]) for m in maps] == [(64 // s, 80 // s) for s in (2, 4, 8, stride)]
    one = _build(stride=stride, frozen_stages=frozen)
    one.load_state_dict(net.state_dict())
    torch.testing.assert_close(maps[-1], one(x)[0])
    # block 3 is features 10..16, its last convolution 14
    torch.testing.assert_close(maps[1], net.features[:16](x))
    assert [m.requires_grad for m in maps] == [block > frozen for block in (2, 3, 4, 5)]


@pytest.mark.parametrize('blocks', [(), (5, 2), (2, 2), (6,)])
def test_blocks_that_are_not_there_are_an_error(blocks):
    with pytest.raises(ValueError, match='out_blocks'):
        _build(out_blocks=blocks)
