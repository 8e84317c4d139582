"""Pseudo ground truth of Collaborative Learning: many boxes a class, each with its score as weight."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import bbox_overlaps_inclusive
from .mining import Seeds, check_mining_inputs
from .nms import greedy_nms

__all__ = ['pseudo_ground_truth']


@torch.no_grad()
def pseudo_ground_truth(boxes: Tensor, scores: Tensor, labels: Tensor, top_k: int = 50, nms_iou: float = 0.1) -> Seeds:
    """Boxes that the weak branch gives to the strong one.

    Of every class in the image the ``top_k`` best proposals go through NMS, and all that stay are pseudo ground truth,
    whatever their score, which is their weight. ``top_k=1`` is the best proposal of each class.

    Source: public code (Collaborative Learning). The shapes depend on R, C and ``top_k`` only.

    Args:
        boxes: ``[R, 4]`` float, proposals, inclusive corners. R >= 1.
        scores: ``[R, C]`` float, class scores without background.
        labels: ``[C]``, positive where the class is in the image. On the CPU only the classes in the image get rows
            (at least one does); on another device all C do, because looking would wait for it.
        top_k: Proposals that go into NMS, at least 1.
        nms_iou: A box leaves when its IoU with a better one of its class is > this.

    Returns:
        Seeds with G = number of classes looked at * ``top_k``: by class, by falling score (ties: the first proposal)
        within a class, what is kept before the padding. ``scores`` is float32, 0 in padding rows.

    Raises:
        ValueError: If there is no proposal, the shapes disagree, or ``top_k`` is below 1.
    """
    check_mining_inputs(boxes, scores, labels)
    if top_k < 1:
        raise ValueError(f'top_k must be at least 1, got {top_k}')
    columns = list(range(scores.shape[1]))
    if labels.device.type == 'cpu':
        # numpy: a tensor of the CPU, whatever the device of the scores
        columns = (labels.numpy() > 0).nonzero()[0].tolist() or [0]
    present = torch.stack([labels[c] for c in columns]).to(boxes.device, non_blocking=True) > 0
    ordered = torch.stack([scores[:, c] for c in columns]).float().sort(dim=1, descending=True, stable=True)
    values, order = ordered.values[:, :top_k], ordered.indices[:, :top_k]
    overlaps = torch.stack([bbox_overlaps_inclusive(b, b) for b in boxes.float()[order].unbind(0)])
    kept = greedy_nms(overlaps, present[:, None].expand_as(order), nms_iou)
    front = kept.int().sort(dim=1, descending=True, stable=True).indices
    parts = (order.gather(1, front), (values * kept).gather(1, front), kept.gather(1, front))
    indices, values, valid = (F.pad(part, (0, top_k - order.shape[1])).flatten() for part in parts)
    classes = torch.cat([torch.full((top_k,), c + 1, device=boxes.device) for c in columns])
    return Seeds(boxes[indices], classes, values, indices, valid)
