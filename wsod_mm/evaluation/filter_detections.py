"""Another threshold, NMS or limit on detections that were saved."""

import dataclasses

import numpy as np
import torch

from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.functional.nms import nms_rows

from .detection_file import DetectionFile

__all__ = ['filter_detections']


def filter_detections(
    file: DetectionFile,
    score_thr: float | None = None,
    nms_iou: float | None = None,
    max_per_img: int | None = None,
) -> DetectionFile:
    """Threshold, NMS per class and the best of each image, in this order, each where it is asked for.

    What the test left out does not come back: to try milder settings than its own, save everything first (with
    ``nms.iou_threshold=1`` and ``max_per_img=0`` in ``test_cfg.rcnn``).

    Args:
        file: Not changed; the best box of every class (``top``), which is from before NMS, stays.
        score_thr: Scores must be > this.
        nms_iou: A box leaves when its IoU (``+1`` widths) with a better one of its image and class is > this.
        max_per_img: So many per image; like the public code of Collaborative Learning, everything that scores as high
            as the last of them stays, too.

    Returns:
        A file with fewer detections, in the order they had.

    Raises:
        ValueError: ``nms_iou`` is outside [0, 1], or ``max_per_img`` is not positive.
    """
    if nms_iou is not None and not 0 <= nms_iou <= 1:
        raise ValueError(f'the threshold of NMS must be in [0, 1], got {nms_iou}')
    if max_per_img is not None and max_per_img < 1:
        raise ValueError(f'detections per image must be positive, got {max_per_img}')
    table = file.detections
    rows = np.arange(len(table.label))
    if score_thr is not None:
        rows = rows[table.scores > score_thr]
    if nms_iou is not None:
        boxes, scores = torch.from_numpy(table.boxes).float(), torch.from_numpy(table.scores)
        keys = table.image[rows].astype(np.int64) * len(file.classes) + table.label[rows]
        kept = [group[nms_rows(boxes[group], scores[group], nms_iou).numpy()] for group in _groups(rows, keys)]
        rows = np.sort(np.concatenate([rows[:0], *kept]))
    if max_per_img is not None:
        kept = []
        for group in _groups(rows, table.image[rows]):
            values = table.scores[group]
            if len(group) > max_per_img:
                group = group[values >= np.partition(values, -max_per_img)[-max_per_img]]
            kept.append(group)
        rows = np.sort(np.concatenate([rows[:0], *kept]))
    kept_table = BoxTable(*(None if column is None else column[rows] for column in table))
    return dataclasses.replace(file, detections=kept_table)


def _groups(rows: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    """Rows of equal key, each group in the order given."""
    if not len(rows):
        return []
    order = np.argsort(keys, kind='stable')
    return np.split(rows[order], np.flatnonzero(np.diff(keys[order])) + 1)
