"""Localisation accuracy of score maps: MaxBoxAcc, MaxBoxAccV2 and top-k localisation, from tables of counts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .threshold_sweep import SweepBoxes

__all__ = ['box_hits', 'centre_scoremap', 'max_box_acc', 'resize_boxes', 'topk_contains', 'wsol_iou']

IOU_THRESHOLDS = (0.3, 0.5, 0.7)


def resize_boxes(boxes: np.ndarray, image_wh: Sequence[float], size_wh: Sequence[int] = (224, 224)) -> np.ndarray:
    """Boxes in another size of their image, truncated to whole pixels.

    Source: specs/cam.md 4.1: ``int(x * 224 / W)``.

    Args:
        boxes: ``[n, 4]``, (x1, y1, x2, y2) in pixels of the image.
        image_wh: Width and height of the image.
        size_wh: Width and height of the score maps.

    Returns:
        ``[n, 4]`` int64.

    Raises:
        ValueError: A side is not positive, or a box is not valid.
    """
    boxes = _require_boxes(boxes, 'boxes').astype(np.float64)
    if min(*image_wh, *size_wh) <= 0:
        raise ValueError(f'image_wh={tuple(image_wh)} and size_wh={tuple(size_wh)} must be positive')
    return (boxes * np.tile(np.asarray(size_wh, np.float64), 2) / np.tile(np.asarray(image_wh, np.float64), 2)).astype(
        np.int64
    )


def wsol_iou(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """IoU of every pair of boxes with inclusive corners (widths + 1), in float64.

    As :func:`~.boxes.bbox_overlaps_inclusive`, but in numpy, and 0 where the union is not positive.

    Args:
        boxes_a: ``[n, 4]``, (x1, y1, x2, y2) in pixels.
        boxes_b: ``[m, 4]``.

    Returns:
        ``[n, m]`` float64.

    Raises:
        ValueError: A box has a negative coordinate or its corners in the wrong order.
    """
    a, b = _require_boxes(boxes_a, 'boxes_a'), _require_boxes(boxes_b, 'boxes_b')
    area_a, area_b = (np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1) for boxes in (a, b))
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + 1
    shared = np.prod(np.maximum(sides, 0), axis=2)
    union = area_a[:, None] + area_b[None] - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def box_hits(
    sweep: SweepBoxes, gt_boxes: np.ndarray, iou_thrs: Sequence[float] = IOU_THRESHOLDS
) -> tuple[np.ndarray, np.ndarray]:
    """Whether an image is localised, at every overlap and threshold.

    It is when the largest IoU of any of its boxes with any of its objects reaches the overlap.

    Source: specs/cam.md 4.1.

    Args:
        sweep: Boxes of the image, from :func:`~.threshold_sweep.sweep_boxes`.
        gt_boxes: ``[m, 4]`` in pixels of the map (:func:`resize_boxes`), at least one.
        iou_thrs: Overlaps in (0, 1].

    Returns:
        Bool ``[D, T]`` twice: with the box of the largest contour (version 1) and with all boxes (version 2). Summed
        over images, and over ranks, they are the counts for :func:`max_box_acc`.

    Raises:
        ValueError: There is no object, or a box is not valid.
    """
    gt_boxes = _require_boxes(gt_boxes, 'gt_boxes')
    if not len(gt_boxes):
        raise ValueError('the image has no ground-truth box: leave it out of the metric')
    best = wsol_iou(sweep.boxes, gt_boxes).max(axis=1)
    single = best[sweep.largest]
    multi = np.maximum.reduceat(best, np.cumsum(sweep.counts) - sweep.counts)
    overlaps = np.asarray(iou_thrs, np.float64)[:, None]
    return (single >= overlaps)[:, sweep.mask_of], (multi >= overlaps)[:, sweep.mask_of]


def max_box_acc(
    counts: np.ndarray,
    total: int,
    thresholds: np.ndarray,
    iou_thrs: Sequence[float] = IOU_THRESHOLDS,
    version: int = 2,
    fixed: float | None = None,
) -> dict[str, float | np.ndarray]:
    """Accuracy at the best threshold of the whole set, which each overlap has its own of.

    Source: specs/cam.md 4.1. The threshold is never chosen per image.

    Args:
        counts: ``[D, T]``, localised images, from the hits of the same version.
        total: Number of images.
        thresholds: ``[T]``.
        iou_thrs: ``D`` overlaps.
        version: 1: MaxBoxAcc, at the overlap .5. 2: MaxBoxAccV2, the mean over overlaps.
        fixed: Report at this threshold, .2 in the protocol of the CAM paper, instead of the best one.

    Returns:
        ``score``, ``acc`` ``[D]`` and ``curve`` ``[D, T]`` in percent, ``threshold`` ``[D]`` (the first of the best).

    Raises:
        ValueError: Shapes do not agree, there are no images, more are localised than there are, version 1 has no
            overlap .5, or ``fixed`` is not one of the thresholds.
    """
    counts, thresholds = np.asarray(counts), np.asarray(thresholds, np.float64)
    if counts.shape != (len(iou_thrs), len(thresholds)):
        raise ValueError(f'counts {counts.shape} must be [{len(iou_thrs)} overlaps, {len(thresholds)} thresholds]')
    if total < 1 or counts.max() > total:
        raise ValueError(f'{total} images in all, up to {counts.max()} of them localised: no accuracy')
    if version not in (1, 2):
        raise ValueError(f'version={version}: must be 1 (MaxBoxAcc) or 2 (MaxBoxAccV2)')
    curve = 100.0 * counts / total
    best = curve.argmax(axis=1)
    if fixed is not None:
        nearest = int(np.abs(thresholds - fixed).argmin())
        if abs(thresholds[nearest] - fixed) > 1e-9:
            raise ValueError(f'fixed={fixed} is not among the thresholds; the nearest is {thresholds[nearest]:.6g}')
        best = np.full(len(curve), nearest)
    acc = curve[np.arange(len(curve)), best]
    if version == 2:
        score = float(acc.mean())
    else:
        half = [k for k, iou in enumerate(iou_thrs) if abs(iou - 0.5) < 1e-9]
        if not half:
            raise ValueError(f'MaxBoxAcc (version 1) is at IoU 0.5, which is not among {tuple(iou_thrs)}')
        score = float(acc[half[0]])
    return {'score': score, 'acc': acc, 'threshold': thresholds[best], 'curve': curve}


def topk_contains(scores: Tensor, labels: Tensor, k: int) -> Tensor:
    """Whether a class is among the k best of an image; of equal scores the lower class comes first, as in argmax.

    Top-k localisation counts an image when this holds for its class *and* the map of that class localises it: sum
    ``hits & topk_contains(...)`` instead of the hits.

    Source: specs/cam.md 4.1.

    Args:
        scores: ``[n, C]`` float.
        labels: ``[n]`` int64.
        k: At least 1.

    Returns:
        ``[n]`` bool.

    Raises:
        ValueError: Shapes do not agree, or k is less than 1.
    """
    if scores.dim() != 2 or labels.shape != scores.shape[:1] or k < 1:
        raise ValueError(
            f'give scores [n, C], labels [n], k >= 1; got {tuple(scores.shape)}, {tuple(labels.shape)}, {k}'
        )
    own = scores.gather(1, labels[:, None])
    before = torch.arange(scores.shape[1], device=labels.device) < labels[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(dim=1) < k


def centre_scoremap(height: int, width: int, sigma: float = 0.25) -> np.ndarray:
    """A Gaussian in the centre of the image, min-max normalised: the baseline that looks at no pixel.

    Args:
        height: Pixels.
        width: Pixels.
        sigma: Standard deviation in sides of the image. The boxes of a sweep depend on it only by rounding.

    Returns:
        ``[H, W]`` float64 in [0, 1]; zeros for one pixel.

    Raises:
        ValueError: A number is not positive.
    """
    if min(height, width) < 1 or not sigma > 0:
        raise ValueError(f'no centre map of {height} x {width} pixels with sigma={sigma}; all must be positive')
    y, x = (((np.arange(n) + 0.5) / n - 0.5) ** 2 for n in (height, width))
    values = np.exp(-(y[:, None] + x[None]) / (2 * sigma**2))
    values -= values.min()
    return values / values.max() if values.max() > 0 else values


def _require_boxes(boxes: np.ndarray, name: str) -> np.ndarray:
    boxes = np.asarray(boxes.cpu() if isinstance(boxes, Tensor) else boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'{name} must be [n, 4] (x1, y1, x2, y2), got shape {boxes.shape}')
    wrong = (boxes < 0).any(axis=1) | (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f'{name}[{row}] = {boxes[row].tolist()}: needs 0 <= x1 <= x2 and 0 <= y1 <= y2')
    return boxes
