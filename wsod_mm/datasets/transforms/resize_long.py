"""Bringing the long side of an image to a length."""

from mmcv.transforms import BaseTransform

from wsod_mm.functional.crops import long_side_size
from wsod_mm.registry import TRANSFORMS

from .seg_maps import resize_with_label

__all__ = ['ResizeLong']


@TRANSFORMS.register_module()
class ResizeLong(BaseTransform):
    """Resize so that the long side has a given length, with PIL's bicubic filter on uint8 (label maps: nearest).

    Source: specs/affinity.md 2.4.

    Args:
        long_side: Pixels.

    Raises:
        ValueError: If the length is not positive.
    """

    def __init__(self, long_side: int) -> None:
        if long_side < 1:
            raise ValueError(f'long_side must be positive, got {long_side}')
        self.long_side = long_side

    def transform(self, results: dict) -> dict:
        """See :func:`.seg_maps.resize_with_label`."""
        return resize_with_label(results, *long_side_size(*results['img'].shape[:2], self.long_side))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(long_side={self.long_side})'
