"""Boxes of a score map at many thresholds, with one contour search for each different mask."""

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .scoremap_boxes import contour_rects_and_largest, rect_corners, require_scoremap, scoremap_uint8

__all__ = ['SweepBoxes', 'cam_thresholds', 'sweep_boxes']


class SweepBoxes(NamedTuple):
    """Boxes of all masks that a sweep of thresholds makes.

    Attributes:
        boxes: ``[n, 4]`` int64, (x1, y1, x2, y2), of all contours of mask 0, then of mask 1, and so on; at least one
            box per mask.
        counts: ``[M]`` int64, boxes of every mask.
        largest: ``[M]`` int64, row in ``boxes`` of the contour with the largest area.
        mask_of: ``[T]`` int64, the mask of every threshold.
    """

    boxes: np.ndarray
    counts: np.ndarray
    largest: np.ndarray
    mask_of: np.ndarray

    def single(self) -> np.ndarray:
        """``[T, 4]``: the largest contour's box at every threshold."""
        return self.boxes[self.largest][self.mask_of]

    def multi(self) -> list[np.ndarray]:
        """All boxes at every threshold, ``T`` arrays ``[n_t, 4]``."""
        parts = np.split(self.boxes, np.cumsum(self.counts)[:-1])
        return [parts[mask] for mask in self.mask_of]


def cam_thresholds(interval: float = 0.001) -> np.ndarray:
    """Thresholds from 0 below 1.

    Source: specs/cam.md 4.1 (.001 while training, .01 in the reference's stand-alone tool).

    Args:
        interval: Between thresholds, in (0, 1).

    Returns:
        ``[T]`` float64.

    Raises:
        ValueError: ``interval`` is not in (0, 1).
    """
    if not (math.isfinite(interval) and 0 < interval < 1):
        raise ValueError(f'the interval of thresholds must be in (0, 1), got {interval}')
    return np.arange(0, 1, interval)


def sweep_boxes(scoremap: Tensor | np.ndarray, thresholds: np.ndarray, name: str = 'score map') -> SweepBoxes:
    """Boxes of a score map at every threshold, by the rule of wsolevaluation.

    The mask of threshold tau is ``u > int(tau * max(u))`` with ``u = uint8(255 * map)``. Thresholds whose masks are
    the same, because their whole numbers are or no pixel lies between them, share one contour search: at most 256
    searches, whatever the number of thresholds, and the result is exactly that of a search for each. A
    search looks at no more than the rectangle that holds the mask.

    Source: specs/cam.md 3 and 7.

    Args:
        scoremap: ``[H, W]`` float in [0, 1], or uint8.
        thresholds: ``[T]`` float64 in [0, 1], at least one.
        name: Of the map in messages, such as the id of its image.

    Returns:
        The boxes; ``[0, 0, 0, 0]`` for a mask without pixels.

    Raises:
        ValueError: The map is not valid, or there are no thresholds, or one is outside [0, 1].
    """
    thresholds = np.asarray(thresholds, np.float64)
    if thresholds.ndim != 1 or not thresholds.size or not (thresholds.min() >= 0 and thresholds.max() <= 1):
        raise ValueError(f'thresholds must be [T] in [0, 1] with T >= 1, got shape {thresholds.shape}')
    values = scoremap_uint8(require_scoremap(scoremap, name))
    levels = (thresholds * int(values.max())).astype(np.int64)
    below = np.bincount(values.ravel(), minlength=256).cumsum()  # pixels up to a level: they tell masks apart
    _, first, mask_of = np.unique(below[levels], return_index=True, return_inverse=True)
    rects, counts, largest = [], [], []
    for level, (top, bottom), (left, right) in zip(
        levels[first].tolist(), _spans(values, 1, levels[first]), _spans(values, 0, levels[first]), strict=True
    ):
        # only where there are pixels: contours and their order are the same
        found, best = contour_rects_and_largest(values[top:bottom, left:right] > level, (left, top))
        largest.append(len(rects) + best)
        rects += found or [(0, 0, 0, 0)]
        counts.append(len(found) or 1)
    return SweepBoxes(rect_corners(rects, values.shape, 'wsol'), np.array(counts), np.array(largest), mask_of)


def _spans(values: np.ndarray, axis: int, levels: np.ndarray) -> list[list[int]]:
    """First and one past the last row (axis 1) or column (axis 0) with a pixel above each level; at least one."""
    above = values.max(axis=axis) > levels[:, None]
    first, last = above.argmax(axis=1), above.shape[1] - above[:, ::-1].argmax(axis=1)
    return np.stack([first, last], axis=1).tolist()
