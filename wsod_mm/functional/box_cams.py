"""Heat maps and boxes: maps inside boxes only, and maps made of scored boxes."""

import torch
from torch import Tensor

__all__ = ['cams_in_boxes', 'proposal_maps']


def cams_in_boxes(cam: Tensor, boxes: Tensor, eps: float = 1e-7) -> Tensor:
    """A map with zeros outside of boxes, and brought to [0, 1] anew in each of them.

    Source: specs/cam.md 6. Where boxes overlap, the larger value stays.

    Args:
        cam: ``[H, W]`` float, at least 0.
        boxes: ``[n, 4]`` (x1, y1, x2, y2), edges in pixels; parts outside of the map are cut off.
        eps: Added to the divisor.

    Returns:
        ``[H, W]``; zeros without boxes, and in boxes where the map is constant.

    Raises:
        ValueError: Shapes are others.
    """
    if cam.dim() != 2 or boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(f'give a map [H, W] and boxes [n, 4], got {tuple(cam.shape)} and {tuple(boxes.shape)}')
    out = torch.zeros_like(cam)
    for x1, y1, x2, y2 in _pixel_ranges(boxes, (cam.shape[0], cam.shape[1]), inclusive=False).tolist():
        inside = cam[y1:y2, x1:x2]
        if inside.numel():
            low = inside.min()
            out[y1:y2, x1:x2] = torch.maximum(out[y1:y2, x1:x2], (inside - low) / (inside.max() - low + eps))
    return out


def proposal_maps(boxes: Tensor, scores: Tensor, size: tuple[int, int], inclusive: bool = True) -> Tensor:
    """Maps of all classes from scored boxes: ``M_c = sum_r p[r, c] 1_box(r)``, without any gradient of a network.

    Source: specs/cam.md 6. Sums of corners, so that time does not grow with the boxes' areas.

    Args:
        boxes: ``[R, 4]`` (x1, y1, x2, y2) in pixels of the map.
        scores: ``[R, C]`` float.
        size: (H, W) of the maps.
        inclusive: The corners name pixels that both belong to the box (our proposals); otherwise they are edges
            (MMDetection's boxes), and a pixel counts that the box touches.

    Returns:
        ``[C, H, W]`` of the dtype of ``scores``, summed in float64.

    Raises:
        ValueError: Shapes do not fit.
    """
    if boxes.dim() != 2 or boxes.shape[1] != 4 or scores.dim() != 2 or len(scores) != len(boxes):
        raise ValueError(f'give boxes [R, 4] and scores [R, C], got {tuple(boxes.shape)} and {tuple(scores.shape)}')
    height, width = size
    x1, y1, x2, y2 = _pixel_ranges(boxes, size, inclusive).unbind(1)
    values = scores.double().T
    steps = values.new_zeros(len(values), (height + 1) * (width + 1))
    for y, x, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        steps = steps.index_add(1, y * (width + 1) + x, sign * values)
    maps = steps.view(-1, height + 1, width + 1).cumsum(1).cumsum(2)[:, :height, :width]
    return maps.to(scores.dtype)


def _pixel_ranges(boxes: Tensor, size: tuple[int, int], inclusive: bool) -> Tensor:
    """First and last-plus-one column and row of boxes, ``[n, 4]`` int64, inside the map."""
    low = boxes[:, :2].floor()
    high = boxes[:, 2:].floor() + 1 if inclusive else boxes[:, 2:].ceil()
    limit = boxes.new_tensor([size[1], size[0]])
    low = torch.minimum(low.clamp(min=0), limit)
    high = torch.maximum(torch.minimum(high.clamp(min=0), limit), low)
    return torch.cat([low, high], dim=1).long()
