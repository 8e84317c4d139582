"""Tests of the small body: shapes, freezing, errors."""

import pytest
import torch
from torch import nn

from wsod_mm.models.backbones.mini_cnn import MiniCNN
from wsod_mm.registry import MODELS


@pytest.fixture
def picture():
    return torch.randn(2, 3, 61, 80, generator=torch.Generator().manual_seed(0))


def test_default_has_stride_8(picture):
    (features,) = MiniCNN()(picture)
    assert features.shape == (2, 128, 8, 10)


def test_registry_builds_it():
    assert isinstance(MODELS.build(dict(type='MiniCNN', channels=(4, 8, 8, 8, 8))), MiniCNN)


def test_out_indices_and_depths(picture):
    body = MiniCNN(
        channels=(4, 6, 8),
        strides=(2, 1, 2),
        depths=(1, 2, 1),
        dilations=(1, 2, 1),
        out_indices=(0, 2),
    )
    first, last = body(picture)
    assert first.shape == (2, 4, 31, 40) and last.shape == (2, 8, 16, 20)
    assert sum(isinstance(m, nn.Conv2d) for m in body.modules()) == 4


def test_init_weights_is_kaiming_fan_out():
    torch.manual_seed(0)
    body = MiniCNN(channels=(64, 64, 64, 64, 256))
    body.init_weights()
    weight = body.stages[4][0].weight
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.05)


@pytest.mark.parametrize('frozen', [-1, 0, 2, 5])
def test_frozen_stages_keep_weights_and_statistics(picture, frozen):
    body = MiniCNN(channels=(4, 4, 4, 4, 4), frozen_stages=frozen).train()
    assert [not any(p.requires_grad for p in stage.parameters()) for stage in body.stages] == [
        index < frozen for index in range(5)
    ]
    before = [stage[1].running_mean.clone() for stage in body.stages]
    (features,) = body(picture)
    moved = [not torch.equal(old, stage[1].running_mean) for old, stage in zip(before, body.stages, strict=True)]
    assert moved == [index >= frozen for index in range(5)]
    assert features.requires_grad == (frozen < 5)
    if frozen < 5:
        features.sum().backward()
        assert body.stages[4][0].weight.grad.abs().sum() > 0
        assert body.stages[0][0].weight.grad is None if frozen > 0 else body.stages[0][0].weight.grad is not None


def test_norm_eval_keeps_statistics_but_trains_weights(picture):
    body = MiniCNN(channels=(4, 4, 4, 4, 4), norm_eval=True).train()
    before = body.stages[0][1].running_mean.clone()
    body(picture)[0].sum().backward()
    assert torch.equal(before, body.stages[0][1].running_mean)
    assert body.stages[0][0].weight.grad is not None


@pytest.mark.parametrize(
    'arguments, word',
    [
        (dict(strides=(2, 2)), 'strides'),
        (dict(depths=(1,)), 'depths'),
        (dict(out_indices=(5,)), 'out_indices'),
        (dict(out_indices=()), 'out_indices'),
        (dict(frozen_stages=6), 'frozen_stages'),
    ],
)
def test_bad_arguments_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        MiniCNN(**arguments)
