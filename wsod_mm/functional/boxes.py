"""Box arithmetic in the convention of the WSOD papers: inclusive, 0-based pixel corners (width = x2 - x1 + 1)."""

import numpy as np
import torch
from torch import Tensor

__all__ = [
    'bbox_overlaps_inclusive',
    'clip_boxes_inclusive',
    'flip_boxes_inclusive',
    'jitter_boxes',
    'overlaps_numpy',
    'project_boxes',
]


def bbox_overlaps_inclusive(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """IoU of every pair of boxes, with the ``+1`` widths of the VOC devkit.

    Args:
        boxes_a: ``[N, 4]`` float, (x1, y1, x2, y2) in pixels, inclusive corners.
        boxes_b: ``[M, 4]`` float, the same.

    Returns:
        ``[N, M]`` float, in [0, 1].
    """
    area_a = (boxes_a[:, 2] - boxes_a[:, 0] + 1) * (boxes_a[:, 3] - boxes_a[:, 1] + 1)
    area_b = (boxes_b[:, 2] - boxes_b[:, 0] + 1) * (boxes_b[:, 3] - boxes_b[:, 1] + 1)
    top_left = torch.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    bottom_right = torch.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    sides = (bottom_right - top_left + 1).clamp(min=0)
    intersection = sides[..., 0] * sides[..., 1]
    return intersection / (area_a[:, None] + area_b[None, :] - intersection)


def overlaps_numpy(boxes: Tensor) -> np.ndarray:
    """IoU of every pair of some boxes, as :func:`bbox_overlaps_inclusive` to the last bit, but in numpy.

    That takes a tenth of the time for a few hundred boxes on the CPU.

    Args:
        boxes: ``[n, 4]`` on the CPU, inclusive corners.

    Returns:
        ``[n, n]`` float32.
    """
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.detach().float().numpy().T)
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    shared = np.float32(1)
    for low, high in ((x1, x2), (y1, y2)):
        side = np.minimum(high[:, None], high)
        side -= np.maximum(low[:, None], low)
        side += 1
        shared = np.maximum(side, 0, out=side) * shared
    with np.errstate(invalid='ignore'):  # two boxes without area: not a number, as in torch
        return shared / (areas[:, None] + areas - shared)


def flip_boxes_inclusive(boxes: Tensor, width: int) -> Tensor:
    """Mirror boxes with the image: pixel column x becomes W - 1 - x.

    Args:
        boxes: ``[N, 4]``, (x1, y1, x2, y2) in pixels, inclusive corners.
        width: Image width W in pixels.

    Returns:
        ``[N, 4]``, the mirrored boxes, corners again in ascending order.
    """
    return torch.stack((width - 1 - boxes[:, 2], boxes[:, 1], width - 1 - boxes[:, 0], boxes[:, 3]), dim=1)


def project_boxes(boxes: Tensor, matrix: list[list[float]]) -> Tensor:
    """Map boxes through an axis-aligned affine map (scaling, mirroring, shifting; no rotation).

    Args:
        boxes: ``[N, 4]``, (x1, y1, x2, y2) in pixels.
        matrix: The first two rows of a 3 x 3 matrix on (x, y, 1).

    Returns:
        ``[N, 4]``, corners in ascending order.

    Raises:
        ValueError: If the matrix rotates or shears.
    """
    (ax, bx, cx), (ay, by, cy) = matrix
    if max(abs(bx), abs(ay)) > 1e-6 * max(abs(ax), abs(by)):
        raise ValueError(f'boxes cannot be mapped through a rotation or shear: {matrix}')
    xs = boxes[:, [0, 2]] * ax + cx
    ys = boxes[:, [1, 3]] * by + cy
    xs, ys = xs.sort(dim=1).values, ys.sort(dim=1).values
    return torch.stack((xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]), dim=1)


def clip_boxes_inclusive(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Move corners into the image: x to [0, W - 1], y to [0, H - 1].

    Args:
        boxes: ``[N, 4]``, (x1, y1, x2, y2) in pixels, inclusive corners.
        size: Image height H and width W in pixels.

    Returns:
        ``[N, 4]``.
    """
    height, width = size
    xs, ys = boxes[:, [0, 2]].clamp(0, width - 1), boxes[:, [1, 3]].clamp(0, height - 1)
    return torch.stack((xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]), dim=1)


def jitter_boxes(
    boxes: Tensor,
    size: tuple[int, int],
    scale: tuple[float, float] = (0.95, 1.15),
    shift: float = 0.05,
) -> Tensor:
    """Scale and shift every box at random, as the public code of CASD does to every proposal of every test view.

    Args:
        boxes: ``[N, 4]``, (x1, y1, x2, y2) in pixels, inclusive corners.
        size: Image height and width in pixels; the result is clipped to it.
        scale: Both sides are multiplied by one uniform draw from this range; its mean above 1 enlarges boxes.
        shift: The centre moves by a uniform draw from [-shift, shift] of the side, separately in x and y.

    Returns:
        ``[N, 4]``.
    """
    noise = torch.rand(len(boxes), 3, device=boxes.device, dtype=boxes.dtype)
    side = boxes[:, 2:] - boxes[:, :2] + 1
    centre = boxes[:, :2] + 0.5 * side + (2 * noise[:, :2] - 1) * shift * side
    half = 0.5 * side * (scale[0] + (scale[1] - scale[0]) * noise[:, 2:])
    return clip_boxes_inclusive(torch.cat((centre - half, centre + half - 1), dim=1), size)
