"""Affinities by slices against gathering all pairs, and their written-out gradients against autograd."""

import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.pair_affinity import (
    boundary_affinity,
    embedding_affinity,
    shifted_boundary_affinity,
    shifted_embedding_affinity,
)
from wsod_mm.functional.pixel_pairs import (
    all_pair_indices,
    pair_indices,
    pair_offsets,
    pair_paths,
)
from wsod_mm.utils.measure import SYNCHRONISING

from .test_no_host_sync import Trace

TINY = [(4, 9), (5, 8), (3, 3), (1, 1), (10, 7)]


def gathered_embedding(x, offsets, radius, reduction='mean'):
    """The definition, with all pairs at once."""
    source, target = pair_indices(*x.shape[2:], offsets, radius)
    distance = (x.flatten(2)[:, :, source].unsqueeze(2) - x.flatten(2)[:, :, target]).abs()
    return torch.exp(-(distance.mean(1) if reduction == 'mean' else distance.sum(1)))


def gathered_boundary(edge, radius):
    """The public code's way: gather the cells of all paths, and pool over each path."""
    rows = []
    for paths in pair_paths(radius):
        source, _ = pair_indices(*edge.shape[1:], paths[:, 0], radius)
        cells = source + (paths[..., :1] * edge.shape[2] + paths[..., 1:])
        values = edge.flatten(1)[:, cells]  # [B, m, length, n]
        rows.append(1 - F.max_pool2d(values, (paths.shape[1], 1)).squeeze(2))
    return torch.cat(rows, 1)


def same_gradient(ours, oracle, inputs, **tolerance):
    """Values and gradients under a random upstream gradient agree."""
    torch.testing.assert_close(ours, oracle, **tolerance)
    upstream = torch.rand_like(ours)
    (grad,) = torch.autograd.grad(ours, inputs, upstream)
    (expected,) = torch.autograd.grad(oracle, inputs, upstream)
    assert expected.abs().sum() > 0
    torch.testing.assert_close(grad, expected, **tolerance)


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
@pytest.mark.parametrize(('radius', 'size'), [(5, (5, 9)), (5, (9, 12)), (3, (7, 5)), (10, (12, 21))])
def test_embedding_equals_gather(radius, size, reduction):
    torch.manual_seed(0)
    x = torch.randn(2, 6, *size, dtype=torch.float64, requires_grad=True)
    offsets = pair_offsets(radius)
    ours = embedding_affinity(x, offsets, radius, reduction=reduction)
    same_gradient(ours, gathered_embedding(x, offsets, radius, reduction), x)


def test_the_sum_is_not_the_mean():
    x = torch.randn(1, 6, 5, 9)
    mean, total = (embedding_affinity(x, pair_offsets(5), 5, reduction=r) for r in ('mean', 'sum'))
    torch.testing.assert_close(mean**6, total)
    assert (mean > total).all()


@pytest.mark.parametrize('values', ['continuous', 'ties'])
@pytest.mark.parametrize(('radius', 'size'), [(5, (5, 9)), (5, (9, 12)), (3, (7, 5)), (10, (12, 21))])
def test_boundary_equals_pooling_over_paths(radius, size, values):
    torch.manual_seed(0)
    edge = torch.rand(2, *size, dtype=torch.float64)
    edge = (edge if values == 'continuous' else (edge * 3).round() / 3).requires_grad_()
    same_gradient(boundary_affinity(edge, radius), gathered_boundary(edge, radius), edge)


def test_gradients_are_those_of_the_values():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    edge = torch.rand(1, 3, 4, dtype=torch.float64, requires_grad=True)
    for border in ('reference', 'full'):
        assert torch.autograd.gradcheck(lambda x, b=border: embedding_affinity(x, pair_offsets(2), 2, b), x)
        assert torch.autograd.gradcheck(lambda e, b=border: boundary_affinity(e, 2, b), edge)


@pytest.mark.parametrize('size', [(9, 12), *TINY])
def test_shifted_forms_hold_every_pair_of_the_map(size):
    torch.manual_seed(0)
    x, edge = torch.randn(3, *size), torch.rand(*size)
    number, source, target = all_pair_indices(*size, pair_offsets(5))
    expected = torch.zeros(34, x[0].numel())
    expected[number, source] = torch.exp(-(x.flatten(1)[:, source] - x.flatten(1)[:, target]).abs().mean(0))
    torch.testing.assert_close(shifted_embedding_affinity(x, pair_offsets(5)).flatten(1), expected)

    expected = torch.zeros(34, *size)
    paths = [path.tolist() for group in pair_paths(5) for path in group]
    for p, path in enumerate(paths):
        for y in range(size[0]):
            for x0 in range(size[1]):
                cells = [(y + dy, x0 + dx) for dy, dx in path]
                if all(cy < size[0] and 0 <= cx < size[1] for cy, cx in cells):
                    expected[p, y, x0] = 1 - max(edge[cell] for cell in cells)
    torch.testing.assert_close(shifted_boundary_affinity(edge, 5), expected, rtol=0, atol=0)


def test_borders_agree_where_both_have_the_pair():
    torch.manual_seed(0)
    x, edge = torch.randn(2, 3, 9, 12), torch.rand(2, 9, 12)
    source, _ = pair_indices(9, 12, pair_offsets(5), 5)
    inner, outer = (embedding_affinity(x, pair_offsets(5), 5, border) for border in ('reference', 'full'))
    assert inner.shape == (2, 34, len(source)) and outer.shape == (2, 34, 108)
    assert torch.equal(outer[..., source], inner)
    inner, outer = (boundary_affinity(edge, 5, border) for border in ('reference', 'full'))
    assert torch.equal(outer[..., source], inner) and outer.shape == (2, 34, 108)
    assert torch.equal(shifted_boundary_affinity(edge[1], 5).flatten(1), outer[1])


@pytest.mark.parametrize('size', TINY)
def test_maps_smaller_than_the_neighbourhood_have_no_pairs(size):
    x, edge = torch.rand(2, 3, *size, requires_grad=True), torch.rand(2, *size, requires_grad=True)
    ours = embedding_affinity(x, pair_offsets(5), 5), boundary_affinity(edge, 5)
    for affinity, leaf in zip(ours, (x, edge), strict=True):
        assert affinity.shape == (2, 34, 0)
        affinity.sum().backward()
        assert leaf.grad is not None and not leaf.grad.any()


def test_extremes():
    constant = torch.full((1, 3, 5, 9), 2.5)
    assert (embedding_affinity(constant, pair_offsets(5), 5) == 1).all()
    for value in (0.0, 1.0):
        assert (boundary_affinity(torch.full((1, 5, 9), value), 5) == 1 - value).all()


def test_half_precision_is_computed_in_float32():
    torch.manual_seed(0)
    x, edge = torch.randn(1, 40, 6, 10).half(), torch.rand(1, 6, 10).half()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        ours = embedding_affinity(x, pair_offsets(5), 5), boundary_affinity(edge, 5)
    assert torch.equal(ours[0], embedding_affinity(x.float(), pair_offsets(5), 5))
    assert torch.equal(ours[1], boundary_affinity(edge.float(), 5))
    assert all(a.dtype == torch.float32 for a in ours)


def test_no_wait_and_no_gathering_of_all_pairs():
    x, edge = torch.randn(1, 4, 6, 10, requires_grad=True), torch.rand(1, 6, 10, requires_grad=True)
    with Trace() as trace:
        for border in ('reference', 'full'):
            affinity = embedding_affinity(x, pair_offsets(3), 3, border), boundary_affinity(edge, 3, border)
            (affinity[0].sum() + affinity[1].sum()).backward()
    assert 'exp' in trace.names and not trace.names & SYNCHRONISING
    assert not {name for name in trace.names if 'index' in name or 'gather' in name or 'scatter' in name}


def test_bad_arguments():
    offsets = pair_offsets(5)
    with pytest.raises(ValueError, match=r'\[B, C, h, w\]'):
        embedding_affinity(torch.rand(3, 9, 9), offsets, 5)
    with pytest.raises(ValueError, match='one image'):
        shifted_embedding_affinity(torch.rand(1, 3, 9, 9), offsets)
    with pytest.raises(ValueError, match='reduction must be one of'):
        embedding_affinity(torch.rand(1, 3, 9, 9), offsets, 5, reduction='max')
    with pytest.raises(ValueError, match='border must be one of'):
        embedding_affinity(torch.rand(1, 3, 9, 9), offsets, 5, border='none')
    with pytest.raises(ValueError, match='their radius'):
        embedding_affinity(torch.rand(1, 3, 9, 9), offsets, 4)
    with pytest.raises(ValueError, match=r'\[B, h, w\]'):
        boundary_affinity(torch.rand(1, 1, 9, 9), 5)
    with pytest.raises(ValueError, match='border must be one of'):
        boundary_affinity(torch.rand(1, 9, 9), 5, border='none')
    with pytest.raises(ValueError, match='radius'):
        boundary_affinity(torch.rand(1, 9, 9), 1)
    with pytest.raises(ValueError, match='one image'):
        shifted_boundary_affinity(torch.rand(1, 9, 9), 5)


def test_the_order_of_boundaries_is_that_of_the_paths():
    """A single boundary cell separates the source from the offsets whose paths cross it."""
    edge = torch.zeros(1, 20, 30)
    edge[0, 6, 10 - 3] = 1
    separated = boundary_affinity(edge, 10)[0, :, 1] == 0  # from the second source, (0, 10)
    crossing = [[6, -3] in path for group in pair_paths(10) for path in group.tolist()]
    assert 1 < sum(crossing) < 30 and separated.tolist() == crossing
