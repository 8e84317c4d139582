"""Which detections are worth a look."""

import numpy as np

__all__ = ['select_for_display']


def select_for_display(
    labels: np.ndarray,
    scores: np.ndarray,
    top_k: int = 3,
    class_ratio: float = 0.2,
    box_ratio: float = 0.5,
    max_total: int = 8,
) -> np.ndarray:
    """Choose detections by rank and relative score.

    Scores of MIL detectors are products of two softmaxes, and their scale differs from image to image by orders of
    magnitude, so a fixed threshold shows everything or nothing.

    Args:
        labels: ``[n]`` int, class of each detection.
        scores: ``[n]`` float.
        top_k: At most that many boxes of a class.
        class_ratio: A class is shown when its best box scores at least this share of the image's best.
        box_ratio: A box is shown when it scores at least this share of its class's best.
        max_total: At most that many boxes altogether.

    Returns:
        Indices of the chosen ones, by descending score.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    chosen: list[int] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(-scores[rows], kind='stable')][:top_k]
        if scores[rows[0]] >= class_ratio * scores.max():
            chosen += rows[scores[rows] >= box_ratio * scores[rows[0]]].tolist()
    return np.array(sorted(chosen, key=lambda row: -scores[row])[:max_total], np.int64)
