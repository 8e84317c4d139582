import math

import pytest
import torch

from wsod_mm.functional.attention import (
    attention_consistency,
    attention_target,
    divide_by_rows,
    image_wise_loss,
    layer_wise_loss,
    ramp_up,
    shared_rows,
    spatial_attention,
    unflip_maps,
    whole_map_consistency,
)

from .test_no_host_sync import SYNCHRONISE, Trace

FLIPPED = (False, True)


def features(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_(True)


def test_attention_by_hand():
    x = torch.tensor([[[[0.0, 2.0]], [[2.0, 6.0]]]])  # means 1 and 4
    torch.testing.assert_close(spatial_attention(x)[0, 0], torch.tensor([1.0, 4.0]).sigmoid())
    torch.testing.assert_close(spatial_attention(x, minmax=True)[0, 0], torch.tensor([0.0, 1.0]).sigmoid())


def test_attention_is_float32_whatever_the_input():
    x = torch.full((1, 512, 7, 7), 0.1, dtype=torch.bfloat16)
    attention = spatial_attention(x, minmax=True)
    assert attention.dtype == torch.float32 and (attention == 0.5).all()


def test_minmax_gradient_goes_to_one_minimum():
    x = torch.tensor([[[[0.0, 0.0, 1.0, 4.0]]]], requires_grad=True)
    spatial_attention(x, minmax=True)[0, 0, 2].backward()
    below = x.grad.flatten()[:2]
    assert (below != 0).sum() == 1 and x.grad.sum().abs() < 1e-6


def test_a_constant_map_has_attention_one_half_and_a_tame_gradient():
    x = torch.full((1, 3, 4, 4), 5.0, requires_grad=True)
    attention = spatial_attention(x, minmax=True)
    assert (attention == 0.5).all()
    (attention * torch.randn(4, 4)).sum().backward()
    assert x.grad.abs().max() < 10


def test_unflip_mirrors_the_flipped_views_only():
    maps = torch.rand(3, 2, 4, 5)
    out = unflip_maps(maps, [False, True, False])
    assert torch.equal(out[0], maps[0]) and torch.equal(out[2], maps[2])
    assert torch.equal(out[1], maps[1][..., torch.arange(4, -1, -1)])
    assert torch.equal(unflip_maps(out, [False, True, False]), maps)


@pytest.mark.parametrize('distance', ['mse', 'l2'])
def test_consistency_against_loops(distance):
    maps = torch.rand(3, 4, 2, 5)
    valid = torch.tensor([True, False, True, True])
    total = 0.0
    for v in range(3):
        for k in (0, 2, 3):
            squared = [
                (maps[v, k, y, x].item() - max(maps[u, k, y, x].item() for u in range(3))) ** 2
                for y in range(2)
                for x in range(5)
            ]
            total += sum(squared) / 10 if distance == 'mse' else math.sqrt(sum(squared))
    loss = attention_consistency(maps, valid, distance)
    torch.testing.assert_close(loss, torch.tensor(total / 3), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(attention_consistency(maps[:, valid], None, distance), loss)


def test_target_has_no_gradient():
    maps = torch.tensor([0.2, 0.7]).view(2, 1, 1, 1).requires_grad_(True)
    attention_consistency(maps).backward()
    # only the lower map moves; with a gradient through the target the upper one would move too
    torch.testing.assert_close(maps.grad.flatten(), torch.tensor([-1.0, 0.0]))
    assert not attention_target(maps).requires_grad


@pytest.mark.parametrize('distance', ['mse', 'l2'])
@pytest.mark.parametrize('count', [0, 3])
def test_no_valid_row_is_a_zero_with_a_graph(distance, count):
    x = features(2, count, 4, 7, 7)
    valid = torch.zeros(count, dtype=torch.bool)
    for minmax in (False, True):
        loss = image_wise_loss(x, FLIPPED, valid, distance, minmax)
        (grad,) = torch.autograd.grad(loss, x)
        assert loss == 0 and not grad.any()
    assert layer_wise_loss([x[0], x[1]], valid, distance) == 0


def test_consistent_views_have_no_loss_and_no_gradient():
    x = features(1, 5, 4, 7, 7)
    views = torch.cat([x, x.flip(-1)])
    for distance in ('mse', 'l2'):
        loss = image_wise_loss(views, FLIPPED, distance=distance)
        assert loss < 1e-5  # a mirrored map may be rounded differently
        (grad,) = torch.autograd.grad(loss, x)
        assert grad.isfinite().all() and (distance == 'l2' or grad.abs().max() < 1e-6)
    assert image_wise_loss(views, (False, False)) > 1e-3


def test_a_flipped_image_gives_the_same_loss():
    x = features(4, 5, 4, 7, 7)
    flipped = (False, True, False, True)
    mirrored = x.flip(-1)[[1, 0, 3, 2]]  # what is seen when the image itself is mirrored
    for minmax in (False, True):
        torch.testing.assert_close(
            image_wise_loss(mirrored, flipped, minmax=minmax), image_wise_loss(x, flipped, minmax=minmax)
        )


def test_padding_rows_change_nothing():
    x = features(4, 6, 3, 7, 7)
    valid = torch.tensor([1, 1, 0, 1, 0, 0]).bool()
    flipped = (False, True, False, True)
    padded, short = image_wise_loss(x, flipped, valid), image_wise_loss(x[:, valid], flipped)
    torch.testing.assert_close(padded, short)
    (grad,) = torch.autograd.grad(padded, x)
    assert not grad[:, ~valid].any() and grad[:, valid].any()


def test_every_switch_changes_the_gradient():
    x = features(2, 5, 4, 7, 7)
    settings = [{}, {'distance': 'l2'}, {'minmax': True}, {'flipped': (False, False)}]
    grads = [torch.autograd.grad(image_wise_loss(x, **{'flipped': FLIPPED, **s}), x)[0] for s in settings]
    for grad in grads[1:]:
        assert not torch.allclose(grad, grads[0], rtol=1e-3, atol=1e-8)


def test_layer_wise_loss_is_the_consistency_of_the_layers():
    layers = [features(3, c, 7, 7, seed=c) for c in (2, 5, 8)]
    expected = attention_consistency(torch.stack([spatial_attention(f) for f in layers]))
    torch.testing.assert_close(layer_wise_loss(layers), expected)
    assert all(g.any() for g in torch.autograd.grad(layer_wise_loss(layers), layers))
    assert layer_wise_loss(layers[:1]) == 0
    assert layer_wise_loss(layers, minmax=True) != layer_wise_loss(layers)
    valid = torch.tensor([True, False, True])
    torch.testing.assert_close(
        layer_wise_loss(layers, valid, 'l2'), layer_wise_loss([f[valid] for f in layers], None, 'l2')
    )


def test_whole_maps_are_compared_within_a_scale():
    a, b = features(2, 4, 6, 9), features(2, 4, 8, 12, seed=1)
    expected = image_wise_loss(a[:, None], FLIPPED) + image_wise_loss(b[:, None], FLIPPED)
    torch.testing.assert_close(whole_map_consistency([a, b]), expected)
    mirror = torch.cat([a[:1], a[:1].flip(-1)])
    assert whole_map_consistency([mirror]) < 1e-12 < whole_map_consistency([a])


@pytest.mark.parametrize('mode', ['intersection', 'union', 'first'])
def test_shared_rows_against_sets(mode):
    sampled = torch.rand(3, 12, generator=torch.Generator().manual_seed(3)) < 0.6
    sets = [set(row.nonzero()[:, 0].tolist()) for row in sampled]
    expected = {'intersection': set.intersection(*sets), 'union': set.union(*sets), 'first': sets[0]}[mode]
    rows, valid = shared_rows(sampled, 20, mode)
    assert rows.shape == valid.shape == (12,)
    assert rows[valid].tolist() == sorted(expected)
    rows, valid = shared_rows(sampled, 2, mode)
    assert rows[valid].tolist() == sorted(expected)[:2]


def test_shared_rows_may_be_empty():
    assert not shared_rows(torch.eye(3).bool(), 3)[1].any()


def test_divide_by_rows():
    losses = [torch.tensor(2.0, requires_grad=True), torch.tensor(4.0)]
    assert divide_by_rows(losses, torch.tensor([True, True, True, False])) == 2
    assert divide_by_rows(losses, torch.tensor([False])) == 6  # nothing to divide by, and no NaN


def test_ramp_up():
    assert ramp_up(99, 100) == 0
    assert ramp_up(100, 100, 50) == pytest.approx(math.exp(-5))
    assert ramp_up(125, 100, 50) == pytest.approx(math.exp(-1.25))
    assert ramp_up(150, 100, 50) == ramp_up(10**6, 100, 50) == 1
    assert ramp_up(22500) == pytest.approx(math.exp(-1.25))
    assert ramp_up(100, 100, 0) == 1 and ramp_up(99, 100, 0) == 0
    with pytest.raises(ValueError, match='-1'):
        ramp_up(0, 0, -1)


def test_bad_input():
    x = torch.zeros(2, 3, 4, 7, 7)
    with pytest.raises(ValueError, match='features'):
        spatial_attention(x)
    with pytest.raises(ValueError, match='features'):
        image_wise_loss(x[0], FLIPPED)
    with pytest.raises(ValueError, match='flip flags'):
        image_wise_loss(x, (False,))
    with pytest.raises(ValueError, match='valid'):
        image_wise_loss(x, FLIPPED, torch.ones(4).bool())
    with pytest.raises(ValueError, match="'l1'"):
        image_wise_loss(x, FLIPPED, distance='l1')
    with pytest.raises(ValueError, match='agree'):
        layer_wise_loss([x[0], x[0, :2]])
    with pytest.raises(ValueError, match='agree'):
        layer_wise_loss([])
    with pytest.raises(ValueError, match='scale'):
        whole_map_consistency([])
    with pytest.raises(ValueError, match="'all'"):
        shared_rows(torch.ones(2, 3).bool(), 3, 'all')


@pytest.mark.parametrize('distance', ['mse', 'l2'])
def test_no_host_synchronisation(distance):
    x = features(4, 10, 3, 7, 7)
    sampled = torch.rand(4, 10) < 0.5
    with Trace() as trace:
        rows, valid = shared_rows(sampled, 6)
        loss = image_wise_loss(x[:, rows], (False, True, False, True), valid, distance, minmax=True)
        loss = divide_by_rows([loss, layer_wise_loss([x[0], x[1]], sampled[0], distance)], valid)
        (loss + whole_map_consistency([x[:2, 0]])).backward()
    assert 'sort' in trace.names or 'argsort' in trace.names
    assert not trace.names & SYNCHRONISE
