"""Cutting or padding an image and its maps to a fixed size."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from wsod_mm.functional.crops import centre_offset, crop_box, crop_to_container, num_offsets
from wsod_mm.registry import TRANSFORMS

from ..options import require_one_of
from .random_source import random_source
from .seg_maps import LABEL_MAP, SOFT_MAPS

__all__ = ['ContainerCrop']


@TRANSFORMS.register_module()
class ContainerCrop(BaseTransform):
    """Place an image in a container of fixed size, jointly with its label map and soft label maps.

    A side that is too long is cut, one that is too short is put somewhere in the container whole; what remains is
    filled. Soft maps are filled with 0, which no label has: :class:`SoftLabelsToMap` ignores such cells.

    The colour of the filling is the difference between the steps of PSA (spec 13, defect 3). Step 1 normalises before
    it crops, so its zeros are the mean colour; step 3 crops first, so its zeros are black. With the normalisation in
    the data preprocessor that is ``fill`` = the mean of the preprocessor, or ``fill=0``; with
    :class:`NormalizeImage` in the pipeline it is ``fill=0`` after or before that.

    Source: specs/affinity.md 2.4.

    Args:
        crop_size: Side of the container in pixels, or (height, width).
        placement: ``'random'``; ``'center'``; or ``'topleft'`` (IRN's validation).
        fill: Value of the image outside, one number or one per channel; the image becomes float32 when it is uint8
            and they are not whole.
        label_fill: Value of the label map outside.
        rng: See :func:`.random_source.random_source`. The horizontal place is drawn before the vertical one.

    Raises:
        ValueError: If the size is not positive, or ``placement`` is another word.
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        placement: str = 'random',
        fill: float | Sequence[float] = 0.0,
        label_fill: int = 255,
        rng: np.random.RandomState | None = None,
    ) -> None:
        require_one_of('placement', placement, ('random', 'center', 'topleft'))
        size = (crop_size, crop_size) if isinstance(crop_size, int) else tuple(crop_size)
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f'crop_size must be a positive side or (height, width), got {crop_size}')
        self.crop_size = size
        self.placement = placement
        self.fill = fill if isinstance(fill, (int, float)) else tuple(fill)
        self.label_fill = label_fill
        self.rng = rng

    @cache_randomness
    def _draw(self, height: int, width: int) -> tuple[int, int]:
        source = random_source(self.rng)
        left = int(source.randint(num_offsets(width, self.crop_size[1])))
        return int(source.randint(num_offsets(height, self.crop_size[0]))), left

    def transform(self, results: dict) -> dict:
        """Crop ``img`` and, when present, ``gt_seg_map``, ``la_map`` and ``ha_map``.

        Args:
            results: With ``img`` [H, W, C].

        Returns:
            ``img_shape`` is set, and ``crop_box``: (container, image), each (top, bottom, left, right).
        """
        height, width = results['img'].shape[:2]
        if self.placement == 'random':
            offset = self._draw(height, width)
        elif self.placement == 'center':
            offset = tuple(centre_offset(m, s) for m, s in zip((height, width), self.crop_size, strict=True))
        else:
            offset = (0, 0)
        box = crop_box((height, width), self.crop_size, offset)
        results['img'] = crop_to_container(results['img'], box, self.crop_size, self.fill)
        if LABEL_MAP in results:
            results[LABEL_MAP] = crop_to_container(results[LABEL_MAP], box, self.crop_size, self.label_fill)
        for name in SOFT_MAPS:
            if name in results:
                results[name] = crop_to_container(results[name], box, self.crop_size, channels_first=True)
        results['img_shape'] = self.crop_size
        results['crop_box'] = box
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, placement={self.placement!r}, fill={self.fill}, '
            f'label_fill={self.label_fill})'
        )
