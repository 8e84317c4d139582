"""From the outputs of both branches of Collaborative Learning to detections."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .caffe_box_coder import Stds, clip_boxes_caffe, decode_boxes_caffe
from .nms import nms_rows

__all__ = ['best_detections', 'duplicate_groups', 'spread_duplicates', 'strong_boxes']


def duplicate_groups(boxes: np.ndarray, stride: float = 16) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that fall on the same cells of the feature map, and who stands for whom.

    The rows that stand for their group are those of
    :func:`~wsod_mm.functional.proposals.first_of_scaled_duplicates` with ``order='key'``.

    Args:
        boxes: ``[R, 4]`` in network-input pixels.
        stride: Pixels per cell.

    Returns:
        int64 ``[K]``, the first row of every group, and int64 ``[R]``, the group of every row.
    """
    cells = np.round(np.asarray(boxes, dtype=np.float64) / stride)
    _, rows, groups = np.unique(cells[:, ::-1], axis=0, return_index=True, return_inverse=True)
    return rows, groups.reshape(-1)


def spread_duplicates(scores: Sequence[Tensor], groups: Tensor) -> Tensor:
    """Mean over passes (plain, mirrored) of scores that were computed for one box of every group.

    Source: public code (Collaborative Learning), which drops duplicates in the plain image and mirrors what is left.

    Args:
        scores: Of each pass ``[K, C]`` float.
        groups: ``[R]`` int64, the group of every box.

    Returns:
        ``[R, C]``.
    """
    return torch.stack(tuple(scores)).mean(dim=0)[groups]


def strong_boxes(rois: Tensor, deltas: Tensor, size: tuple[int, int], stds: Stds = (0.1, 0.1, 0.2, 0.2)) -> Tensor:
    """Boxes of every class: decoded and clipped in the pixels of the original image.

    Source: public code (Collaborative Learning), which scales the RoIs back before it decodes.

    Args:
        rois: ``[R, 4]`` float, inclusive corners, pixels of the original image.
        deltas: ``[R, 4 K]`` float, K classes.
        size: Height and width of the original image.
        stds: Factors of the deltas.

    Returns:
        ``[R, K, 4]``.
    """
    boxes = clip_boxes_caffe(decode_boxes_caffe(rois, deltas, stds), size)
    return boxes.view(len(boxes), deltas.shape[1] // 4, 4)


@torch.no_grad()
def best_detections(
    boxes: Tensor,
    scores: Tensor,
    score_thr: float = 0.0,
    nms_iou: float = 0.3,
    max_per_img: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """Threshold, NMS per class, and the best over all classes.

    Source: public code (Collaborative Learning), the same for both branches. Everything that scores as high as number
    ``max_per_img`` stays, so that ties may give more. Classes go through NMS one by one rather than shifted apart,
    which would round the overlaps.

    Args:
        boxes: ``[R, 4]``, or ``[R, C, 4]`` where every class has its own box; inclusive corners.
        scores: ``[R, C]`` float, without background.
        score_thr: Scores must be > this.
        nms_iou: A box leaves when its IoU with a better one of its class is > this.
        max_per_img: How many detections; 0 or less: all.

    Returns:
        Boxes ``[n, 4]``, scores ``[n]`` and labels ``[n]`` (0..C-1): class after class, by falling score in a class.
    """
    found_boxes, found_scores, labels = [boxes.new_zeros(0, 4)], [scores.new_zeros(0)], []
    for c in range(scores.shape[1]):
        rows = (scores[:, c] > score_thr).nonzero().squeeze(1)
        candidates = (boxes if boxes.dim() == 2 else boxes[:, c])[rows]
        kept = nms_rows(candidates, scores[rows, c], nms_iou)
        found_boxes.append(candidates[kept])
        found_scores.append(scores[rows[kept], c])
        labels.append(torch.full_like(kept, c))
    boxes, scores = torch.cat(found_boxes), torch.cat(found_scores)
    labels = torch.cat(labels) if labels else torch.zeros(0, dtype=torch.long, device=scores.device)
    if 0 < max_per_img < len(scores):
        good = scores >= scores.topk(max_per_img).values[-1]
        boxes, scores, labels = boxes[good], scores[good], labels[good]
    return boxes, scores, labels
