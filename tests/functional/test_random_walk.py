"""The sparse walk is the dense one; what a walk keeps; maps of a few cells."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.pixel_pairs import pair_offsets
from wsod_mm.functional.random_walk import (
    WALK_METHODS,
    random_walk,
    reference_border,
    symmetric_affinity,
    transition_matrix,
)


def affinities(radius, height, width, seed=0):
    offsets = pair_offsets(radius)
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(offsets), height, width, generator=generator, dtype=torch.float64), offsets


def dense(affinity, offsets, beta=1.0):
    """Pair by pair."""
    height, width = affinity.shape[1:]
    matrix = np.eye(height * width)
    for p, (dy, dx) in enumerate(offsets.tolist()):
        for y in range(height):
            for x in range(width):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    i, j = y * width + x, (y + dy) * width + x + dx
                    matrix[i, j] = matrix[j, i] = float(affinity[p, y, x]) ** beta
    return matrix


SIZES = [(3, 6, 7), (5, 9, 8), (5, 3, 4), (2, 1, 1), (5, 1, 9), (5, 2, 2)]


@pytest.mark.parametrize(('radius', 'height', 'width'), SIZES)
def test_matrix_is_that_of_all_pairs(radius, height, width):
    affinity, offsets = affinities(radius, height, width)
    expected = dense(affinity, offsets, 3)
    matrix = symmetric_affinity(affinity, offsets, 3)
    np.testing.assert_allclose(matrix.to_dense(), expected, atol=1e-15)
    assert matrix.values().numel() <= (2 * len(offsets) + 1) * height * width
    columns = matrix.col_indices().split(matrix.crow_indices().diff().tolist())
    assert all(bool((row.diff() > 0).all()) for row in columns)
    transition = transition_matrix(affinity, offsets, 3).to_dense()
    np.testing.assert_allclose(transition, expected / expected.sum(0), atol=1e-15)


@pytest.mark.parametrize('method', WALK_METHODS)
@pytest.mark.parametrize(('dtype', 'atol'), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
@pytest.mark.parametrize(('radius', 'height', 'width'), SIZES)
def test_walk_is_the_power_of_the_dense_matrix(method, dtype, atol, radius, height, width):
    affinity, offsets = affinities(radius, height, width)
    matrix = dense(affinity, offsets, 8)
    values = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    expected = values.flatten(1).numpy() @ np.linalg.matrix_power(matrix / matrix.sum(0), 64)
    walked = random_walk(values, transition_matrix(affinity, offsets, 8, dtype, method), 64)
    assert walked.dtype == dtype and walked.shape == values.shape
    np.testing.assert_allclose(walked.flatten(1), expected, atol=atol)


@pytest.mark.parametrize('method', WALK_METHODS)
def test_what_a_walk_keeps(method):
    affinity, offsets = affinities(5, 12, 14)
    affinity[:, 5, 6] = 0
    for (dy, dx), plane in zip(offsets.tolist(), affinity, strict=True):  # both directions: (5, 6) is alone
        if 0 <= 6 - dx < 14 and 5 - dy >= 0:
            plane[5 - dy, 6 - dx] = 0
    values = torch.rand(4, 12, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    values[1], values[2] = 0.3, 0
    before = values.clone()
    walked = random_walk(values, transition_matrix(affinity, offsets, 8, method=method), 256)
    assert torch.equal(values, before)
    torch.testing.assert_close(walked[1], values[1], rtol=0, atol=1e-13)
    assert torch.equal(walked[2], values[2])
    torch.testing.assert_close(walked[:, 5, 6], values[:, 5, 6], rtol=0, atol=1e-13)
    for plane in (0, 3):
        assert values[plane].min() - 1e-13 <= walked[plane].min() and walked[plane].max() <= values[plane].max() + 1e-13
        assert (walked[plane] - values[plane]).abs().max() > 0.1


def test_no_steps_and_no_planes():
    affinity, offsets = affinities(3, 4, 5)
    transition = transition_matrix(affinity, offsets)
    values = torch.rand(2, 4, 5)
    assert torch.equal(random_walk(values, transition, 0), values.double())
    assert random_walk(values[:0], transition).shape == (0, 4, 5)


def test_steps_add_up():
    affinity, offsets = affinities(4, 7, 8)
    transition = transition_matrix(affinity, offsets)
    values = torch.rand(2, 7, 8, dtype=torch.float64)
    once = random_walk(values, transition, 12)
    torch.testing.assert_close(random_walk(random_walk(values, transition, 5), transition, 7), once)
    assert not torch.equal(random_walk(values, transition, 5), once)


def test_zero_affinities_are_not_stored_and_walk_nowhere():
    affinity, offsets = affinities(5, 6, 9)
    matrix = symmetric_affinity(torch.zeros_like(affinity), offsets)
    assert matrix.values().numel() == 54
    values = torch.rand(2, 6, 9, dtype=torch.float64)
    for method in WALK_METHODS:
        assert torch.equal(random_walk(values, transition_matrix(0 * affinity, offsets, method=method), 9), values)


@pytest.mark.parametrize(('height', 'width'), [(5, 9), (9, 15), (30, 20)])
def test_reference_border_leaves_ten_cells_alone(height, width):
    affinity, offsets = affinities(5, height, width)
    affinity += 0.1
    full = symmetric_affinity(affinity, offsets).to_dense().gt(0).sum(0)
    inner = (
        symmetric_affinity(reference_border(affinity), offsets).to_dense().gt(0).sum(0).unflatten(0, (height, width))
    )
    assert full.min() > 1
    alone = {(y, x) for y, x in (inner == 1).nonzero().tolist()}
    corners = {(height - 1 - k, x) for k in range(2) for x in range(2 - k)}
    corners |= {(y, width - 1 - x) for y, x in corners}
    if (height, width) == (30, 20):
        assert len(alone) == 10 and alone == {(0, x) for x in range(4)} | corners
    assert {(0, x) for x in range(4)} <= alone


@pytest.mark.parametrize(('height', 'width'), [(4, 20), (20, 8), (1, 1)])
def test_reference_border_of_tiny_maps_walks_nowhere(height, width):
    affinity, offsets = affinities(5, height, width)
    values = torch.rand(2, height, width, dtype=torch.float64)
    assert not reference_border(affinity).any()
    transition = transition_matrix(reference_border(affinity), offsets)
    torch.testing.assert_close(random_walk(values, transition, 256), values)


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        ({'offsets': torch.zeros(3, 2, dtype=torch.int64)}, 'affinity must be'),
        ({'affinity': torch.full((4, 3, 3), -0.1)}, 'finite and in'),
        ({'affinity': torch.full((4, 3, 3), torch.nan)}, 'finite and in'),
        ({'offsets': torch.tensor([[0, 1], [0, -1], [1, 0], [1, 1]])}, 'each unordered pair'),
        ({'offsets': torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])}, 'each unordered pair'),
        ({'beta': 0}, 'beta must be positive'),
        ({'method': 'dense'}, 'method must be one of'),
    ],
)
def test_what_is_no_transition(change, match):
    with pytest.raises(ValueError, match=match):
        transition_matrix(**{'affinity': torch.ones(4, 3, 3), 'offsets': pair_offsets(2), **change})


@pytest.mark.parametrize('method', WALK_METHODS)
def test_what_does_not_fit_the_transition(method):
    affinity, offsets = affinities(3, 4, 5)
    transition = transition_matrix(affinity, offsets, method=method)
    with pytest.raises(ValueError, match='needs values'):
        random_walk(torch.rand(2, 4, 6), transition)
    with pytest.raises(ValueError, match='must not be negative'):
        random_walk(torch.rand(2, 4, 5), transition, -1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('method', WALK_METHODS)
def test_on_a_gpu(method):
    affinity, offsets = affinities(5, 20, 30)
    values = torch.rand(3, 20, 30)
    expected = random_walk(values, transition_matrix(affinity, offsets))
    there = random_walk(values.cuda(), transition_matrix(affinity.cuda(), offsets, method=method))
    torch.testing.assert_close(there.cpu(), expected, rtol=0, atol=1e-12)
