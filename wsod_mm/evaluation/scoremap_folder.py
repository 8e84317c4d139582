"""Evaluating a folder of score maps, and the centre baseline, without a model."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsod_mm.datasets.wsol_metadata import WSOLMetadata, read_wsol_metadata
from wsod_mm.functional.wsol_metrics import centre_scoremap

from .count_table_metric import CountTableMetric
from .max_box_acc_metric import MaxBoxAccMetric
from .pxap_metric import PxAPMetric
from .scoremap_files import read_scoremap

__all__ = ['evaluate_scoremap_folder']


def evaluate_scoremap_folder(
    scoremaps: str | os.PathLike | None,
    metadata: str | os.PathLike,
    version: int = 2,
    cam_interval: float = 0.01,
    mask_root: str | os.PathLike | None = None,
    size: tuple[int, int] = (224, 224),
    **options: Any,
) -> dict[str, Any]:
    """MaxBoxAcc or, where the split has masks, PxAP of maps in files; as upstream's ``evaluation.py``.

    Args:
        scoremaps: Folder of ``<image id>.npy``, ours or upstream's; ``None``: the centre baseline alone.
        metadata: Folder of the split, see :func:`wsod_mm.datasets.wsol_metadata.read_wsol_metadata`.
        version: Of MaxBoxAcc.
        cam_interval: Between thresholds.
        mask_root: Folder of the masks.
        size: (H, W) of the centre's map where there are no others.
        **options: Further ones of :class:`.MaxBoxAccMetric` or :class:`.PxAPMetric`.

    Returns:
        The numbers, and everything else under ``details``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A map or line is not valid; the message names it.
    """
    split = read_wsol_metadata(metadata)
    metric: CountTableMetric
    if split.boxes:
        metric = MaxBoxAccMetric(version=version, cam_interval=cam_interval, **options)
    else:
        metric = PxAPMetric(cam_interval=cam_interval, **options)
    centre = centre_scoremap(*size)
    if scoremaps is not None and not Path(scoremaps).is_dir():
        raise FileNotFoundError(f'no folder {scoremaps} of score maps')
    label_count = max(split.labels.values()) + 1
    for image_id in split.image_ids:
        scoremap = centre if scoremaps is None else read_scoremap(scoremaps, image_id)
        metric.process(None, [_sample(split, image_id, scoremap, label_count, mask_root)])
    return {**metric.evaluate(len(split.image_ids)), 'details': metric.details}


def _sample(
    split: WSOLMetadata, image_id: str, scoremap: np.ndarray, label_count: int, mask_root: str | os.PathLike | None
) -> dict[str, Any]:
    label = split.labels[image_id]
    score = torch.zeros(label_count)
    score[label] = 1
    sample: dict[str, Any] = dict(
        img_id=image_id,
        img_path=image_id,
        gt_label=dict(score=score),
        pred_cam=dict(cam=scoremap[None], labels=(label,)),
    )
    if split.boxes:
        if image_id not in split.boxes:
            raise ValueError(f'{split.folder / "localization.txt"} has no box of image {image_id!r}')
        if image_id not in split.sizes:
            raise ValueError(f'{split.folder / "image_sizes.txt"} does not have the size of image {image_id!r}')
        boxes = torch.tensor(split.boxes[image_id], dtype=torch.float64)
        sample['gt_instances'] = dict(bboxes=boxes, labels=torch.full((len(boxes),), label))
        sample['ori_shape'] = split.sizes[image_id][::-1]
        return sample
    root = Path(mask_root or '')
    sample['mask_paths'] = [str(root / path) for path in split.masks.get(image_id, ())]
    if image_id in split.ignore:
        sample['ignore_path'] = str(root / split.ignore[image_id])
    return sample
