"""Which pairs of cells belong together, according to a label map that is only sure of some cells (AffinityNet, IRN)."""

from typing import NamedTuple

import torch
from torch import Tensor

from .pixel_pairs import border_of, offset_list, pad_border, shifted, source_box

__all__ = ['PairLabels', 'pair_labels', 'shrink_labels']


class PairLabels(NamedTuple):
    """What is known about the pairs; a pair that is in none of the three is ignored.

    Attributes:
        bg_pos: ``[.., P, n]`` bool, both cells are background.
        fg_pos: The same, both are the same class.
        neg: The same, the two differ: two classes, or a class and background.
    """

    bg_pos: Tensor
    fg_pos: Tensor
    neg: Tensor


def pair_labels(
    label: Tensor,
    offsets: Tensor,
    radius: int,
    ignore_from: int = 255,
    border: str = 'reference',
) -> PairLabels:
    """Labels of all pairs of cells.

    Source: public codes of AffinityNet and IRN.

    Args:
        label: ``[h, w]`` or ``[B, h, w]`` integers on the grid of the cells: 0 background, above 0 a class.
        offsets: ``[P, 2]`` int64 (dy, dx) on the CPU, in the order of the affinities:
            :func:`~wsod_mm.functional.pixel_pairs.pair_offsets` or
            :func:`~wsod_mm.functional.pixel_pairs.path_offsets`.
        radius: That of the offsets, in cells.
        ignore_from: A cell of this value or above is unknown, and so are its pairs. AffinityNet: 255; IRN: 21, the
            number of classes of VOC with background.
        border: As in :func:`~wsod_mm.functional.pair_affinity.embedding_affinity`; with ``'full'`` the pairs that
            leave the map are ignored.

    Returns:
        bool ``[P, n]`` or ``[B, P, n]``.

    Raises:
        ValueError: For another shape or dtype, offsets beyond the radius, or an unknown border.
    """
    if label.dim() not in (2, 3) or label.is_floating_point() or label.dtype == torch.bool:
        raise ValueError(f'label must be integers [h, w] or [B, h, w], got {tuple(label.shape)} {label.dtype}')
    pairs = offset_list(offsets, radius)
    if label.dtype != torch.uint8:
        label = label.int()  # half of int64, for every pair
    if border_of(border) == 'full':
        # int16: uint8 may not hold what is to be ignored
        label = pad_border(label.short() if label.dtype == torch.uint8 else label, radius, ignore_from)
    box = source_box(*label.shape[-2:], radius)
    source = shifted(label, box, (0, 0)).unsqueeze(-3)
    target = torch.stack([shifted(label, box, offset) for offset in pairs], dim=-3)
    known = (source < ignore_from) & (target < ignore_from)
    same = known & (source == target)
    background = source == 0
    return PairLabels(*(mask.flatten(-2) for mask in (same & background, same & ~background, known & ~same)))


def shrink_labels(label: Tensor, stride: int = 4) -> Tensor:
    """Labels of the pixels in the middle of every cell, as PIL's nearest neighbour takes them.

    Source: public code of IRN, whose cells have 4 x 4 pixels.

    Args:
        label: ``[.., H, W]``, H and W multiples of ``stride``.
        stride: Side of a cell in pixels.

    Returns:
        ``[.., H / stride, W / stride]``, a view.

    Raises:
        ValueError: If a side is no multiple of ``stride``.
    """
    if stride < 1 or any(side % stride for side in label.shape[-2:]):
        raise ValueError(f'the sides of a label map must be multiples of stride {stride}, got {tuple(label.shape)}')
    return label[..., stride // 2 :: stride, stride // 2 :: stride]
