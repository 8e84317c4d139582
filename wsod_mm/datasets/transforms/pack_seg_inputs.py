"""The last transform of networks that learn from label maps."""

import torch
from mmengine.structures import PixelData

from wsod_mm.registry import TRANSFORMS

from .pack_weak_inputs import PackWeakInputs
from .seg_maps import LABEL_MAP

__all__ = ['PackSegInputs']


@TRANSFORMS.register_module()
class PackSegInputs(PackWeakInputs):
    """:class:`PackWeakInputs` with a label map: ``gt_sem_seg.sem_seg``, int64 [1, h, w], where there is one.

    The map may have another size than the image (that of the grid of the network).

    Args:
        *args: See :class:`PackWeakInputs`.
        **kwargs: The same.
    """

    def transform(self, results: dict) -> dict:
        """Pack.

        Args:
            results: End of the pipeline.

        Returns:
            ``inputs`` and ``data_samples``.

        Raises:
            ValueError: See :class:`PackWeakInputs`.
        """
        packed = super().transform(results)
        if LABEL_MAP in results:
            label = torch.from_numpy(results[LABEL_MAP]).long()
            packed['data_samples'].gt_sem_seg = PixelData(sem_seg=label[None])
        return packed
