"""Bringing the long side of an image to a random length."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.functional.crops import long_side_size
from wsod_mm.registry import TRANSFORMS

from .random_source import random_source
from .seg_maps import resize_with_label

__all__ = ['RandomResizeLong']


@TRANSFORMS.register_module()
class RandomResizeLong(BaseTransform):
    """:class:`.resize_long.ResizeLong` with a length drawn for every image.

    Args:
        min_long: Smallest length, pixels (256 in PSA, 320 in IRN).
        max_long: Largest length, itself among those drawn (512 in PSA, 640 in IRN).
        rng: See :func:`.random_source.random_source`.

    Raises:
        ValueError: Unless 1 <= min_long <= max_long.
    """

    def __init__(self, min_long: int = 256, max_long: int = 512, rng: np.random.RandomState | None = None) -> None:
        if not 1 <= min_long <= max_long:
            raise ValueError(f'need 1 <= min_long <= max_long, got {min_long} and {max_long}')
        self.min_long, self.max_long, self.rng = min_long, max_long, rng

    @cache_randomness
    def _draw(self) -> int:
        return int(random_source(self.rng).randint(self.min_long, self.max_long + 1))

    def transform(self, results: dict) -> dict:
        """See :func:`.seg_maps.resize_with_label`."""
        return resize_with_label(results, *long_side_size(*results['img'].shape[:2], self._draw()))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(min_long={self.min_long}, max_long={self.max_long})'
