"""Tests of VGG16-LargeFOV: grids, taps, freezing, the switches, errors. The goldens hold its arithmetic."""

import pytest
import torch

from wsod_mm.models.backbones import VGG16LargeFOV
from wsod_mm.registry import MODELS


def build(**kwargs):
    torch.manual_seed(0)
    return VGG16LargeFOV(width_mult=1 / 16, **kwargs)


@pytest.fixture
def picture():
    return torch.randn(2, 3, 33, 50, generator=torch.Generator().manual_seed(0))


def test_taps_and_grid(picture):
    body = build().eval()
    maps = body(picture)
    assert [tuple(x.shape) for x in maps] == [(2, 32, 5, 7), (2, 32, 5, 7), (2, 64, 5, 7)]
    assert body.tap_channels == body.out_channels == (32, 32, 64)
    assert all((x >= 0).all() for x in maps)
    other = build(out_indices=(0, 2)).eval()
    assert other.out_channels == (32, 64)
    assert all(torch.equal(a, b) for a, b in zip(other(picture), (maps[0], maps[2]), strict=True))


def test_layers_have_the_published_names():
    layers = {name.rpartition('.')[0] for name in build().state_dict()}
    convs = {f'conv{b}_{i}' for b, n in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, n + 1)}
    assert layers == convs | {'fc6', 'fc7'}
    assert sum(p.numel() for p in MODELS.build(dict(type='VGG16LargeFOV')).parameters()) == 20504384 - 20 * 1024


def test_dilation_of_fc6_changes_the_end_only(picture):
    narrow, wide = build().eval()(picture), build(fc6_dilation=4).eval()(picture)
    assert torch.equal(narrow[1], wide[1]) and narrow[2].shape == wide[2].shape
    assert not torch.equal(narrow[2], wide[2])


@pytest.mark.parametrize('frozen', [0, 2, 5])
def test_frozen_stages(picture, frozen):
    body = build(frozen_stages=frozen).train()
    sum(x.sum() for x in body(picture)).backward()
    for name, parameter in body.named_parameters():
        trained = name.startswith('fc') or int(name[4]) > frozen
        assert parameter.requires_grad == trained and (parameter.grad is not None) == trained, name


def test_dropout_acts_in_training_only(picture):
    body = build()
    torch.manual_seed(1)
    first, second = body(picture), body(picture)
    assert torch.equal(first[1], second[1]) and not torch.equal(first[2], second[2])
    assert torch.equal(build(dropout=0.0)(picture)[2], body.eval()(picture)[2])


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(fc6_dilation=0),
        dict(out_indices=()),
        dict(out_indices=(2, 0)),
        dict(out_indices=(3,)),
        dict(frozen_stages=6),
    ],
)
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        build(**kwargs)
    with pytest.raises(ValueError, match='width_mult'):
        VGG16LargeFOV(width_mult=0)
