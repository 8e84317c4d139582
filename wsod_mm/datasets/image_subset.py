"""A part of any data set."""

import random
from typing import Any

from mmengine.dataset import BaseDataset

from wsod_mm.registry import DATASETS

__all__ = ['image_subset']


@DATASETS.register_module('ImageSubset')
def image_subset(
    dataset: dict[str, Any] | BaseDataset,
    single_label: bool = False,
    share: tuple[float, float] = (0.0, 1.0),
    seed: int | None = None,
) -> BaseDataset:
    """Keep some images, for configs: ``dict(type='ImageSubset', dataset=dict(...), share=(0, 0.8), seed=125)``.

    Args:
        dataset: Config of the data set, or the data set, which is what is returned.
        single_label: Keep images with exactly one class (``image_labels`` of our data sets), as ACoL, SPG and the WSOL
            metrics were made for.
        share: Of the images that are left, those from this to that part: (0, .8) and (.8, 1) have none in common.
        seed: Shuffles before; ``None``: the order of the data set. The images stay in that order.

    Returns:
        The data set with fewer images.

    Raises:
        ValueError: ``share`` is not ascending in [0, 1], or nothing is left.
    """
    if not 0 <= share[0] < share[1] <= 1:
        raise ValueError(f'share={tuple(share)} must be ascending in [0, 1]')
    dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
    dataset.full_init()
    kept = list(range(len(dataset)))
    if single_label:
        kept = [k for k in kept if len(dataset.get_data_info(k).get('image_labels') or ()) == 1]
    if seed is not None:
        random.Random(seed).shuffle(kept)
    kept = sorted(kept[round(share[0] * len(kept)) : round(share[1] * len(kept))])
    if not kept:
        raise ValueError(f'no image is left of {len(dataset)} with single_label={single_label}, share={tuple(share)}')
    dataset.get_subset_(kept)
    return dataset
