"""A random part of the image, resized to a fixed size."""

import math

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.registry import TRANSFORMS

from .random_source import random_source
from .traced_center_crop import record_crop

__all__ = ['RandomResizedCrop']


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Part of random area and shape, resized to a square: the usual training view of a classifier.

    For image labels only: boxes are not cropped.

    Source: specs/cam.md 1.1; torchvision's transform of that name.

    Args:
        size: Side of the result in pixels, or (height, width).
        area: Smallest and largest share of the image.
        ratio: Smallest and largest width / height.
        attempts: Draws; when none fits into the image, its middle of the nearest ratio is taken.
        backend: As of :class:`.ClassifierResize`.
        rng: See :func:`.random_source.random_source`.

    Raises:
        ValueError: A range is not ascending in positive numbers, or a size is not positive.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        area: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        attempts: int = 10,
        backend: str = 'pillow',
        rng: np.random.RandomState | None = None,
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if min(self.size) < 1 or not 0 < area[0] <= area[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            raise ValueError(
                f'size={size} must be positive, area={area} in (0, 1] and ratio={ratio} positive, ascending'
            )
        self.area, self.ratio, self.attempts, self.backend, self.rng = tuple(area), tuple(ratio), attempts, backend, rng

    @cache_randomness
    def _draw(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the part."""
        source = random_source(self.rng)
        for _ in range(self.attempts):
            area = height * width * source.uniform(*self.area)
            ratio = math.exp(source.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return int(source.randint(height - h + 1)), int(source.randint(width - w + 1)), h, w
        w = min(width, max(1, round(height * self.ratio[1])))
        h = min(height, max(1, round(width / self.ratio[0])))
        return (height - h) // 2, (width - w) // 2, h, w

    def transform(self, results: dict) -> dict:
        """Crop and resize ``img``.

        Args:
            results: With ``img`` [H, W, 3].

        Returns:
            ``img_shape``, ``scale_factor`` and ``homography_matrix`` are set.
        """
        top, left, h, w = self._draw(*results['img'].shape[:2])
        part = results['img'][top : top + h, left : left + w]
        results['img'] = mmcv.imresize(part, self.size[::-1], backend=self.backend)
        results['img_shape'] = self.size
        results['scale_factor'] = (self.size[1] / w, self.size[0] / h)
        record_crop(results, top, left)
        results['homography_matrix'] = np.diag([*results['scale_factor'], 1.0]) @ results['homography_matrix']
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, area={self.area}, ratio={self.ratio})'
