"""Rectangular rings around boxes (ContextLocNet): the box, its context and its frame."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ['CONTEXT_RATIO', 'RINGS', 'RingScales', 'ring_rectangles', 'ring_scales']

CONTEXT_RATIO = 1.8


class RingScales(NamedTuple):
    """Sides of the two rectangles of a ring, relative to the box.

    Attributes:
        inner: Scale of the hole; 0: no hole.
        outer: Scale of the outer rectangle.
    """

    inner: float
    outer: float


def ring_scales(context_ratio: float = CONTEXT_RATIO) -> dict[str, RingScales]:
    """Scales of the rings of ContextLocNet, by name.

    Source: ContextLocNet paper, section 3.2. The context surrounds the box as the box surrounds the hole of its frame.

    Args:
        context_ratio: Side of the context relative to the box; above 1. The paper and the public codes: 1.8.

    Returns:
        ``'roi'``: the whole box; ``'context'``: from the box outwards; ``'frame'``: from the box inwards.

    Raises:
        ValueError: If ``context_ratio`` is not above 1.
    """
    if context_ratio <= 1:
        raise ValueError(f'context_ratio must be above 1 (the paper: {CONTEXT_RATIO}), got {context_ratio}')
    return {
        'roi': RingScales(0.0, 1.0),
        'context': RingScales(1.0, context_ratio),
        'frame': RingScales(1.0 / context_ratio, 1.0),
    }


RINGS = ring_scales()


def ring_rectangles(rois: Tensor, inner: float, outer: float) -> Tensor:
    """Outer and inner rectangle of the ring around every box, about the centre ((x1 + x2) / 2, (y1 + y2) / 2).

    Half the sides are (x2 - x1) / 2 and (y2 - y1) / 2, without the +1 of inclusive corners, as in the public codes.
    Nothing is rounded and nothing clipped: the context of a box at the border leaves the image.

    Args:
        rois: ``[R, 5]`` (image index, x1, y1, x2, y2) in network-input pixels, inclusive corners.
        inner: Scale of the hole, see :data:`RINGS`; 0: no hole.
        outer: Scale of the outer rectangle.

    Returns:
        ``[R, 9]`` float32 (float64 for float64): image index, outer x1, y1, x2, y2, inner x1, y1, x2, y2; the inner
        ones are 0 when there is no hole.

    Raises:
        ValueError: If ``rois`` has another shape.
    """
    if rois.dim() != 2 or rois.size(1) != 5:
        raise ValueError(f'rois must be [R, 5] (image index, x1, y1, x2, y2), got {tuple(rois.shape)}')
    rois = rois.to(torch.promote_types(rois.dtype, torch.float32))
    low, high = rois[:, 1:3], rois[:, 3:5]
    centre, half = (low + high) / 2, (high - low) / 2
    outside = [centre - half * outer, centre + half * outer]
    inside = [centre - half * inner, centre + half * inner] if inner else [torch.zeros_like(low)] * 2
    return torch.cat([rois[:, :1], *outside, *inside], dim=1)
