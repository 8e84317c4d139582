"""From proposal scores to detections."""

import numpy as np
import torch
from mmdet.models.layers import multiclass_nms
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.functional.boxes import flip_boxes_inclusive, project_boxes

__all__ = ['restore_boxes', 'top1_per_class', 'detections_from_scores', 'DEFAULT_NMS']

# offset=1: areas of inclusive corners
DEFAULT_NMS = dict(type='nms', iou_threshold=0.3, offset=1)


def restore_boxes(boxes: Tensor, metainfo: dict) -> Tensor:
    """Undo the flips and resizes of the test pipeline.

    Args:
        boxes: ``[R, 4]``, network-input pixels, inclusive corners.
        metainfo: ``homography_matrix`` (3 x 3, original to network-input pixels, from ``PackWeakInputs``), which is
            exact in whatever order the image was flipped and resized. Without it, as with MMDetection's
            ``PackDetInputs``: ``img_shape`` (h, w), ``scale_factor`` (w, h), ``flip`` and ``flip_direction``, read
            as a resize followed by a flip.

    Returns:
        ``[R, 4]``, pixels of the original image.

    Raises:
        ValueError: If there is no homography and the image was flipped in another direction than horizontally.
    """
    matrix = metainfo.get('homography_matrix')
    if matrix is not None:
        inverse = np.linalg.inv(np.asarray(matrix, dtype=np.float64))
        return project_boxes(boxes, inverse[:2].tolist())
    if metainfo.get('flip'):
        direction = metainfo.get('flip_direction')
        if direction != 'horizontal':
            raise ValueError(
                f'test images may only be flipped horizontally, got {direction!r} for '
                f"{metainfo.get('img_path')}; use RandomFlip(direction='horizontal')"
            )
        boxes = flip_boxes_inclusive(boxes, metainfo['img_shape'][1])
    return boxes / boxes.new_tensor(tuple(metainfo['scale_factor']) * 2)


def top1_per_class(boxes: Tensor, scores: Tensor) -> InstanceData:
    """The best proposal of every class, without NMS or threshold: what CorLoc looks at.

    Args:
        boxes: ``[R, 4]``, or ``[R, C, 4]`` where every class has its own box.
        scores: ``[R, C]``.

    Returns:
        ``bboxes [C, 4]``, ``scores [C]``, ``labels [C]``; empty when there is no proposal.
    """
    labels = torch.arange(scores.shape[1], device=scores.device)
    if len(boxes) == 0:
        return InstanceData(bboxes=boxes.reshape(-1, 4), scores=scores.new_zeros(0), labels=labels[:0])
    best = scores.argmax(dim=0)
    top = boxes[best] if boxes.dim() == 2 else boxes[best, labels]
    return InstanceData(bboxes=top, scores=scores[best, labels], labels=labels)


def detections_from_scores(boxes: Tensor, scores: Tensor, test_cfg: ConfigDict | dict | None) -> InstanceData:
    """Threshold, NMS per class and the best over all classes.

    Args:
        boxes: ``[R, 4]``, or ``[R, C, 4]`` where every class has its own box; inclusive corners.
        scores: ``[R, C]``, without background.
        test_cfg: ``score_thr`` (default 1e-5: MIL scores are small), ``nms``, ``max_per_img`` (default 100).

    Returns:
        ``bboxes [n, 4]``, ``scores [n]``, ``labels [n]`` (0..C-1).
    """
    cfg = dict(test_cfg or {})
    # multiclass_nms ignores a last column, which MMDetection keeps for background
    padded = torch.cat((scores, scores.new_zeros(len(scores), 1)), dim=1)
    boxes = boxes.flatten(1) if len(boxes) else boxes.reshape(0, 4)
    dets, labels = multiclass_nms(
        boxes,
        padded,
        cfg.get('score_thr', 1e-5),
        dict(cfg.get('nms', DEFAULT_NMS)),
        cfg.get('max_per_img', 100),
    )
    return InstanceData(bboxes=dets[:, :4], scores=dets[:, 4], labels=labels)
