"""Resize by the papers' rule."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import Resize
from mmdet.structures.bbox import autocast_box_type

from wsod_mm.functional.proposals import resize_factor
from wsod_mm.registry import TRANSFORMS

__all__ = ['ShortSideResize']


@TRANSFORMS.register_module()
class ShortSideResize(Resize):
    """Bring the short side to one of ``short_sides``, with a cap on the long side; one factor for
    pixels and boxes.

    MMDetection's ``Resize`` rounds the size first and derives two slightly different factors from
    it. Here, as in the papers' codes, the interpolation and the boxes use the same exact factor,
    and only the size of the result is rounded. To be wrapped in ``ProposalBroadcaster``.

    Args:
        short_sides: Lengths in pixels, one of which is drawn per image with equal probability.
        max_size: Cap on the long side, pixels (2000 in OICR, PCL and CL-WSOD training; 1000 in
            CASD's test).

    Raises:
        ValueError: If a length is not positive.
    """

    def __init__(self, short_sides: int | Sequence[int], max_size: int = 2000) -> None:
        sides = [short_sides] if isinstance(short_sides, int) else list(short_sides)
        if not sides or min(sides) <= 0 or max_size <= 0:
            raise ValueError(f'lengths must be positive, got short_sides={short_sides}, max_size={max_size}')
        # keep_ratio=False makes the parent resize masks and segmentation maps to exactly our size
        super().__init__(scale=(1, 1), keep_ratio=False, clip_object_border=False)
        self.short_sides = sides
        self.max_size = max_size

    @cache_randomness
    def _draw(self) -> int:
        return int(np.random.choice(self.short_sides))

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Resize ``img`` and, when present, ``gt_bboxes``, ``gt_masks`` and ``gt_seg_map``.

        Args:
            results: With ``img`` [H, W, 3].

        Returns:
            ``img_shape``, ``scale``, ``scale_factor`` = (factor, factor), ``keep_ratio`` and
            ``homography_matrix`` are set.
        """
        height, width = results['img'].shape[:2]
        factor = resize_factor(height, width, self._draw(), self.max_size)
        results['img'] = cv2.resize(results['img'], None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        results['img_shape'] = results['img'].shape[:2]
        results['scale'] = results['img_shape'][::-1]
        results['scale_factor'] = (factor, factor)
        results['keep_ratio'] = True
        self._resize_bboxes(results)
        self._resize_masks(results)
        self._resize_seg(results)
        self._record_homography_matrix(results)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(short_sides={self.short_sides}, max_size={self.max_size})'
