"""Pairs of cells: offsets, paths, and indices, against their definitions."""

import pytest
import torch

from wsod_mm.functional.pixel_pairs import (
    all_pair_indices,
    offset_list,
    pad_border,
    pair_indices,
    pair_offsets,
    pair_paths,
    path_offsets,
    shifted,
    source_box,
)

SIZES = [(5, 9), (6, 12), (13, 10), (4, 9), (9, 8), (10, 7), (3, 3), (1, 1), (1, 30)]


@pytest.mark.parametrize(('radius', 'count'), [(2, 4), (3, 12), (5, 34), (8, 96), (10, 152)])
def test_offsets_are_half_of_the_neighbourhood(radius, count):
    offsets = pair_offsets(radius)
    assert offsets.shape == (count, 2) and offsets.dtype == torch.int64
    both = {tuple(o) for o in offsets.tolist()} | {tuple(o) for o in (-offsets).tolist()}
    r = range(-radius, radius + 1)
    assert both == {(y, x) for y in r for x in r if 0 < y * y + x * x < radius * radius}
    assert len(both) == 2 * count
    assert offsets.tolist() == sorted(offsets.tolist())
    assert offsets[: radius - 1].tolist() == [[0, x] for x in range(1, radius)]


@pytest.mark.parametrize('radius', [2, 3, 5, 10])
def test_paths(radius):
    groups, offsets = pair_paths(radius), path_offsets(radius)
    assert torch.equal(torch.cat([group[:, 0] for group in groups]), offsets)
    assert sorted(offsets.tolist()) == pair_offsets(radius).tolist()
    lengths = [group.shape[1] for group in groups]
    assert lengths == sorted(set(lengths))
    order = pair_offsets(radius).tolist()
    for group in groups:
        ends = [order.index(path[0].tolist()) for path in group]
        assert ends == sorted(ends), 'within a length the order of the offsets stays'
        for path in group:
            (dy, dx), cells = path[0].tolist(), path.tolist()
            assert cells[-1] == [0, 0] and len({tuple(cell) for cell in cells}) == len(cells)
            steps = path.abs().sum(1)
            assert bool((steps[1:] <= steps[:-1]).all())
            ys, xs = range(dy + 1), range(min(0, dx), max(0, dx) + 1)
            near = [[y, x] for y in ys for x in xs if abs(dy * x - dx * y) / (dy * dy + dx * dx) ** 0.5 < 1 - 1e-9]
            assert sorted(cells) == near


@pytest.mark.parametrize(('height', 'width'), SIZES)
def test_sources_are_the_cells_with_all_neighbours(height, width):
    y0, y1, x0, x1 = source_box(height, width, 5)
    box = {(y, x) for y in range(y0, y1) for x in range(x0, x1)}
    cells = {(y, x) for y in range(height) for x in range(width)}
    offsets = pair_offsets(5).tolist()
    assert box == {(y, x) for y, x in cells if all((y + dy, x + dx) in cells for dy, dx in offsets)}


@pytest.mark.parametrize(('height', 'width'), SIZES)
def test_indices(height, width):
    offsets = pair_offsets(5)
    source, target = pair_indices(height, width, offsets, 5)
    index = torch.arange(height * width).view(height, width)
    box = source_box(height, width, 5)
    assert target.shape == (34, len(source))
    assert torch.equal(source, shifted(index, box, (0, 0)).flatten())
    for row, offset in zip(target, offsets.tolist(), strict=True):
        assert torch.equal(row, shifted(index, box, offset).flatten())


@pytest.mark.parametrize(('height', 'width'), SIZES)
def test_all_pairs(height, width):
    offsets = pair_offsets(5)
    number, source, target = all_pair_indices(height, width, offsets)
    pairs = [
        (p, y * width + x, (y + dy) * width + x + dx)
        for p, (dy, dx) in enumerate(offsets.tolist())
        for y in range(height)
        for x in range(width)
        if y + dy < height and 0 <= x + dx < width
    ]
    assert torch.stack([number, source, target], 1).tolist() == [list(pair) for pair in pairs]
    inner = set(zip(*(t.tolist() for t in _flat(*pair_indices(height, width, offsets, 5))), strict=True))
    assert inner <= {pair[1:] for pair in pairs}


def test_borders_isolate_cells_only_in_the_reference():
    """Ten cells of the reference are in no pair: four in the first row, three in either lower corner."""
    source, target = pair_indices(20, 20, pair_offsets(5), 5)
    assert 400 - len({*source.tolist(), *target.flatten().tolist()}) == 10
    _, source, target = all_pair_indices(20, 20, pair_offsets(5))
    assert len({*source.tolist(), *target.tolist()}) == 400


@pytest.mark.parametrize(('height', 'width'), SIZES)
def test_padding_makes_the_map_the_box(height, width):
    padded = pad_border(torch.zeros(height, width), 5, 1.0)
    y0, y1, x0, x1 = source_box(*padded.shape, 5)
    assert (y1 - y0, x1 - x0) == (height, width) and not padded[y0:y1, x0:x1].any()
    assert padded.sum() == padded.numel() - height * width


@pytest.mark.parametrize('radius', [1, 0, -3, 5.0, True, '5'])
def test_radius_must_be_whole_and_at_least_two(radius):
    pair_offsets(5)
    for function in (pair_offsets, path_offsets, pair_paths):
        with pytest.raises(ValueError, match='radius must be a whole number of at least 2'):
            function(radius)


def test_bad_offsets():
    with pytest.raises(ValueError, match=r'\[P, 2\] integers'):
        offset_list(torch.zeros(3))
    with pytest.raises(ValueError, match=r'\[P, 2\] integers'):
        offset_list(torch.zeros(3, 2))
    with pytest.raises(ValueError, match='< 3 .their radius'):
        pair_indices(9, 9, pair_offsets(5), 3)
    with pytest.raises(ValueError, match='dy >= 0'):
        all_pair_indices(9, 9, -pair_offsets(5))


def _flat(source, target):
    return source.expand_as(target).flatten(), target.flatten()
