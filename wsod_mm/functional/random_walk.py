"""Random walk on the grid of cells of one image (AffinityNet, IRN), by the one-step operator in sparse form."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..utils.sparse import csr_matrix
from .pixel_pairs import source_box

__all__ = [
    'WALK_METHODS',
    'StencilTransition',
    'random_walk',
    'reference_border',
    'symmetric_affinity',
    'transition_matrix',
]

WALK_METHODS = ('sparse', 'stencil')


class StencilTransition(NamedTuple):
    """One step of the walk without a matrix: a few numbers per cell, added up by shifted slices.

    Attributes:
        weights: ``[P, h, w]``, affinity to the power beta of every cell with cell + offset, 0 outside the map.
        offsets: ``(dy, dx)`` of the P offsets.
        total: ``[h, w]``, sums of the columns, at least 1 for the cell itself.
    """

    weights: Tensor
    offsets: tuple[tuple[int, int], ...]
    total: Tensor


@torch.no_grad()
def symmetric_affinity(
    affinity: Tensor, offsets: Tensor, beta: float = 1.0, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Affinities of all cells with all cells, to the power beta, as a sparse matrix.

    Every pair counts in both directions and each cell has affinity 1 with itself. Pairs that are no neighbours, and
    those whose power is 0, are not stored. Rows and columns are cells in row-major order, y * w + x.

    Args:
        affinity: ``[P, h, w]`` float, of cell (y, x) with cell (y + dy, x + dx), in [0, 1]; what belongs to targets
            outside the map is not read.
        offsets: ``[P, 2]`` int64 (dy, dx); each unordered pair once, so not both an offset and its opposite.
        beta: Element-wise power. Paper and public code: 8 (AffinityNet), 10 (IRN).
        dtype: Of the result, ``torch.float64`` or ``torch.float32``.

    Returns:
        ``[N, N]`` sparse CSR, N = h * w, symmetric, unit diagonal, int32 indices.

    Raises:
        ValueError: If shapes do not fit, an affinity is negative or not finite, beta is not positive, or an offset is
            (0, 0) or there twice.
    """
    weights, shifts = _powers(affinity, offsets, beta, dtype)
    count, height, width = weights.shape
    planes = {(0, 0): weights.new_ones(height, width)}
    for weight, (dy, dx) in zip(weights, shifts, strict=True):
        planes[dy, dx] = weight
        back = torch.zeros_like(weight)
        source, target = _overlap((height, width), (dy, dx))
        back[target] = weight[source]
        planes[-dy, -dx] = back
    # neighbours in the order of their shifts are in the order of their columns too, so nothing has to be sorted
    order = sorted(planes)
    values = torch.stack([planes[shift].flatten() for shift in order], dim=1)
    step = torch.tensor([dy * width + dx for dy, dx in order], dtype=torch.int32, device=values.device)
    columns = torch.arange(height * width, dtype=torch.int32, device=values.device)[:, None] + step
    stored = values > 0
    rows = torch.zeros(height * width + 1, dtype=torch.int32, device=values.device)
    rows[1:] = stored.sum(dim=1).cumsum(0)
    return csr_matrix(rows, columns[stored], values[stored], (height * width,) * 2)


@torch.no_grad()
def transition_matrix(
    affinity: Tensor,
    offsets: Tensor,
    beta: float = 8.0,
    dtype: torch.dtype = torch.float64,
    method: str = 'sparse',
) -> Tensor | StencilTransition:
    """One step of the walk: affinities to the power beta, divided by the sums of their columns.

    Source: AffinityNet paper, section 3.3; the public code has the same.

    Args:
        affinity: ``[P, h, w]`` float, as for :func:`symmetric_affinity`.
        offsets: ``[P, 2]`` int64 (dy, dx).
        beta: Element-wise power; 8 for AffinityNet, 10 for IRN.
        dtype: The walk's own arithmetic. float64 costs no more than float32 in sparse form, and is exact to 1e-12.
        method: ``'sparse'``: a matrix; ``'stencil'``: the same numbers for a walk of shifted slices, which needs no
            sparse kernels.

    Returns:
        ``[N, N]`` sparse CSR whose columns sum to 1, or a :class:`StencilTransition`; both for :func:`random_walk`.

    Raises:
        ValueError: As :func:`symmetric_affinity`, and for an unknown method.
    """
    if method not in WALK_METHODS:
        raise ValueError(f'method must be one of {WALK_METHODS}, got {method!r}')
    if method == 'stencil':
        weights, shifts = _powers(affinity, offsets, beta, dtype)
        return StencilTransition(weights, shifts, _apply(torch.ones_like(weights[:1]), weights, shifts)[0])
    matrix = symmetric_affinity(affinity, offsets, beta, dtype)
    # symmetric, so that the sums of columns are those of rows, which sparse kernels add up in a fixed order
    total = matrix @ matrix.values().new_ones(matrix.size(0), 1)
    columns = matrix.col_indices()
    return csr_matrix(matrix.crow_indices(), columns, matrix.values() / total[columns.long(), 0], matrix.shape)


@torch.no_grad()
def random_walk(values: Tensor, transition: Tensor | StencilTransition, steps: int = 256) -> Tensor:
    """Planes after a walk: v T^steps.

    The one-step operator is applied over and over instead of squaring the matrix, which is the same by associativity
    and needs neither N x N numbers nor N^3 operations. Each new value is a weighted mean of old ones: constants stay,
    the range never grows, and a plane of zeros stays one (and is left out).

    Args:
        values: ``[C, h, w]``.
        transition: From :func:`transition_matrix`, of a map of the same size.
        steps: Number of steps; 0: none. Public codes: 2^8.

    Returns:
        ``[C, h, w]`` in the dtype of the transition.

    Raises:
        ValueError: If the sizes do not fit or ``steps`` is negative.
    """
    stencil = isinstance(transition, StencilTransition)
    weights = transition.total if stencil else transition.values()
    cells = weights.numel() if stencil else transition.size(0)
    if values.dim() != 3 or values[0:1].numel() not in (0, cells) or (stencil and values.shape[1:] != weights.shape):
        at = tuple(weights.shape) if stencil else f'{cells} cells'
        raise ValueError(
            f'random_walk needs values [C, h, w] of the map of its transition ({at}), got {tuple(values.shape)}'
        )
    if steps < 0:
        raise ValueError(f'steps must not be negative (the public codes: 256), got {steps}')
    result = values.to(weights.dtype, copy=True)
    alive = result.flatten(1).ne(0).any(dim=1)
    walking = result[alive]
    if not walking.numel() or not steps:
        return result
    if stencil:
        for _ in range(steps):
            walking = _apply(walking, transition.weights, transition.offsets).div_(transition.total)
        result[alive] = walking
        return result
    operator = transition.t().to_sparse_csr()  # rows are what a new value is made of
    walking = walking.flatten(1).t().contiguous()
    for _ in range(steps):
        walking = operator @ walking
    result[alive] = walking.t().unflatten(1, values.shape[1:])
    return result


def reference_border(affinity: Tensor, radius: int = 5) -> Tensor:
    """Affinities without the pairs that the public code of AffinityNet leaves out at the border.

    There, sources are only the cells from which all offsets stay inside the map. Ten cells have no neighbour at all
    then, however large the map is, and a map under radius x (2 radius - 1) has no pairs: its walk changes nothing.

    Args:
        affinity: ``[P, h, w]``, of cell and cell + offset.
        radius: Of the neighbourhood; public code: 5.

    Returns:
        ``[P, h, w]``, 0 outside the box of sources.
    """
    y0, y1, x0, x1 = source_box(*affinity.shape[-2:], radius)
    kept = torch.zeros_like(affinity)
    kept[..., y0:y1, x0:x1] = affinity[..., y0:y1, x0:x1]
    return kept


def _powers(
    affinity: Tensor, offsets: Tensor, beta: float, dtype: torch.dtype
) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
    """Checked affinities to the power beta, 0 where the target is outside the map, and the offsets as numbers."""
    if affinity.dim() != 3 or offsets.shape != (affinity.size(0), 2):
        raise ValueError(
            f'affinity must be [P, h, w] and offsets [P, 2], got {tuple(affinity.shape)} and {tuple(offsets.shape)}'
        )
    if beta <= 0:
        raise ValueError(f'beta must be positive (AffinityNet: 8, IRN: 10), got {beta}')
    shifts = tuple((dy, dx) for dy, dx in offsets.tolist())
    if len({(0, 0), *shifts, *((-dy, -dx) for dy, dx in shifts)}) != 2 * len(shifts) + 1:
        raise ValueError('offsets must hold each unordered pair of cells once and not (0, 0); see pair_offsets')
    weights = torch.zeros_like(affinity, dtype=dtype)
    for weight, pairs, shift in zip(weights, affinity, shifts, strict=True):
        source, _ = _overlap(pairs.shape, shift)
        weight[source] = pairs[source].to(dtype)
    if not bool(((weights >= 0) & (weights < torch.inf)).all()):
        raise ValueError('affinity must be finite and in [0, 1]; check the weights of the network it comes from')
    return weights.pow_(beta), shifts


def _overlap(size: tuple[int, int], shift: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the cells whose shifted cell is inside the map, and of these shifted cells."""
    source, target = [], []
    for length, step in zip(size, shift, strict=True):
        start = max(0, -step)
        stop = max(start, length - max(0, step))
        source.append(slice(start, stop))
        target.append(slice(start + step, stop + step))
    return tuple(source), tuple(target)


def _apply(values: Tensor, weights: Tensor, shifts: tuple[tuple[int, int], ...]) -> Tensor:
    """Sum over neighbours of weight times value, the cell itself with weight 1: ``[C, h, w]``."""
    result = values.clone()
    for weight, shift in zip(weights, shifts, strict=True):
        source, target = _overlap(weight.shape, shift)
        between = weight[source]
        result[(..., *target)].addcmul_(between, values[(..., *source)])
        result[(..., *source)].addcmul_(between, values[(..., *target)])
    return result
