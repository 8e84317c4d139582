"""Random colours, as classifiers of natural images are trained."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.functional.color_jitter import JITTERS, color_jitter
from wsod_mm.registry import TRANSFORMS

from .random_source import random_source

__all__ = ['ColorJitter']


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Change brightness, contrast, saturation and hue by random factors in random order.

    Source: specs/affinity.md 4; the public code's defaults.

    Args:
        brightness: Factor from [max(0, 1 - x), 1 + x].
        contrast: The same.
        saturation: The same.
        hue: Shift from [-x, x] turns of the colour circle, at most .5.
        rng: See :func:`.random_source.random_source`. The order is drawn before the factors.

    Raises:
        ValueError: If a strength is negative or ``hue`` is above .5.
    """

    def __init__(
        self,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.3,
        hue: float = 0.1,
        rng: np.random.RandomState | None = None,
    ) -> None:
        if min(brightness, contrast, saturation, hue) < 0 or hue > 0.5:
            raise ValueError(
                f'strengths must not be negative and hue not above .5, got {brightness}, {contrast}, {saturation}, '
                f'{hue}'
            )
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.rng = rng

    @cache_randomness
    def _draw(self) -> dict:
        source = random_source(self.rng)
        order = tuple(JITTERS[i] for i in source.permutation(len(JITTERS)))
        strengths = (self.brightness, self.contrast, self.saturation)
        factors = {n: float(source.uniform(max(0, 1 - x), 1 + x)) for n, x in zip(JITTERS[:3], strengths, strict=True)}
        return dict(factors, hue=float(source.uniform(-self.hue, self.hue)), order=order)

    def transform(self, results: dict) -> dict:
        """Change ``img``.

        Args:
            results: With ``img`` [H, W, 3] RGB uint8.

        Returns:
            The results.

        Raises:
            ValueError: If the image is not uint8.
        """
        results['img'] = color_jitter(results['img'], **self._draw())
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, '
            f'saturation={self.saturation}, hue={self.hue})'
        )
