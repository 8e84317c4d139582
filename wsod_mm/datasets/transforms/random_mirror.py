"""Mirroring an image and its maps."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.registry import TRANSFORMS

from .random_source import random_source
from .seg_maps import LABEL_MAP, SOFT_MAPS

__all__ = ['RandomMirror']


@TRANSFORMS.register_module()
class RandomMirror(BaseTransform):
    """Turn left and right with a probability, jointly for image, label map and soft label maps (which MMDetection's
    ``RandomFlip`` does not know).

    Args:
        prob: Probability.
        rng: See :func:`.random_source.random_source`.

    Raises:
        ValueError: If ``prob`` is outside [0, 1].
    """

    def __init__(self, prob: float = 0.5, rng: np.random.RandomState | None = None) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must lie in [0, 1], got {prob}')
        self.prob, self.rng = prob, rng

    @cache_randomness
    def _draw(self) -> bool:
        return bool(random_source(self.rng).uniform() < self.prob)

    def transform(self, results: dict) -> dict:
        """Mirror ``img`` and, when present, ``gt_seg_map``, ``la_map`` and ``ha_map``.

        Args:
            results: With ``img`` [H, W, C].

        Returns:
            ``flip`` and ``flip_direction`` are set.
        """
        results['flip'] = self._draw()
        results['flip_direction'] = 'horizontal' if results['flip'] else None
        if results['flip']:
            results['img'] = np.ascontiguousarray(results['img'][:, ::-1])
            for name in (LABEL_MAP, *SOFT_MAPS):
                if name in results:
                    results[name] = np.ascontiguousarray(results[name][..., ::-1])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
