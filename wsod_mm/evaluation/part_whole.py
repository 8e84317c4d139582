"""Whether a detector boxes the part that gives the class away, or the whole object."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wsod_mm.functional.detection_metrics import BoxTable, paired_iou

__all__ = ['part_whole_statistics']


def part_whole_statistics(
    top: BoxTable,
    img_ids: Sequence[str],
    classes: Sequence[str],
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
    iou_thr: float = 0.5,
) -> dict[str, float]:
    """Compare the best box of each image and present class with the head and the whole of the nearest object.

    The object of a box is the one of its class of which the box covers the largest share (ties: higher IoU). "On the
    head" means that the box overlaps the head more than the whole object.

    Args:
        top: The best box of each image and class, 0-based inclusive pixels.
        img_ids: Id of each image that ``top.image`` counts.
        classes: Names of the labels.
        parts: Per image id the objects with ``name``, ``box``, ``head_box`` (MiniVOC's ``load_parts``).
        iou_thr: Overlap that makes a hit.

    Returns:
        ``boxes``: how many were looked at; and means over them in percent: ``iou_object``, ``iou_head`` (of those
        whose head is visible), ``covered`` (share of the object's box that the top box covers), ``inside`` (share of
        the top box that lies in the object's box), ``on_head``, ``hit`` (IoU with the object above ``iou_thr``). NaN
        where there is none.
    """
    rows = []
    for image, label, box in zip(top.image, top.label, np.asarray(top.boxes, float), strict=True):
        objects = [item for item in parts.get(img_ids[image], ()) if item['name'] == classes[label]]
        if not objects:
            continue
        wholes = np.array([item['box'] for item in objects], float)
        repeated = np.repeat(box[None], len(wholes), 0)
        overlap = paired_iou(repeated, wholes)
        common = _intersection(repeated, wholes)
        covered = common / _area(wholes)
        nearest = max(range(len(wholes)), key=lambda i: (covered[i], overlap[i]))
        head = objects[nearest].get('head_box')
        head_overlap = paired_iou(box[None], np.array([head], float))[0] if head else np.nan
        rows.append(
            (
                overlap[nearest],
                head_overlap,
                covered[nearest],
                common[nearest] / _area(box[None])[0],
                float(head_overlap > overlap[nearest]),
                float(overlap[nearest] > iou_thr),
            )
        )
    table = np.array(rows, float).reshape(-1, 6)
    means = {}
    for column, key in enumerate(('iou_object', 'iou_head', 'covered', 'inside', 'on_head', 'hit')):
        known = table[:, column][np.isfinite(table[:, column])]
        means[key] = 100 * float(known.mean()) if len(known) else float('nan')
    return {'boxes': len(table), **means}


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)


def _intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1, 0, None).prod(1)
