"""Measuring the sweep of thresholds over score maps."""

from collections.abc import Sequence

import numpy as np
import torch

from wsod_mm.functional.cam_localization import score_map
from wsod_mm.functional.scoremap_boxes import contour_rects_and_largest, rect_corners, scoremap_uint8
from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes

from .benchmark import _fastest

__all__ = ['benchmark_sweep', 'blob_scoremaps', 'sweep_each_threshold']


def sweep_each_threshold(scoremap: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Boxes with one contour search per threshold, as wsolevaluation has it; what the sweep is compared with.

    Args:
        scoremap: ``[H, W]`` float in [0, 1].
        thresholds: ``[T]``.

    Returns:
        ``[T, 4]`` int64, the largest contour's box, and ``T`` arrays ``[n_t, 4]`` of all contours.
    """
    values = scoremap_uint8(scoremap)
    single, multi = [], []
    for tau in thresholds:
        rects, best = contour_rects_and_largest(values > int(tau * int(values.max())))
        boxes = rect_corners(rects or [(0, 0, 0, 0)], values.shape, 'wsol')
        single.append(boxes[best])
        multi.append(boxes)
    return np.stack(single), multi


def blob_scoremaps(
    count: int, cells: int = 14, size: tuple[int, int] = (224, 224), spots: int = 3, seed: int = 0
) -> np.ndarray:
    """Score maps as of a classifier: a few spots and noise on a grid of cells, resized by wsolevaluation's rule.

    Args:
        count: Number of maps.
        cells: Side of the grid.
        size: (H, W) in pixels.
        spots: Of each map.
        seed: Of the random numbers.

    Returns:
        ``[count, H, W]`` float64 in [0, 1].
    """
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(cells, dtype=torch.float64)
    y, x = torch.rand(2, count, spots, 1, dtype=torch.float64, generator=generator) * cells
    spread = 1 + torch.rand(count, spots, 1, 1, dtype=torch.float64, generator=generator) * cells / 5
    squares = ((axis - y)[..., :, None] ** 2) + ((axis - x)[..., None, :] ** 2)
    cams = (-squares / (2 * spread**2)).exp().sum(dim=1)
    cams = cams + 0.05 * torch.rand(count, cells, cells, dtype=torch.float64, generator=generator)
    return score_map(cams, size, 'wsol').numpy()


def benchmark_sweep(
    scoremaps: Sequence[np.ndarray], interval: float = 0.001, repeat: int = 1
) -> dict[str, float | bool]:
    """Time of the sweep beside one contour search per threshold.

    Args:
        scoremaps: ``[H, W]`` float in [0, 1] each.
        interval: Between thresholds.
        repeat: The fastest of so many runs counts.

    Returns:
        ``thresholds``, ``searches`` (mean per map), ``sweep ms`` and ``each ms`` per map, ``each / sweep``, and
        ``exact``: whether all boxes of all maps at all thresholds are the same.
    """
    thresholds = cam_thresholds(interval)
    found: dict[str, list] = {}

    def sweep() -> None:
        found['sweep'] = [sweep_boxes(each, thresholds) for each in scoremaps]

    def search_each() -> None:
        found['each'] = [sweep_each_threshold(each, thresholds) for each in scoremaps]

    ours, theirs = (_fastest(run, repeat, 'cpu') / len(scoremaps) for run in (sweep, search_each))
    exact = all(
        np.array_equal(mine.single(), single)
        and all(np.array_equal(a, b) for a, b in zip(mine.multi(), multi, strict=True))
        for mine, (single, multi) in zip(found['sweep'], found['each'], strict=True)
    )
    return {
        'thresholds': len(thresholds),
        'searches': float(np.mean([len(each.counts) for each in found['sweep']])),
        'sweep ms': ours,
        'each ms': theirs,
        'each / sweep': theirs / ours,
        'exact': exact,
    }
