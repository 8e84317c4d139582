"""Pairs of neighbouring cells of a map (AffinityNet, IRN): offsets, the paths between two cells, and indices."""

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    'BORDERS',
    'all_pair_indices',
    'border_of',
    'offset_list',
    'pad_border',
    'pair_indices',
    'pair_offsets',
    'pair_paths',
    'path_cells',
    'path_offsets',
    'shifted',
    'source_box',
]

#: Which cells are sources of pairs: those whose whole neighbourhood is in the map (public codes), or all of them.
BORDERS = ('reference', 'full')


def pair_offsets(radius: int) -> Tensor:
    """Offsets from a cell to its neighbours nearer than the radius, half of them, so that no pair is counted twice.

    Source: public code of AffinityNet; the paper's gamma is the radius. First ``(0, 1), (0, 2), ..``, then the rows
    below, each from left to right.

    Args:
        radius: In cells, at least 2; the distance of a neighbour is below it. AffinityNet 5, training of IRN 10.

    Returns:
        ``[P, 2]`` int64 (dy, dx) on the CPU, dy >= 0. P = 34 for radius 5, 152 for radius 10.

    Raises:
        ValueError: If ``radius`` is not a whole number of at least 2.
    """
    return torch.tensor(_offsets(radius), device='cpu')


def path_offsets(radius: int) -> Tensor:
    """The offsets of :func:`pair_offsets` in the order of IRN: by the number of cells of their path, shortest first.

    Source: public code of IRN.

    Args:
        radius: In cells, at least 2. Training of IRN 10, its inference 5.

    Returns:
        ``[P, 2]`` int64 (dy, dx) on the CPU.

    Raises:
        ValueError: If ``radius`` is not a whole number of at least 2.
    """
    return torch.tensor([path[0] for path in path_cells(radius)], device='cpu')


def pair_paths(radius: int) -> list[Tensor]:
    """Cells on the line from every neighbour to the cell itself.

    Source: public code of IRN. The cells of the bounding box of both ends whose centres are nearer than 1 to the line
    through them, by falling ``|dy| + |dx|``: the neighbour first, the cell itself (0, 0) last.

    Args:
        radius: In cells, at least 2.

    Returns:
        Per length of a path, shortest first, ``[m, length, 2]`` int64 (dy, dx) on the CPU. The m of all groups one
        after another are the offsets of :func:`path_offsets`.

    Raises:
        ValueError: If ``radius`` is not a whole number of at least 2.
    """
    paths = path_cells(radius)
    lengths = sorted({len(path) for path in paths})
    return [torch.tensor([path for path in paths if len(path) == length]) for length in lengths]


@lru_cache(maxsize=None, typed=True)
def path_cells(radius: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The paths of :func:`pair_paths` as numbers, one after another, for loops that make slices of them.

    Args:
        radius: In cells, at least 2.

    Returns:
        Per offset of :func:`path_offsets` the (dy, dx) of its cells.

    Raises:
        ValueError: If ``radius`` is not a whole number of at least 2.
    """
    return tuple(sorted((_path(dy, dx) for dy, dx in _offsets(radius)), key=len))


def source_box(height: int, width: int, radius: int) -> tuple[int, int, int, int]:
    """Cells that have all their neighbours in the map; only these are sources in the public codes.

    In the reference, cells beside this box are targets at most, and 10 of them (radius 5) are in no pair at all.

    Args:
        height: Rows of the map.
        width: Columns of the map.
        radius: In cells, at least 2.

    Returns:
        Half-open (y0, y1, x0, x1) in cells. Empty (y0 == y1 or x0 == x1) where the map is smaller than ``radius`` rows
        or ``2 * radius - 1`` columns.
    """
    margin = radius - 1
    return 0, max(0, height - margin), margin, max(margin, width - margin)


def pair_indices(height: int, width: int, offsets: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Flat indices ``y * width + x`` of the pairs of the public codes (``border='reference'``).

    The reference returns targets without a source where a map is narrower than 8; here there is no pair then.

    Args:
        height: Rows of the map.
        width: Columns of the map.
        offsets: ``[P, 2]`` int64 (dy, dx), from :func:`pair_offsets` or :func:`path_offsets`.
        radius: That of the offsets.

    Returns:
        Sources ``[n]`` and targets ``[P, n]``, int64 on the device of ``offsets``; n = 0 for a map that is too small.

    Raises:
        ValueError: If an offset is not below the radius.
    """
    offset_list(offsets, radius)
    y0, y1, x0, x1 = source_box(height, width, radius)
    rows = torch.arange(y0, y1, device=offsets.device)
    columns = torch.arange(x0, x1, device=offsets.device)
    source = (rows[:, None] * width + columns).flatten()
    return source, source + (offsets[:, :1] * width + offsets[:, 1:])


def all_pair_indices(height: int, width: int, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Flat indices ``y * width + x`` of every pair that lies within the map (``border='full'``).

    Not for a training step: how many pairs there are is only known to the host.

    Args:
        height: Rows of the map.
        width: Columns of the map.
        offsets: ``[P, 2]`` int64 (dy, dx).

    Returns:
        Number of the offset ``[m]``, source ``[m]`` and target ``[m]``, int64, by offset and then by source.

    Raises:
        ValueError: If ``offsets`` has another shape.
    """
    offset_list(offsets)
    rows = torch.arange(height, device=offsets.device)[:, None] + offsets[:, 0, None, None]
    columns = torch.arange(width, device=offsets.device) + offsets[:, 1, None, None]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    number, y, x = inside.nonzero(as_tuple=True)
    source = y * width + x
    return number, source, source + offsets[number, 0] * width + offsets[number, 1]


def offset_list(offsets: Tensor, radius: int | None = None) -> list[tuple[int, int]]:
    """Offsets as numbers, which say where slices start.

    Args:
        offsets: ``[P, 2]`` integers (dy, dx) on the CPU; on a GPU the host would wait for them.
        radius: They must be below it; ``None``: not checked.

    Returns:
        P pairs of numbers.

    Raises:
        ValueError: For another shape, a fractional dtype, a negative dy, or an offset that is not below the radius.
    """
    if offsets.dim() != 2 or offsets.size(1) != 2 or offsets.is_floating_point():
        raise ValueError(f'offsets must be [P, 2] integers (dy, dx), got {tuple(offsets.shape)} {offsets.dtype}')
    pairs = [(dy, dx) for dy, dx in offsets.tolist()]
    if any(dy < 0 or (radius is not None and max(dy, abs(dx)) >= radius) for dy, dx in pairs):
        below = '' if radius is None else f' and |dy|, |dx| < {radius} (their radius)'
        raise ValueError(f'offsets need dy >= 0{below}, got {pairs}; use pair_offsets or path_offsets')
    return pairs


def border_of(border: str) -> str:
    """Check the name of a border.

    Args:
        border: One of :data:`BORDERS`.

    Returns:
        The same.

    Raises:
        ValueError: If it is unknown.
    """
    if border not in BORDERS:
        raise ValueError(f'border must be one of {BORDERS}, got {border!r}')
    return border


def pad_border(maps: Tensor, radius: int, value: float) -> Tensor:
    """Surround a map so that :func:`source_box` of the result is the map: ``border='full'`` by way of 'reference'.

    Source: public code of IRN, which does so at inference.

    Args:
        maps: ``[.., h, w]``.
        radius: In cells, at least 2.
        value: What makes pairs that leave the map count for nothing.

    Returns:
        ``[.., h + radius - 1, w + 2 * (radius - 1)]``, the new cells left, right and below.
    """
    margin = radius - 1
    return F.pad(maps, (margin, margin, 0, margin), value=value)


def shifted(maps: Tensor, box: Sequence[int], offset: tuple[int, int]) -> Tensor:
    """What the cells of a box see at an offset.

    Args:
        maps: ``[.., h, w]``.
        box: (y0, y1, x0, x1), from :func:`source_box`.
        offset: (dy, dx) in cells, so that the shifted box stays in the map.

    Returns:
        ``[.., y1 - y0, x1 - x0]``, a view.
    """
    (y0, y1, x0, x1), (dy, dx) = box, offset
    return maps[..., y0 + dy : y1 + dy, x0 + dx : x1 + dx]


@lru_cache(maxsize=None, typed=True)
def _offsets(radius: int) -> tuple[tuple[int, int], ...]:
    """The offsets of :func:`pair_offsets` as numbers."""
    if isinstance(radius, bool) or not isinstance(radius, Integral) or radius < 2:
        raise ValueError(f'radius must be a whole number of at least 2 cells (public codes: 5 or 10), got {radius!r}')
    below = ((dy, dx) for dy in range(1, radius) for dx in range(1 - radius, radius))
    return (*((0, dx) for dx in range(1, radius)), *(o for o in below if o[0] ** 2 + o[1] ** 2 < radius**2))


def _path(dy: int, dx: int) -> tuple[tuple[int, int], ...]:
    """Cells of the bounding box of (0, 0) and (dy, dx) nearer than 1 to the line through both, the far end first."""
    box = ((y, x) for y in range(dy + 1) for x in range(min(0, dx), max(0, dx) + 1))
    near = [(y, x) for y, x in box if (dy * x - dx * y) ** 2 < dy**2 + dx**2]
    return tuple(sorted(near, key=lambda cell: -abs(cell[0]) - abs(cell[1])))
