"""Core-set."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.functional.acquisition import k_center_greedy
from wsod_mm.registry import TASK_UTILS

from .strategy import Strategy

__all__ = ['CoreSetStrategy']


@TASK_UTILS.register_module()
class CoreSetStrategy(Strategy):
    """Images far from all labeled ones and from each other (Sener & Savarese, ICLR 2018: k-center greedy).

    An image is described by the global average pool of its feature maps, level after level; padding counts. Labeled
    images are the first centers, so they are scored too. See :func:`~wsod_mm.functional.acquisition.k_center_greedy`.

    Args:
        levels: Which feature maps, counted from the finest, negative ones from the coarsest; ``None`` (default): all.

    Raises:
        ValueError: For an empty or repeated list of levels.
    """

    score_labeled = True

    def __init__(self, levels: Sequence[int] | None = None) -> None:
        if levels is not None and (len(levels) == 0 or len(set(levels)) != len(levels)):
            raise ValueError(f'levels must name some feature maps, each once, or be None for all, got {levels!r}')
        self.levels = None if levels is None else tuple(levels)

    def check(self, model: nn.Module) -> None:
        """Fail for a model without ``extract_feat()``.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """
        if not callable(getattr(model, 'extract_feat', None)):
            raise ValueError(
                f'CoreSetStrategy needs a detector of MMDetection, with extract_feat(), got {type(model).__name__}'
            )

    def _score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        maps = model.extract_feat(batch_inputs)
        levels = range(len(maps)) if self.levels is None else self.levels
        if not all(-len(maps) <= level < len(maps) for level in levels):
            raise ValueError(f'levels={self.levels}: the detector has {len(maps)} feature maps')
        return torch.cat([maps[level].float().mean(dim=(2, 3)) for level in levels], dim=1)

    def _select(
        self,
        values: np.ndarray | None,
        labeled: np.ndarray,
        candidates: np.ndarray,
        size: int,
        seed: int,
        names: Sequence[str] | None,
    ) -> np.ndarray:
        return k_center_greedy(values, labeled, candidates, size, names)
