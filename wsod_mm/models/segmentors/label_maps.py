"""Label maps of a batch."""

import torch
from mmdet.structures import SampleList
from torch import Tensor

__all__ = ['stack_label_maps']


def stack_label_maps(data_samples: SampleList) -> Tensor:
    """Label maps of a batch, as MMDetection's data samples hold them.

    Args:
        data_samples: With ``gt_sem_seg.sem_seg [1, h, w]`` integers, all of one size.

    Returns:
        ``[N, h, w]`` of their dtype.

    Raises:
        ValueError: There are no label maps, or they have different sizes.
    """
    if not all('gt_sem_seg' in sample for sample in data_samples):
        raise ValueError('training needs label maps; let the pipeline fill gt_sem_seg.sem_seg [1, h, w]')
    maps = [sample.gt_sem_seg.sem_seg for sample in data_samples]
    if len({tuple(each.shape) for each in maps}) > 1:
        raise ValueError(
            f'label maps of a batch have different shapes, {[tuple(each.shape) for each in maps]}; crop to one size'
        )
    return torch.cat(maps)
