"""Pixel average precision of score maps (PxAP), from histograms that add up over images and ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor

from .scoremap_boxes import require_scoremap
from .threshold_sweep import cam_thresholds

__all__ = ['PxAP', 'pxap', 'pxap_edges', 'pxap_gt_mask', 'pxap_histograms']

IGNORED = 255


class PxAP(NamedTuple):
    """Result of :func:`pxap`.

    Attributes:
        score: Area under the curve in percent.
        precision: ``[bins]`` float64 from the highest threshold down; NaN where nothing is predicted.
        recall: ``[bins]`` float64.
    """

    score: float
    precision: np.ndarray
    recall: np.ndarray


def pxap_edges(interval: float = 0.001) -> np.ndarray:
    """Edges of the bins: ``arange(0, 1, interval)`` and 1, 2, 3, in float64."""
    return np.append(cam_thresholds(interval), [1.0, 2.0, 3.0])


def pxap_gt_mask(
    instance_masks: Sequence[np.ndarray],
    ignore_mask: np.ndarray | None = None,
    size_wh: tuple[int, int] = (224, 224),
) -> np.ndarray:
    """Truth of an image: union of its objects, at the size of the maps.

    Source: specs/cam.md 4.2.

    Args:
        instance_masks: ``[H, W]`` each, at the size of the image; values above .5 are the object.
        ignore_mask: ``[H, W]``, likewise; an object's pixels are not ignored.
        size_wh: Width and height of the score maps; masks are resized to the nearest pixel.

    Returns:
        ``[H', W']`` uint8: 1 object, 0 background, 255 ignored.

    Raises:
        ValueError: There is no mask, or one is not ``[H, W]``.
    """
    if not len(instance_masks):
        raise ValueError('the image has no instance mask: PxAP needs at least one')
    objects = np.any([_resized(mask, size_wh) for mask in instance_masks], axis=0)
    out = objects.astype(np.uint8)
    if ignore_mask is not None:
        out[_resized(ignore_mask, size_wh) & ~objects] = IGNORED
    return out


def pxap_histograms(
    scoremap: Tensor | np.ndarray, gt_mask: np.ndarray, interval: float = 0.001, name: str = 'score map'
) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of the map over pixels of the object and of the background.

    Source: specs/cam.md 4.2.

    Args:
        scoremap: ``[H, W]`` float in [0, 1].
        gt_mask: ``[H, W]``: 1 object, 0 background, anything else is left out.
        interval: Between thresholds.
        name: Of the map in messages, such as the id of its image.

    Returns:
        Two float64 ``[bins]``, by :func:`pxap_edges`. They add up over images and ranks.

    Raises:
        ValueError: The map is not valid, or the sizes differ.
    """
    values = require_scoremap(scoremap, name)
    if values.dtype == np.uint8:
        raise ValueError(f'{name}: PxAP needs a float map in [0, 1], got uint8; divide by 255.0')
    gt_mask = np.asarray(gt_mask)
    if values.shape != gt_mask.shape:
        raise ValueError(f'{name}: {values.shape} pixels, but its mask has {gt_mask.shape}; see pxap_gt_mask')
    edges = pxap_edges(interval)
    return tuple(np.histogram(values[gt_mask == kind], bins=edges)[0].astype(np.float64) for kind in (1, 0))


def pxap(hist_true: np.ndarray, hist_false: np.ndarray) -> PxAP:
    """Average precision of all pixels of a data set at once (not the mean over images).

    Source: specs/cam.md 4.2.

    Args:
        hist_true: ``[bins]``, pixels of objects, summed over images.
        hist_false: ``[bins]``, of the background.

    Returns:
        Score and curve.

    Raises:
        ValueError: The histograms differ in length, or no pixel of an object was counted.
    """
    hist_true, hist_false = np.asarray(hist_true, np.float64), np.asarray(hist_false, np.float64)
    if hist_true.shape != hist_false.shape or hist_true.ndim != 1:
        raise ValueError(f'histograms must be [bins] alike, got {hist_true.shape} and {hist_false.shape}')
    total = hist_true.sum()
    if total <= 0:
        raise ValueError('no pixel of an object in the evaluated set: PxAP is not defined')
    tp, fp = hist_true[::-1].cumsum(), hist_false[::-1].cumsum()
    predicted = tp + fp
    precision = np.divide(tp, predicted, out=np.full_like(tp, np.nan), where=predicted > 0)
    recall = tp / total
    steps = np.where(predicted[1:] > 0, np.nan_to_num(precision[1:]) * np.diff(recall), 0.0)
    return PxAP(float(100 * steps.sum()), precision, recall)


def _resized(mask: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f'a mask must be [H, W] and not empty, got shape {mask.shape}')
    mask = (mask > 0.5).astype(np.uint8)
    return cv2.resize(mask, tuple(size_wh), interpolation=cv2.INTER_NEAREST) > 0
