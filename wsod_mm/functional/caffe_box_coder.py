"""The box coder of the original Faster R-CNN code, whose decoding is not the inverse of its encoding."""

import torch
from torch import Tensor

from .boxes import clip_boxes_inclusive
from .regression import encode_boxes_inclusive

__all__ = ['clip_boxes_caffe', 'decode_boxes_caffe', 'encode_boxes_caffe']

Stds = tuple[float, float, float, float]


def encode_boxes_caffe(boxes: Tensor, targets: Tensor, stds: Stds = (1.0, 1.0, 1.0, 1.0)) -> Tensor:
    """Regression targets (dx, dy, dw, dh) from ``boxes`` to ``targets``, divided by ``stds``.

    Source: public code (Collaborative Learning): the RPN's targets are not divided, those of RoIs by (.1, .1, .2, .2).

    Args:
        boxes: ``[R, 4]`` float, (x1, y1, x2, y2), inclusive corners; widths must be positive.
        targets: ``[R, 4]`` float, the same.
        stds: Standard deviations of the four targets.

    Returns:
        ``[R, 4]`` float, unitless.
    """
    return encode_boxes_inclusive(boxes, targets, tuple(1.0 / std for std in stds))


def decode_boxes_caffe(boxes: Tensor, deltas: Tensor, stds: Stds = (1.0, 1.0, 1.0, 1.0)) -> Tensor:
    """Move ``boxes`` by deltas: centre minus and plus half of the new side.

    Nothing is taken off the upper corner, so that zero deltas give x2 + 1 and y2 + 1, and dw and dh are not limited.
    :func:`~wsod_mm.functional.regression.decode_boxes_inclusive` is the exact inverse of the encoding instead.

    Source: public code (Collaborative Learning).

    Args:
        boxes: ``[R, 4]`` float, (x1, y1, x2, y2), inclusive corners.
        deltas: ``[R, 4 K]`` float, K groups of (dx, dy, dw, dh), e.g. one a class; K may be 1.
        stds: Factors of the four deltas.

    Returns:
        ``[R, 4 K]`` of the promoted dtype, float32 at least, in the layout of the deltas; not clipped.

    Raises:
        ValueError: If the shapes disagree.
    """
    if deltas.dim() != 2 or deltas.shape[1] % 4 or boxes.shape != (len(deltas), 4):
        raise ValueError(
            f'decoding needs boxes [R, 4] and deltas [R, 4 K], got {tuple(boxes.shape)} and {tuple(deltas.shape)}'
        )
    exact = torch.promote_types(torch.promote_types(boxes.dtype, deltas.dtype), torch.float32)
    boxes = boxes.to(exact)[:, None]
    groups = deltas.to(exact).view(len(deltas), deltas.shape[1] // 4, 4)
    groups = torch.stack([delta * std for delta, std in zip(groups.unbind(-1), stds, strict=True)], dim=-1)
    size = boxes[..., 2:] - boxes[..., :2] + 1
    centre = boxes[..., :2] + 0.5 * size + groups[..., :2] * size
    half = 0.5 * groups[..., 2:].exp() * size
    return torch.cat((centre - half, centre + half), dim=-1).flatten(1)


def clip_boxes_caffe(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Move corners into the image: x to [0, W - 1], y to [0, H - 1].

    Args:
        boxes: ``[R, 4 K]`` float, K boxes a row.
        size: Image height H and width W in pixels.

    Returns:
        ``[R, 4 K]``.
    """
    return clip_boxes_inclusive(boxes.reshape(-1, 4), size).view(boxes.shape)
