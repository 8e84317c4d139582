"""Tests of Wide ResNet-38: grids, taps, freezing, batch norm, dropout, errors. The goldens hold its arithmetic."""

import pytest
import torch
from torch import nn

from wsod_mm.models.backbones import ResNet38


def build(**kwargs):
    torch.manual_seed(0)
    body = ResNet38(width_mult=1 / 16, **kwargs)
    body.init_weights()
    return body


@pytest.fixture
def picture():
    return torch.randn(2, 3, 33, 50, generator=torch.Generator().manual_seed(0))


def test_taps_and_grid(picture):
    body = build().eval()
    maps = body(picture)
    assert [tuple(x.shape) for x in maps] == [(2, 32, 5, 7), (2, 64, 5, 7), (2, 256, 5, 7)]
    assert body.tap_channels == body.out_channels == (32, 64, 256)
    assert all((x >= 0).all() and x.any() for x in maps)
    other = build(out_indices=(2,)).eval()
    assert other.out_channels == (256,) and torch.equal(other(picture)[0], maps[2])


def test_size_at_full_width():
    with torch.device('meta'):
        body = ResNet38()
    assert sum(p.numel() for p in body.parameters()) == 105152832 - 20 * 4096
    frozen = [n for n, p in body.train().named_parameters() if not p.requires_grad]
    assert sum('conv' in name for name in frozen) == 8 and len(frozen) == 82
    dilations = {n: m.dilation[0] for n, m in body.named_modules() if isinstance(m, nn.Conv2d) and m.dilation[0] > 1}
    assert dilations == {
        'b5.conv_branch2b1': 2,
        **{f'b5_{i}.conv_branch{part}': 2 for i in (1, 2) for part in ('2a', '2b1')},
        'b6.conv_branch2b1': 4,
        'b7.conv_branch2b1': 4,
    }


def test_batch_norm_is_frozen_in_training_unless_told_otherwise(picture):
    frozen, trained = build().train(), build(norm_frozen=False).train()
    before = {n: b.clone() for n, b in frozen.named_buffers()}
    frozen(picture)
    assert all(torch.equal(before[n], b) for n, b in frozen.named_buffers())
    assert not any(p.requires_grad for n, p in frozen.named_parameters() if 'bn' in n)
    trained(picture)[2].sum().backward()
    moved = {
        n.split('.')[0] for n, b in trained.named_buffers() if n.endswith('mean') and not torch.equal(before[n], b)
    }
    assert 'b3' in moved and 'bn7' in moved and not moved & {'b2', 'b2_1', 'b2_2'}  # whole stages stay frozen
    assert trained.bn7.weight.grad is not None and trained.b2.bn_branch2a.weight.grad is None


@pytest.mark.parametrize('frozen', [0, 1, 2, 7])
def test_frozen_stages(picture, frozen):
    body = build(frozen_stages=frozen).train()
    maps = body(picture)
    trained = [p for p in body.parameters() if p.requires_grad]
    assert bool(trained) == maps[2].requires_grad == (frozen < 7)
    if trained:
        maps[2].sum().backward()
    for name, parameter in body.named_parameters():
        stage = 1 if name.startswith('conv1a') else int(name.split('.')[0].lstrip('bn').split('_')[0])
        assert (parameter.grad is not None) == ('conv' in name and stage > frozen), name


def test_dropouts_act_in_training_only(picture):
    body = build().train()
    first, second = body(picture), body(picture)
    assert torch.equal(first[1], second[1]) and not torch.equal(first[2], second[2])
    without = build(dropouts=(0, 0)).train()(picture)
    assert torch.equal(without[2], body.eval()(picture)[2])


@pytest.mark.parametrize(
    'kwargs', [dict(out_indices=(1, 0)), dict(frozen_stages=8), dict(dropouts=(0.3,)), dict(out_indices=(3,))]
)
def test_bad_arguments_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        build(**kwargs)
    with pytest.raises(ValueError, match='width_mult'):
        ResNet38(width_mult=0)
