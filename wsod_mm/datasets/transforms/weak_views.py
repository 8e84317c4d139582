"""Several scales of one image as one training sample."""

import copy
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import ProposalBroadcaster

from wsod_mm.registry import TRANSFORMS

from .pack_weak_inputs import PackWeakInputs
from .short_side_resize import ShortSideResize

__all__ = ['WeakViews']


@TRANSFORMS.register_module()
class WeakViews(BaseTransform):
    """Resize to several distinct short sides and pack each: the scales of CASD's views.

    The last transform of a training pipeline, after :class:`LoadWeakImage` and :class:`LoadWeakProposals`; it resizes
    and packs itself. All scales hold the same proposals in the same order. The flipped views are made on the device,
    by ``MultiViewDataPreprocessor``.

    MMEngine's ``pseudo_collate`` transposes the lists, so a batch holds one group of images per scale:
    ``inputs = [(scale 0 of each sample), (scale 1 of each sample), ...]``.

    Args:
        short_sides: Lengths in pixels to draw from, with equal probability, without replacement, in random order.
        num_scales: S, how many are drawn per call.
        max_size: Cap on the long side, pixels. Very elongated images may reach it at two short sides and then come
            out equal.
        pack: Arguments of :class:`PackWeakInputs`.

    Raises:
        ValueError: If there are fewer distinct short sides than ``num_scales``, or a length is not positive.

    Source: specs, CASD section 10 (two distinct random scales of five per step).
    """

    def __init__(
        self, short_sides: Sequence[int], num_scales: int = 2, max_size: int = 2000, pack: dict | None = None
    ) -> None:
        self.short_sides = list(dict.fromkeys(short_sides))
        if not 1 <= num_scales <= len(self.short_sides):
            raise ValueError(
                f'num_scales={num_scales} distinct scales cannot be drawn from short_sides={list(short_sides)}'
            )
        self.num_scales = num_scales
        self.max_size = max_size
        self.resizes = [ProposalBroadcaster([ShortSideResize(side, max_size)]) for side in self.short_sides]
        self.pack = PackWeakInputs(**(pack or {}))

    def transform(self, results: dict) -> dict:
        """Make the views.

        Args:
            results: With ``img`` and ``proposals`` as :class:`LoadWeakProposals` leaves them. Not changed.

        Returns:
            ``inputs``: S tensors ``[3, H_s, W_s]`` of the dtype of the image; ``data_samples``: S ``DetDataSample``.

        Raises:
            ValueError: If the proposals are not loaded, and where :class:`PackWeakInputs` raises it.
        """
        if results.get('proposals') is None:
            raise ValueError(
                f'image {results.get("img_id")!r} ({results.get("img_path")}) comes without proposals; put '
                'LoadWeakProposals before WeakViews'
            )
        drawn = np.random.choice(len(self.resizes), self.num_scales, replace=False)
        packed = [self.pack(self.resizes[row](copy.deepcopy(results))) for row in drawn]
        return {key: [view[key] for view in packed] for key in ('inputs', 'data_samples')}

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(short_sides={self.short_sides}, num_scales={self.num_scales}, '
            f'max_size={self.max_size}, pack={self.pack})'
        )
