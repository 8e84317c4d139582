"""Active learning step by step: scores on the host, all distances anew for each pick, and a pool in Python's lists.

Only for comparison with :mod:`wsod_mm.functional.uncertainty`, :mod:`wsod_mm.functional.acquisition` and
:mod:`wsod_mm.active.pool`.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

__all__ = ['host_uncertainty', 'k_center_anew', 'list_selection']


def host_uncertainty(f1: Sequence[Tensor], f2: Sequence[Tensor], k: int = 10000) -> float:
    """MI-AOD's uncertainty of one image: both score maps are copied to the host, and all anchors sorted.

    Args:
        f1: Per level ``[1, A_l, C]``, logits.
        f2: The same, of the second classifier.
        k: Number of anchors that count.

    Returns:
        The uncertainty.
    """
    maps = [np.concatenate([level[0].cpu().numpy() for level in levels]) for levels in (f1, f2)]
    first, second = (1 / (1 + np.exp(-scores)) for scores in maps)
    anchors = np.sort(((first - second) ** 2).mean(axis=1))
    return float(anchors[::-1][:k].mean())


def k_center_anew(features: np.ndarray, centers: np.ndarray, candidates: np.ndarray, size: int) -> np.ndarray:
    """k-center greedy that computes, for each pick, the distances of all candidates to all centers again.

    Args:
        features: ``[n, D]``.
        centers: Ids of the first centers, at least one.
        candidates: Ids to choose from, rising.
        size: How many.

    Returns:
        int64 ids in the order of the picks.
    """
    centers, left, picks = list(centers), list(candidates), []
    rows = features.astype(np.float64)
    for _ in range(size):
        nearest = np.full(len(left), np.inf)
        for center in centers:
            nearest = np.minimum(nearest, np.sqrt(((rows[left] - rows[center]) ** 2).sum(axis=1)))
        pick = left.pop(int(nearest.argmax()))
        centers.append(pick)
        picks.append(pick)
    return np.array(picks, np.int64)


def list_selection(uncertainty: np.ndarray, labeled: Sequence[int], size: int) -> tuple[list[int], list[int]]:
    """The most uncertain images that are not labeled, and what is left, image by image.

    Args:
        uncertainty: ``[n]``.
        labeled: Ids.
        size: How many.

    Returns:
        Selected ids, the most uncertain first, and ids that are neither labeled nor selected.
    """
    done = set(labeled)
    candidates = [i for i in range(len(uncertainty)) if i not in done]
    selected = sorted(candidates, key=lambda i: (-uncertainty[i], i))[:size]
    chosen = set(selected)
    return selected, [i for i in candidates if i not in chosen]
