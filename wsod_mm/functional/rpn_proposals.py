"""Proposals of a region proposal network."""

import torch
from torch import Tensor

from .caffe_box_coder import clip_boxes_caffe, decode_boxes_caffe
from .nms import nms_rows

__all__ = ['rpn_proposals']


@torch.no_grad()
def rpn_proposals(
    scores: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    size: tuple[int, int],
    pre_nms: int = 12000,
    post_nms: int = 2000,
    nms_iou: float = 0.7,
) -> tuple[Tensor, Tensor]:
    """Decode, clip, keep the best, NMS, keep the best.

    Source: public code (Collaborative Learning): 12000 and 2000 in training, 6000 and 300 in testing, no smallest size.
    Waits for the device once, in NMS.

    Args:
        scores: ``[N]`` float, anything that rises with the probability of an object.
        deltas: ``[N, 4]`` float, not divided by standard deviations.
        anchors: ``[N, 4]`` float, inclusive corners.
        size: Image height and width in pixels.
        pre_nms: Boxes that go into NMS.
        post_nms: Boxes that are returned at most.
        nms_iou: A box leaves when its IoU with a better one is > this.

    Returns:
        Boxes ``[n, 4]`` float32 by falling score (ties: the first anchor) and their scores ``[n]``.

    Raises:
        ValueError: If the shapes disagree.
    """
    if scores.dim() != 1 or deltas.shape != (len(scores), 4) or anchors.shape != deltas.shape:
        raise ValueError(
            f'proposals need scores [N], deltas and anchors [N, 4], got {tuple(scores.shape)}, '
            f'{tuple(deltas.shape)} and {tuple(anchors.shape)}'
        )
    order = scores.argsort(descending=True, stable=True)[:pre_nms]
    scores = scores[order]
    boxes = clip_boxes_caffe(decode_boxes_caffe(anchors[order], deltas[order]), size)
    kept = nms_rows(boxes, scores, nms_iou)[:post_nms]
    return boxes[kept], scores[kept]
