"""Random colours."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.functional.photometric import photometric_distortion
from wsod_mm.registry import TRANSFORMS

__all__ = ['SSDPhotometricDistortion']


@TRANSFORMS.register_module()
class SSDPhotometricDistortion(BaseTransform):
    """SSD's photometric distortion as CASD uses it: no channel swap, no crop, no expand.

    Brightness, contrast, saturation and hue are each applied with probability ``prob``. The dtype
    of the image stays.

    Args:
        brightness_delta: Grey levels, drawn from [-delta, delta].
        contrast_range: Factor.
        saturation_range: Factor.
        hue_delta: Degrees, drawn from [-delta, delta].
        prob: Of each of the four.

    Raises:
        ValueError: If a range or ``prob`` makes no sense.
    """

    def __init__(
        self,
        brightness_delta: float = 32,
        contrast_range: tuple[float, float] = (0.5, 1.5),
        saturation_range: tuple[float, float] = (0.5, 1.5),
        hue_delta: float = 18,
        prob: float = 0.5,
    ) -> None:
        for name, low_high in (
            ('contrast_range', contrast_range),
            ('saturation_range', saturation_range),
        ):
            if len(low_high) != 2 or not 0 <= low_high[0] <= low_high[1]:
                raise ValueError(f'{name} must be (low, high) with 0 <= low <= high, got {low_high}')
        if brightness_delta < 0 or hue_delta < 0 or not 0 <= prob <= 1:
            raise ValueError(
                'brightness_delta and hue_delta must not be negative and prob lie in [0, 1]; got '
                f'{brightness_delta}, {hue_delta}, {prob}'
            )
        self.brightness_delta = brightness_delta
        self.contrast_range = contrast_range
        self.saturation_range = saturation_range
        self.hue_delta = hue_delta
        self.prob = prob

    @cache_randomness
    def _draw(self) -> dict:
        on = np.random.random(4) < self.prob
        return dict(
            brightness=np.random.uniform(-self.brightness_delta, self.brightness_delta) if on[0] else 0.0,
            contrast=np.random.uniform(*self.contrast_range) if on[1] else 1.0,
            saturation=np.random.uniform(*self.saturation_range) if on[2] else 1.0,
            hue=np.random.uniform(-self.hue_delta, self.hue_delta) if on[3] else 0.0,
        )

    def transform(self, results: dict) -> dict:
        """Change ``img``.

        Args:
            results: With ``img`` [H, W, 3] BGR 0-255, uint8 or float32.

        Returns:
            The results.
        """
        results['img'] = photometric_distortion(results['img'], **self._draw())
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness_delta={self.brightness_delta}, '
            f'contrast_range={self.contrast_range}, saturation_range={self.saturation_range}, '
            f'hue_delta={self.hue_delta}, prob={self.prob})'
        )
