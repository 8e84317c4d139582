"""Random choice."""

from collections.abc import Sequence

import numpy as np

from wsod_mm.registry import TASK_UTILS

from .strategy import Strategy

__all__ = ['RandomStrategy']


@TASK_UTILS.register_module()
class RandomStrategy(Strategy):
    """Candidates in a random order, from ``numpy.random.RandomState(seed)`` over their rising ids.

    The first images of a choice do not depend on its size. No option, no score; any model will do.
    """

    needs_scores = False

    def _select(
        self,
        values: np.ndarray | None,
        labeled: np.ndarray,
        candidates: np.ndarray,
        size: int,
        seed: int,
        names: Sequence[str] | None,
    ) -> np.ndarray:
        return np.random.RandomState(seed).permutation(candidates)[:size]
