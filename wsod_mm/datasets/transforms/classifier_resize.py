"""Resize as classifiers of natural images are fed."""

import mmcv
from mmdet.datasets.transforms import Resize
from mmdet.structures.bbox import autocast_box_type

from wsod_mm.registry import TRANSFORMS

from ..options import require_one_of

__all__ = ['ClassifierResize']


@TRANSFORMS.register_module()
class ClassifierResize(Resize):
    """torchvision's ``Resize``: the short side to a length, or both sides exactly, whatever that does to the shape.

    Factors of pixels and boxes are those of the rounded size, so that maps and boxes go back exactly.

    Source: specs/cam.md 1.2 (short side 224) and 5 (exactly 224 x 224).

    Args:
        size: Short side in pixels (the long one is truncated), or (height, width).
        interpolation: ``'bilinear'``, ``'nearest'``, and more with OpenCV.
        backend: ``'pillow'``: its filter widens where it shrinks, as in the public codes; takes uint8. ``'cv2'``: does
            not, and is faster.

    Raises:
        ValueError: A size is not positive, or ``backend`` is another word.
    """

    def __init__(self, size: int | tuple[int, int], interpolation: str = 'bilinear', backend: str = 'pillow') -> None:
        require_one_of('backend', backend, ('pillow', 'cv2'))
        if min([size] if isinstance(size, int) else list(size)) < 1:
            raise ValueError(f'size must be a positive length or (height, width), got {size}')
        super().__init__(scale=(1, 1), keep_ratio=False, clip_object_border=False)
        self.size = size if isinstance(size, int) else tuple(size)
        self.interpolation = interpolation
        self.backend = backend

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Resize ``img`` and, when present, ``gt_bboxes``, ``gt_masks`` and ``gt_seg_map``.

        Args:
            results: With ``img`` [H, W, 3].

        Returns:
            ``img_shape``, ``scale``, ``scale_factor``, ``keep_ratio`` and ``homography_matrix`` are set.
        """
        height, width = results['img'].shape[:2]
        if isinstance(self.size, int):
            short = min(height, width)
            target = tuple(max(1, int(self.size * side / short)) for side in (height, width))
        else:
            target = self.size
        results['img'] = mmcv.imresize(results['img'], target[::-1], False, self.interpolation, backend=self.backend)
        results['img_shape'] = target
        results['scale'] = target[::-1]
        results['scale_factor'] = (target[1] / width, target[0] / height)
        results['keep_ratio'] = False
        self._resize_bboxes(results)
        self._resize_masks(results)
        self._resize_seg(results)
        self._record_homography_matrix(results)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, interpolation={self.interpolation!r}, backend={self.backend!r})'
        )
