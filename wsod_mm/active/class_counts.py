"""How the classes of the labeled images grow over the cycles."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .results import Experiment

__all__ = ['labeled_class_counts']

Counts = dict[str, tuple[int, int]]


def labeled_class_counts(
    experiment: Experiment, pool: Any, count: Callable[[Any, np.ndarray], Counts] | None = None
) -> dict[int, Counts]:
    """Count images and objects of each class among the labeled images of each cycle.

    The annotations of an image are read once, in the first cycle that has it.

    Args:
        experiment: The experiment.
        pool: Its pool.
        count: ``(pool, ids) -> {class: (images, objects)}``; ``None``:
            :func:`wsod_mm.datasets.pools.counts.class_counts`.

    Returns:
        Cycle -> class -> (images that have it, objects).

    Raises:
        ValueError: If a labeled image of one cycle is not labeled in the next, or an annotation is not good.
        FileNotFoundError: If an annotation is missing.
    """
    if count is None:
        from wsod_mm.datasets.pools.counts import class_counts as count
    seen, total, result = np.zeros(0, np.int64), {}, {}
    for cycle, ids in experiment.labeled_ids().items():
        if np.setdiff1d(seen, ids).size:
            raise ValueError(
                f'{experiment.folder / f"X_L_{cycle}.npy"} lacks images that were labeled before: the files of two '
                'experiments are mixed in this folder'
            )
        for name, (images, objects) in count(pool, np.setdiff1d(ids, seen)).items():
            before = total.get(name, (0, 0))
            total[name] = (before[0] + images, before[1] + objects)
        result[cycle], seen = dict(total), ids
    return result
