"""The middle of an image, with a note of where it was."""

import numpy as np
from mmcv.transforms import BaseTransform

from wsod_mm.registry import TRANSFORMS

__all__ = ['TracedCenterCrop', 'record_crop']


@TRANSFORMS.register_module()
class TracedCenterCrop(BaseTransform):
    """Cut the middle out, as torchvision's ``CenterCrop``; smaller images stay as they are along that side.

    mmcv's ``CenterCrop`` forgets where the crop was, so that maps and boxes of the crop cannot go back to the image.

    Source: specs/cam.md 1.2 and 1.3 (defect 2).

    Args:
        size: Side in pixels, or (height, width).

    Raises:
        ValueError: A size is not positive.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'size must be a positive side or (height, width), got {size}')

    def transform(self, results: dict) -> dict:
        """Crop ``img``; the annotations, which are in original pixels at test, stay.

        Args:
            results: With ``img`` [H, W, 3].

        Returns:
            ``img_shape`` and ``homography_matrix`` are set.
        """
        height, width = results['img'].shape[:2]
        size = min(self.size[0], height), min(self.size[1], width)
        # round() goes to the even number at .5, here as there
        top, left = (int(round((side - cut) / 2.0)) for side, cut in zip((height, width), size, strict=True))
        results['img'] = results['img'][top : top + size[0], left : left + size[1]]
        results['img_shape'] = size
        record_crop(results, top, left)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size})'


def record_crop(results: dict, top: int, left: int) -> None:
    """Note in ``homography_matrix`` that a crop begins at (top, left)."""
    crop = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    before = results.get('homography_matrix')
    results['homography_matrix'] = crop if before is None else crop @ before
