"""Where the transforms take their random numbers from."""

from typing import Any

import numpy as np

__all__ = ['random_source']


def random_source(rng: np.random.RandomState | None) -> Any:
    """Give the source itself, or numpy's global one, which MMEngine seeds in every worker.

    Looked up at every draw and not kept, because a module cannot be sent to a worker process.

    Args:
        rng: A source of one's own, for reproducing a single transform.

    Returns:
        Something with ``randint``, ``uniform`` and ``permutation``.
    """
    return np.random if rng is None else rng
