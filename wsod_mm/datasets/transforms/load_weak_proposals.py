"""Proposals of one image: clip, filter, deduplicate, cap."""

import zlib

import numpy as np
from mmcv.transforms import BaseTransform

from wsod_mm.functional.proposals import (
    MIN_SIZE_RULES,
    ORDERS,
    clip_boxes,
    first_of_duplicates,
    inside_image,
    large_enough,
    select_rows,
)
from wsod_mm.registry import TRANSFORMS

__all__ = ['LoadWeakProposals']


@TRANSFORMS.register_module()
class LoadWeakProposals(BaseTransform):
    """Make ``results['proposals']`` ready: clip, drop small, remove duplicates, cap, in this order.

    Comes after the image is loaded and before any resize or flip. Boxes are in pixels of the
    original image, 0-based, inclusive.

    Args:
        min_size: Least side length; 0 drops nothing.
        min_size_rule: How the papers' codes compare: ``'inclusive'``, ``'pcl'`` (with 2) or
            ``'casd'`` (with 20); see :func:`~wsod_mm.functional.proposals.large_enough`.
        max_num: Cap; ``None`` keeps all.
        order: Which ones the cap keeps: ``'file'`` (the first), ``'score'`` (the best, and the
            output is sorted), or ``'random'`` (CASD: a new draw per call in training; in test mode
            the draw depends on the image id only).
        dedup: Remove exact duplicates after clipping, keeping the first.
        clip: Clip to the image and drop what is wholly outside. Without it boxes are taken as they
            are.
        on_empty: An image of which nothing is left: ``'error'``, or ``'whole_image'`` (one box of
            the whole image).

    Raises:
        ValueError: If an option is unknown.
    """

    def __init__(
        self,
        min_size: float = 0,
        min_size_rule: str = 'inclusive',
        max_num: int | None = None,
        order: str = 'file',
        dedup: bool = True,
        clip: bool = True,
        on_empty: str = 'error',
    ) -> None:
        if min_size_rule not in MIN_SIZE_RULES or order not in ORDERS or on_empty not in ('error', 'whole_image'):
            raise ValueError(
                f'min_size_rule must be one of {MIN_SIZE_RULES}, order one of {ORDERS}, on_empty '
                f'"error" or "whole_image"; got {min_size_rule!r}, {order!r}, {on_empty!r}'
            )
        self.min_size = min_size
        self.min_size_rule = min_size_rule
        self.max_num = max_num
        self.order = order
        self.dedup = dedup
        self.clip = clip
        self.on_empty = on_empty

    def transform(self, results: dict) -> dict:
        """Replace ``proposals`` by an array and remember it for :class:`PackWeakInputs`.

        Args:
            results: With ``proposals`` (``bboxes`` [R, 4], ``scores`` [R]) and ``img_shape``.

        Returns:
            ``proposals`` float32 [K, 4], ``proposals_scores`` float32 [K], and
            ``proposals_original``, a copy of the former.

        Raises:
            ValueError: If the image has no proposals, or none is left.
        """
        name = f'image {results.get("img_id")!r} ({results.get("img_path")})'
        if not isinstance(results.get('proposals'), dict):
            raise ValueError(
                f'{name} comes without proposals; give the dataset a proposal_file, made by '
                "'python tools/proposals.py generate', or take LoadWeakProposals out "
                'of the pipeline'
            )
        if 'img_shape' not in results:
            raise ValueError(f'{name} is not loaded yet; put LoadWeakImage before LoadWeakProposals')
        if 'scale_factor' in results or results.get('flip'):
            raise ValueError(f'{name} was already resized or flipped; put LoadWeakProposals before those transforms')
        boxes = np.array(results['proposals']['bboxes'], dtype=np.float32).reshape(-1, 4)
        scores = np.array(results['proposals']['scores'], dtype=np.float32).reshape(-1)
        total = len(boxes)
        height, width = results['img_shape']
        if self.clip:
            inside = inside_image(boxes, height, width)
            boxes, scores = clip_boxes(boxes[inside], height, width), scores[inside]
        left = len(boxes)
        if self.min_size > 0:
            large = large_enough(boxes, self.min_size, self.min_size_rule)
            boxes, scores = boxes[large], scores[large]
        if self.dedup:
            first = first_of_duplicates(boxes)
            boxes, scores = boxes[first], scores[first]
        if not len(boxes):
            if self.on_empty == 'error':
                raise ValueError(
                    f'{name} has no proposals left: {total} in the file, {left} inside the image, '
                    f'0 with min_size={self.min_size} ({self.min_size_rule}); make new ones with '
                    "'python tools/proposals.py generate', lower min_size, or set "
                    "on_empty='whole_image'"
                )
            boxes, scores = (
                np.array([[0, 0, width - 1, height - 1]], np.float32),
                np.zeros(1, np.float32),
            )
        rows = select_rows(scores, self.max_num, self.order, self._rng(results))
        results['proposals'], results['proposals_scores'] = boxes[rows], scores[rows]
        results['proposals_original'] = boxes[rows].copy()
        return results

    @staticmethod
    def _rng(results: dict) -> np.random.RandomState | None:
        if not results.get('test_mode'):
            return None  # the global state, which MMEngine seeds per worker
        return np.random.RandomState(zlib.crc32(str(results.get('img_id')).encode()))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(min_size={self.min_size}, '
            f'min_size_rule={self.min_size_rule!r}, max_num={self.max_num}, order={self.order!r}, '
            f'dedup={self.dedup}, clip={self.clip}, on_empty={self.on_empty!r})'
        )
