"""What the WSOL metrics read off a data sample: one item per image and class in it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from wsod_mm.functional.wsol_metrics import topk_contains

__all__ = ['CamItem', 'cam_items', 'image_name', 'present_classes', 'top_contains']


class CamItem(NamedTuple):
    """A class of an image and its score map, which shows the whole image.

    Attributes:
        name: Of the image and the class, for messages.
        label: Class id.
        scoremap: ``[H, W]`` float in [0, 1].
    """

    name: str
    label: int
    scoremap: np.ndarray


def image_name(sample: dict) -> str:
    """Name of an image for messages."""
    return f'image {sample.get("img_path") or sample.get("img_id")}'


def present_classes(sample: dict) -> list[int]:
    """Classes of an image.

    Raises:
        KeyError: The image has no label.
    """
    if 'gt_label' not in sample:
        raise KeyError(f'{image_name(sample)} has no gt_label: test on a data set with labels, and pack them')
    return torch.nonzero(torch.as_tensor(sample['gt_label']['score']) > 0).flatten().tolist()


def cam_items(sample: dict) -> Iterator[CamItem]:
    """Items of an image, one per class in it: in single-label sets one.

    Args:
        sample: As MMEngine's evaluator makes it, with ``gt_label`` and ``pred_cam``.

    Yields:
        The items.

    Raises:
        KeyError: There is no map of a class of the image.
    """
    if 'pred_cam' not in sample:
        raise KeyError(f'{image_name(sample)} has no pred_cam: this metric is for CAMLocalizer')
    pred: dict[str, Any] = sample['pred_cam']
    labels = list(pred['labels'])
    for label in present_classes(sample):
        if label not in labels:
            raise KeyError(
                f'{image_name(sample)} has no map of its class {label}, only of {labels}: '
                "set model.test_cfg.cam_class='gt'"
            )
        scoremap = pred['cam'][labels.index(label)]
        scoremap = scoremap.detach().cpu().numpy() if hasattr(scoremap, 'detach') else np.asarray(scoremap)
        scoremap = scoremap.astype(np.float32) if scoremap.dtype == np.float16 else scoremap
        yield CamItem(f'{image_name(sample)}, class {label}', label, scoremap)


def top_contains(sample: dict, label: int, k: int) -> bool:
    """Whether a class is among the k best of ``pred_label.score``.

    Raises:
        KeyError: There are no scores.
    """
    if 'pred_label' not in sample:
        raise KeyError(f'{image_name(sample)} has no pred_label: this metric is for classifiers')
    scores = torch.as_tensor(sample['pred_label']['score'])
    return bool(topk_contains(scores[None].float(), torch.tensor([label], device=scores.device), k))
