"""Affinity of pairs of cells: from embeddings (AffinityNet), and from a map of boundaries (IRN).

Both loop over the offsets and look at slices, so that nothing as large as cells times pairs is ever kept; their
gradients are written out for the same reason.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .pixel_pairs import border_of, offset_list, pad_border, path_cells, shifted, source_box

__all__ = [
    'boundary_affinity',
    'embedding_affinity',
    'shifted_boundary_affinity',
    'shifted_embedding_affinity',
]

REDUCTIONS = ('mean', 'sum')


def embedding_affinity(
    x: Tensor,
    offsets: Tensor,
    radius: int,
    border: str = 'reference',
    reduction: str = 'mean',
) -> Tensor:
    """Affinity of every pair of cells, ``exp(-mean_c |x_c(i) - x_c(j)|)``.

    Source: AffinityNet, public code; the paper has the sum over the channels. In float32 under autocast. It has a
    first gradient, not a second.

    Args:
        x: ``[B, C, h, w]`` float, embedding.
        offsets: ``[P, 2]`` int64 (dy, dx) on the CPU, from :func:`~wsod_mm.functional.pixel_pairs.pair_offsets`.
        radius: That of the offsets, in cells.
        border: ``'reference'``: the sources are the n cells of :func:`~wsod_mm.functional.pixel_pairs.source_box`.
            ``'full'``: all cells, n = h * w; the affinity is 0 where the target leaves the map.
        reduction: ``'mean'`` or ``'sum'`` over the channels.

    Returns:
        ``[B, P, n]`` in (0, 1], float32 (float64 for float64), the sources row by row; n may be 0.

    Raises:
        ValueError: For another shape, offsets beyond the radius, or an unknown border or reduction.
    """
    if x.dim() != 4:
        raise ValueError(f'the embedding must be [B, C, h, w], got {tuple(x.shape)}')
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction must be one of {REDUCTIONS}, got {reduction!r}')
    pairs, x = offset_list(offsets, radius), _accurate(x)
    if border_of(border) == 'full':
        x = pad_border(x, radius, float('inf'))  # infinitely far from every embedding
    box = source_box(*x.shape[2:], radius)
    return _EmbeddingAffinity.apply(x, pairs, box, 1 / x.size(1) if reduction == 'mean' else 1.0)


def shifted_embedding_affinity(x: Tensor, offsets: Tensor, reduction: str = 'mean') -> Tensor:
    """Affinity of every cell of one image with the cell at every offset (``border='full'``).

    Args:
        x: ``[C, h, w]`` float, embedding.
        offsets: ``[P, 2]`` int64 (dy, dx) on the CPU, any that have dy >= 0.
        reduction: As in :func:`embedding_affinity`.

    Returns:
        ``[P, h, w]``, float32 (float64 for float64); 0 where the target leaves the map.

    Raises:
        ValueError: For another shape, or an unknown reduction.
    """
    if x.dim() != 3:
        raise ValueError(f'the embedding must be that of one image, [C, h, w], got {tuple(x.shape)}')
    radius = 1 + max((max(dy, abs(dx)) for dy, dx in offset_list(offsets)), default=0)
    return embedding_affinity(x[None], offsets, radius, 'full', reduction)[0].unflatten(1, x.shape[1:])


def boundary_affinity(edge: Tensor, radius: int, border: str = 'reference') -> Tensor:
    """Affinity of every pair of cells, 1 minus the strongest boundary on the path between them.

    Source: IRN paper and public code. In float32 under autocast: take the sigmoid in float32 as well. Where
    several cells of a path are the strongest, the gradient goes to the one nearest to the target, as in the public
    code. It has a first gradient, not a second.

    Args:
        edge: ``[B, h, w]`` float in [0, 1], probability of a boundary.
        radius: In cells. Training of IRN 10, its inference 5.
        border: ``'reference'``: the sources are the n cells of :func:`~wsod_mm.functional.pixel_pairs.source_box`.
            ``'full'``: all cells, n = h * w; the affinity is 0 where the target leaves the map. A path never does
            between two cells of the map.

    Returns:
        ``[B, P, n]`` in [0, 1], float32 (float64 for float64), the offsets those of
        :func:`~wsod_mm.functional.pixel_pairs.path_offsets`, the sources row by row; n may be 0.

    Raises:
        ValueError: For another shape, a radius below 2, or an unknown border.
    """
    if edge.dim() != 3:
        raise ValueError(f'the boundary map must be [B, h, w], got {tuple(edge.shape)}')
    paths, edge = path_cells(radius), _accurate(edge)
    if border_of(border) == 'full':
        edge = pad_border(edge, radius, 1.0)
    return _BoundaryAffinity.apply(edge, paths, source_box(*edge.shape[1:], radius))


def shifted_boundary_affinity(edge: Tensor, radius: int) -> Tensor:
    """Affinity of every cell of one image with the cell at every offset (``border='full'``).

    Args:
        edge: ``[h, w]`` float in [0, 1], probability of a boundary.
        radius: In cells, at least 2.

    Returns:
        ``[P, h, w]``, float32 (float64 for float64), the offsets those of
        :func:`~wsod_mm.functional.pixel_pairs.path_offsets`; 0 where the target leaves the map.

    Raises:
        ValueError: For another shape, or a radius below 2.
    """
    if edge.dim() != 2:
        raise ValueError(f'the boundary map must be that of one image, [h, w], got {tuple(edge.shape)}')
    return boundary_affinity(edge[None], radius, 'full')[0].unflatten(1, edge.shape)


class _EmbeddingAffinity(Function):
    """Autograd would keep the differences of all pairs, which are C times as large as their affinities."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offsets: list[tuple[int, int]], box: tuple[int, int, int, int], scale: float
    ) -> Tensor:
        source = shifted(x, box, (0, 0))
        affinity = x.new_empty(x.size(0), len(offsets), *source.shape[2:])
        for p, offset in enumerate(offsets):
            distance = (source - shifted(x, box, offset)).abs_().sum(dim=1)
            torch.exp(distance.mul_(-scale), out=affinity[:, p])
        ctx.save_for_backward(x, affinity)
        ctx.args = offsets, box, scale
        return affinity.flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (x, affinity), (offsets, box, scale) = ctx.saved_tensors, ctx.args
        weight = grad.reshape(affinity.shape) * affinity * -scale
        source, result = shifted(x, box, (0, 0)), torch.zeros_like(x)
        for p, offset in enumerate(offsets):
            step = (source - shifted(x, box, offset)).sign_().mul_(weight[:, p, None])
            shifted(result, box, (0, 0)).add_(step)
            shifted(result, box, offset).sub_(step)
        return result, None, None, None


class _BoundaryAffinity(Function):
    """Autograd would keep every cell of every path; here it is one byte a pair, which of the cells is the strongest."""

    @staticmethod
    def forward(
        ctx: Any, edge: Tensor, paths: tuple[tuple[tuple[int, int], ...], ...], box: tuple[int, int, int, int]
    ) -> Tensor:
        size = edge.size(0), len(paths), *shifted(edge, box, (0, 0)).shape[1:]
        affinity = edge.new_empty(size)
        # a path has fewer than 2 * radius cells
        strongest = torch.empty(size, dtype=torch.uint8 if len(paths[-1]) < 256 else torch.int16, device=edge.device)
        for p, path in enumerate(paths):
            best, cell = torch.stack([shifted(edge, box, offset) for offset in path]).max(dim=0)
            affinity[:, p] = 1 - best
            strongest[:, p] = cell
        ctx.save_for_backward(strongest)
        ctx.args = paths, box, edge.shape
        return affinity.flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (strongest,), (paths, box, shape) = ctx.saved_tensors, ctx.args
        grad, result = grad.reshape(strongest.shape), grad.new_zeros(shape)
        for p, path in enumerate(paths):
            for k, offset in enumerate(path):  # slices, not a scatter: the same order, and sum, every time
                shifted(result, box, offset).sub_(grad[:, p] * (strongest[:, p] == k))
        return result, None, None


def _accurate(x: Tensor) -> Tensor:
    """At least float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
