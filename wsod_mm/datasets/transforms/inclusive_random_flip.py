"""Flip in the papers' coordinates."""

import numpy as np
from mmdet.datasets.transforms import RandomFlip
from mmdet.structures.bbox import BaseBoxes

from wsod_mm.registry import TRANSFORMS

__all__ = ['InclusiveRandomFlip']


@TRANSFORMS.register_module()
class InclusiveRandomFlip(RandomFlip):
    """MMDetection's ``RandomFlip`` with x' = W - 1 - x: pixel columns are counted, not their edges.

    MMDetection's x' = W - x moves inclusive corners by a pixel. The papers flip the original image
    and its boxes and resize afterwards; in the other order corners land up to (factor - 1) pixels
    elsewhere. To be wrapped in ``ProposalBroadcaster``.

    Args:
        *args: See ``mmdet.datasets.transforms.RandomFlip``.
        **kwargs: The same.
    """

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        boxes = results.get('gt_bboxes')
        if boxes is None:
            return
        shift = self._shift(results['flip_direction'])
        if isinstance(boxes, BaseBoxes):
            boxes.translate_(shift)
        else:
            results['gt_bboxes'] = boxes + np.tile(np.asarray(shift, boxes.dtype), 2)

    def _record_homography_matrix(self, results: dict) -> None:
        super()._record_homography_matrix(results)
        translation = np.eye(3, dtype=np.float32)
        translation[:2, 2] = self._shift(results['flip_direction'])
        results['homography_matrix'] = translation @ results['homography_matrix']

    @staticmethod
    def _shift(direction: str) -> tuple[float, float]:
        return (
            -1.0 if direction in ('horizontal', 'diagonal') else 0.0,
            -1.0 if direction in ('vertical', 'diagonal') else 0.0,
        )
