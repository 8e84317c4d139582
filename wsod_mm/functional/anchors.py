"""Anchors as the original Faster R-CNN code made them: whole sides, inclusive corners."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ['grid_anchors', 'inside_anchors', 'rounded_base_anchors']


def rounded_base_anchors(
    base_size: int = 16,
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
    scales: Sequence[float] = (8, 16, 32),
) -> Tensor:
    """Anchors of the first cell, around (7.5, 7.5) for a base of 16 pixels.

    Sides are rounded to whole pixels (halves to even) before they are scaled: 23 x 12, 16 x 16 and 11 x 22 for the
    default ratios. MMDetection's ``LegacyAnchorGenerator`` does not round (181 x 90.5 instead of 184 x 96).

    Source: public code (py-faster-rcnn and its descendants, Collaborative Learning among them).

    Args:
        base_size: Side of the square that the ratios deform, in pixels; the stride of the feature map.
        ratios: Height over width, positive.
        scales: Factors of both sides, positive.

    Returns:
        ``[A, 4]`` float64 (x1, y1, x2, y2), inclusive corners; A = ratios times scales, ratio after ratio.

    Raises:
        ValueError: If there is no anchor, or a number is not positive.
    """
    if not len(ratios) or not len(scales) or min(*ratios, *scales, base_size) <= 0:
        raise ValueError(
            f'anchors need a positive base_size, ratios and scales, got {base_size}, {tuple(ratios)} and '
            f'{tuple(scales)}'
        )
    ratio = torch.tensor(tuple(ratios), dtype=torch.float64)[:, None]
    scale = torch.tensor(tuple(scales), dtype=torch.float64)[None]
    width = (base_size**2 / ratio).sqrt().round()
    height = (width * ratio).round()
    half = torch.stack((width * scale, height * scale), dim=-1).flatten(0, 1).sub(1).mul(0.5)
    centre = 0.5 * (base_size - 1)
    return torch.cat((centre - half, centre + half), dim=1)


def grid_anchors(base_anchors: Tensor, height: int, width: int, stride: int = 16) -> Tensor:
    """Anchors of every cell of a feature map.

    Args:
        base_anchors: ``[A, 4]`` float, anchors of the first cell.
        height: Rows of the feature map.
        width: Columns of the feature map.
        stride: Pixels per cell.

    Returns:
        ``[height * width * A, 4]`` float32 on the device of the base anchors, row after row, column after column,
        the anchors of a cell in their order.
    """
    device = base_anchors.device
    rows, columns = (torch.arange(n, device=device, dtype=base_anchors.dtype) * stride for n in (height, width))
    y, x = rows[:, None].expand(-1, width), columns[None].expand(height, -1)
    shifts = torch.stack((x, y, x, y), dim=-1).view(-1, 1, 4)
    return (shifts + base_anchors).view(-1, 4).float()


def inside_anchors(anchors: Tensor, size: tuple[int, int], border: int = 0) -> Tensor:
    """Which anchors lie wholly in the image.

    Args:
        anchors: ``[N, 4]`` float, inclusive corners.
        size: Image height and width in pixels.
        border: Pixels by which they may leave it.

    Returns:
        ``[N]`` bool.
    """
    height, width = size
    x1, y1, x2, y2 = anchors.unbind(1)
    return (x1 >= -border) & (y1 >= -border) & (x2 < width + border) & (y2 < height + border)
