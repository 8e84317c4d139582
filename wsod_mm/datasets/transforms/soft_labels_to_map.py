"""From soft label maps to the label map that affinities are learnt from."""

import torch
from mmcv.transforms import BaseTransform

from wsod_mm.functional.crf_labels import combine_soft_labels
from wsod_mm.functional.crops import mean_pool
from wsod_mm.registry import TRANSFORMS

from .seg_maps import LABEL_MAP, SOFT_MAPS

__all__ = ['SoftLabelsToMap']


@TRANSFORMS.register_module()
class SoftLabelsToMap(BaseTransform):
    """Pool the soft maps to the grid of the network, and keep what both CRFs agree on.

    To be put after crop and mirror, as in the public code.

    Source: specs/affinity.md 6.3.

    Args:
        stride: Side of a cell, pixels.
        ignore: Value of cells that are neither a class nor background for sure.
    """

    def __init__(self, stride: int = 8, ignore: int = 255) -> None:
        if stride < 1 or not 0 <= ignore <= 255:
            raise ValueError(f'stride must be positive and ignore lie in 0-255, got {stride} and {ignore}')
        self.stride, self.ignore = stride, ignore

    def transform(self, results: dict) -> dict:
        """Replace ``la_map``, ``ha_map`` and ``label_keys`` by ``gt_seg_map``: uint8 [ceil(H / stride), ceil(W /
        stride)], 0 background, class id + 1.

        Args:
            results: Of :class:`LoadSoftLabels`.

        Returns:
            The results.

        Raises:
            KeyError: If there are no soft maps.
        """
        if not all(name in results for name in SOFT_MAPS):
            raise KeyError(f'image {results.get("img_id")!r} has no soft label maps; put LoadSoftLabels before this')
        low, high = (mean_pool(torch.from_numpy(results.pop(name)), self.stride) for name in SOFT_MAPS)
        keys = torch.from_numpy(results.pop('label_keys'))
        label = combine_soft_labels(low, high, keys, self.ignore)
        results[LABEL_MAP] = label.to(torch.uint8).numpy()
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(stride={self.stride}, ignore={self.ignore})'
