"""Average precision of instance masks by the rules of VOC, in numpy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .detection_metrics import FALSE_POSITIVE, TRUE_POSITIVE, average_precision_area, precision_recall

__all__ = ['ImageOverlaps', 'instance_ap_voc', 'mask_iou', 'overlaps_of_image']


class ImageOverlaps(NamedTuple):
    """What the metric needs of an image once its masks have been compared.

    Attributes:
        iou: ``[N, M]`` float64, predictions against objects.
        pred_labels: ``[N]`` int64, classes from 0.
        pred_scores: ``[N]`` float64.
        gt_labels: ``[M]`` int64.
    """

    iou: np.ndarray
    pred_labels: np.ndarray
    pred_scores: np.ndarray
    gt_labels: np.ndarray


def mask_iou(masks_a: np.ndarray, masks_b: np.ndarray) -> np.ndarray:
    """IoU of every mask with every other.

    Args:
        masks_a: ``[N, H, W]`` bool.
        masks_b: ``[M, H, W]`` bool.

    Returns:
        ``[N, M]`` float64; 0 for two empty masks.

    Raises:
        ValueError: If the sizes differ.
    """
    masks_a, masks_b = np.asarray(masks_a, bool), np.asarray(masks_b, bool)
    if masks_a.shape[1:] != masks_b.shape[1:] or masks_a.ndim != 3:
        raise ValueError(f'masks must be [N, H, W] and [M, H, W] alike, got {masks_a.shape} and {masks_b.shape}')
    a, b = (masks.reshape(len(masks), -1).astype(np.float32) for masks in (masks_a, masks_b))
    intersection = (a @ b.T).astype(np.float64)  # counts below 2^24 are exact in float32
    union = masks_a.sum((1, 2))[:, None] + masks_b.sum((1, 2))[None] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def overlaps_of_image(
    pred_masks: np.ndarray,
    pred_labels: np.ndarray,
    pred_scores: np.ndarray,
    gt_masks: np.ndarray,
    gt_labels: np.ndarray,
) -> ImageOverlaps:
    """Compare the masks of an image, so that they need not be kept.

    Args:
        pred_masks: ``[N, H, W]`` bool.
        pred_labels: ``[N]`` int, classes from 0.
        pred_scores: ``[N]`` float.
        gt_masks: ``[M, H, W]`` bool.
        gt_labels: ``[M]`` int.

    Returns:
        The overlaps.

    Raises:
        ValueError: If lengths or sizes disagree, or a score is NaN.
    """
    if not len(pred_masks) == len(pred_labels) == len(pred_scores) or len(gt_masks) != len(gt_labels):
        raise ValueError(
            f'{len(pred_masks)} predicted masks, {len(pred_labels)} labels, {len(pred_scores)} scores; '
            f'{len(gt_masks)} true masks, {len(gt_labels)} labels: they must agree'
        )
    scores = np.asarray(pred_scores, np.float64)
    if np.isnan(scores).any():
        raise ValueError(f'{int(np.isnan(scores).sum())} scores are NaN: they cannot be ranked')
    empty = not len(pred_masks) or not len(gt_masks)  # such masks may come without a size
    iou = np.zeros((len(pred_masks), len(gt_masks))) if empty else mask_iou(pred_masks, gt_masks)
    return ImageOverlaps(iou, np.asarray(pred_labels, np.int64), scores, np.asarray(gt_labels, np.int64))


def instance_ap_voc(
    images: Sequence[ImageOverlaps], iou_thr: float = 0.5, num_classes: int | None = None
) -> dict[str, np.ndarray]:
    """AP of every class: area under the decreasing envelope of precision over recall.

    A prediction looks only at the object of its class that it overlaps most; it is right if that overlap reaches the
    threshold and no surer prediction took the object. Of equal scores the first image and row goes first (the public
    code leaves their order to numpy's unstable sort).

    Source: specs/affinity.md 10.9 (chainercv's rules, not the 11 points).

    Args:
        images: One entry per image.
        iou_thr: Overlap that must be reached.
        num_classes: C; ``None`` takes the largest label plus 1.

    Returns:
        Arrays ``[C]``: ``ap`` in [0, 1] (NaN for a class without objects), ``num_positive``, ``num_predictions`` and
        ``recall`` (the highest reached, NaN likewise).

    Raises:
        ValueError: If a label is not below C.
    """
    labels, scores = _joined(images, 'pred_labels', np.int64), _joined(images, 'pred_scores', np.float64)
    gt_labels = _joined(images, 'gt_labels', np.int64)
    largest = int(max(labels.max(initial=-1), gt_labels.max(initial=-1)))
    if num_classes is None:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise ValueError(f'label {largest} among {num_classes} classes (counted from 0); check the class list')
    outcome, order = _outcomes(images, scores, iou_thr)
    ranked_label, ranked_outcome = labels[order], outcome[order]
    result = {
        'ap': np.full(num_classes, np.nan),
        'recall': np.full(num_classes, np.nan),
        'num_positive': np.bincount(gt_labels, minlength=num_classes),
        'num_predictions': np.bincount(labels, minlength=num_classes),
    }
    for label in np.flatnonzero(result['num_positive']):
        recall, precision = precision_recall(ranked_outcome[ranked_label == label], result['num_positive'][label])
        result['ap'][label] = average_precision_area(recall, precision)
        result['recall'][label] = recall[-1] if len(recall) else 0.0
    return result


def _outcomes(images: Sequence[ImageOverlaps], scores: np.ndarray, iou_thr: float) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong of every prediction, and their order by descending score."""
    best_iou, best_object, first = [], [], 0
    for image in images:
        count = len(image.gt_labels)
        iou = np.where(image.pred_labels[:, None] == image.gt_labels[None], image.iou, -1.0)
        iou = np.pad(iou, ((0, 0), (0, 1)), constant_values=-1.0)  # an object that nothing overlaps
        index = iou.argmax(1)
        best_iou.append(iou[np.arange(len(iou)), index])
        best_object.append(index + first)
        first += count
    order = np.argsort(-scores, kind='stable')
    outcome = np.full(len(scores), FALSE_POSITIVE, np.int8)
    if len(scores):
        hit = order[np.concatenate(best_iou)[order] >= iou_thr]
        outcome[hit[np.unique(np.concatenate(best_object)[hit], return_index=True)[1]]] = TRUE_POSITIVE
    return outcome, order


def _joined(images: Sequence[ImageOverlaps], name: str, dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *(getattr(image, name) for image in images)])
