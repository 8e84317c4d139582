"""Random scale of image and label map."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.functional.cam_maps import scaled_size
from wsod_mm.registry import TRANSFORMS

from .random_source import random_source
from .seg_maps import resize_with_label

__all__ = ['RandomRescale']


@TRANSFORMS.register_module()
class RandomRescale(BaseTransform):
    """Resize by a random factor: the image with PIL's bicubic filter, its label map with nearest neighbour (IRN).

    Source: specs/affinity.md 10.6.

    Args:
        min_scale: Smallest factor.
        max_scale: Largest factor.
        rng: See :func:`.random_source.random_source`.

    Raises:
        ValueError: Unless 0 < min_scale <= max_scale.
    """

    def __init__(
        self, min_scale: float = 0.5, max_scale: float = 1.5, rng: np.random.RandomState | None = None
    ) -> None:
        if not 0 < min_scale <= max_scale:
            raise ValueError(f'need 0 < min_scale <= max_scale, got {min_scale} and {max_scale}')
        self.min_scale, self.max_scale, self.rng = min_scale, max_scale, rng

    @cache_randomness
    def _draw(self) -> float:
        return float(random_source(self.rng).uniform(self.min_scale, self.max_scale))

    def transform(self, results: dict) -> dict:
        """See :func:`.seg_maps.resize_with_label`."""
        return resize_with_label(results, *scaled_size(*results['img'].shape[:2], self._draw()))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_scale={self.min_scale}, max_scale={self.max_scale})'
