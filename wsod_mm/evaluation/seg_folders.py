"""IoU of what lies in folders: label PNGs, and CAMs for many background values."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.functional.cam_maps import best_class
from wsod_mm.functional.confusion import confusion_matrix, label_table, threshold_confusions
from wsod_mm.utils.label_png import read_label_png

from .voc_iou_metric import iou_details

__all__ = ['evaluate_cam_folder', 'evaluate_label_folder']


def evaluate_label_folder(
    pred_dir: str | os.PathLike,
    gt_dir: str | os.PathLike,
    image_ids: Sequence[str],
    classes: Sequence[str],
    ignore_index: int = 255,
    gt_classes: Sequence[str] | None = None,
    gt_other: int = 0,
) -> dict[str, Any]:
    """IoU of predicted label PNGs.

    Args:
        pred_dir: Folder of ``<id>.png``: 0 background, class id + 1.
        gt_dir: The same for the truth, ``ignore_index`` where nothing counts.
        image_ids: Which images.
        classes: C names without the background.
        ignore_index: See ``gt_dir``.
        gt_classes: See :class:`.voc_iou_metric.VOCIoUMetric`.
        gt_other: The same.

    Returns:
        See :func:`.voc_iou_metric.iou_details`, and ``num_images``.

    Raises:
        FileNotFoundError: If an image is missing in a folder.
        ValueError: If two maps differ in size, a label is no class, or there is no image.
    """
    num_classes = len(classes) + 1
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    read_truth = _truth_reader(gt_dir, classes, ignore_index, gt_classes, gt_other)
    for img_id in _checked(image_ids):
        pred = torch.from_numpy(read_label_png(Path(pred_dir) / f'{img_id}.png'))
        truth = read_truth(img_id)
        try:
            total += confusion_matrix(pred, truth, num_classes, ignore_index, ignore_index)
        except ValueError as error:
            raise ValueError(f'{Path(pred_dir) / img_id}.png: {error}') from None
    return {**iou_details(total, classes), 'num_images': len(image_ids)}


def evaluate_cam_folder(
    cam_dir: str | os.PathLike,
    gt_dir: str | os.PathLike,
    image_ids: Sequence[str],
    classes: Sequence[str],
    thresholds: Sequence[float],
    ignore_index: int = 255,
    gt_classes: Sequence[str] | None = None,
    gt_other: int = 0,
) -> list[dict[str, Any]]:
    """IoU of CAMs against constant backgrounds, one result per background value, in one pass over the files.

    The best of many values was chosen with the masks; report a fixed one (.2 in PSA, .15 in IRN) beside it.

    Args:
        cam_dir: Folder of ``<id>.npz``, see :mod:`wsod_mm.datasets.cam_file`.
        gt_dir: See :func:`evaluate_label_folder`.
        image_ids: Which images.
        classes: C names without the background.
        thresholds: Background values.
        ignore_index: Label of pixels that do not count.
        gt_classes: See :class:`.voc_iou_metric.VOCIoUMetric`.
        gt_other: The same.

    Returns:
        In the order of the thresholds: :func:`.voc_iou_metric.iou_details`, ``threshold`` and ``num_images``.

    Raises:
        FileNotFoundError: If an image is missing in a folder.
        ValueError: If CAMs and truth differ in size, a class is unknown, or there is no image or threshold.
    """
    total: torch.Tensor | int = 0
    read_truth = _truth_reader(gt_dir, classes, ignore_index, gt_classes, gt_other)
    for img_id in _checked(image_ids):
        maps = read_cams(Path(cam_dir) / f'{img_id}.npz')
        truth = read_truth(img_id)
        score, label = best_class(torch.from_numpy(maps.cams), torch.from_numpy(maps.keys))
        try:
            total = total + threshold_confusions(score, label, truth, thresholds, len(classes) + 1, ignore_index)
        except ValueError as error:
            raise ValueError(f'{Path(cam_dir) / img_id}.npz: {error}') from None
    return [
        {'threshold': float(threshold), **iou_details(confusion, classes), 'num_images': len(image_ids)}
        for threshold, confusion in zip(thresholds, total, strict=True)
    ]


def _truth_reader(
    gt_dir: str | os.PathLike,
    classes: Sequence[str],
    ignore_index: int,
    gt_classes: Sequence[str] | None,
    gt_other: int,
) -> Callable[[str], torch.Tensor]:
    table = None if gt_classes is None else label_table(gt_classes, classes, gt_other, ignore_index)

    def read(img_id: str) -> torch.Tensor:
        label = torch.from_numpy(read_label_png(Path(gt_dir) / f'{img_id}.png'))
        return label if table is None else table[label.long()]

    return read


def _checked(image_ids: Sequence[str]) -> Sequence[str]:
    if not len(image_ids):
        raise ValueError('no images to evaluate: the list is empty')
    return image_ids
