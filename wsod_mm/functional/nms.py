"""Greedy non-maximum suppression with inclusive corners: on lists of any length, and on many short ones at once."""

import importlib

import torch
from torch import Tensor

__all__ = ['greedy_nms', 'nms_rows']


@torch.no_grad()
def greedy_nms(overlaps: Tensor, live: Tensor, iou_thr: float) -> Tensor:
    """What greedy NMS keeps of short lists that are sorted by score, many lists at once, without waiting for a device.

    In round k everything that rank k (if it is still there) suppresses leaves; K - 1 rounds are the exact result.

    Args:
        overlaps: ``[..., K, K]`` float, IoU of every pair of a list, best score first.
        live: ``[..., K]`` bool, False for padding.
        iou_thr: A box leaves when its IoU with a better one that stays is > this.

    Returns:
        ``[..., K]`` bool.
    """
    suppresses = (overlaps > iou_thr).triu(1)
    for rank in range(live.shape[-1] - 1):
        live = live & ~(suppresses[..., rank, :] & live[..., rank, None])
    return live


@torch.no_grad()
def nms_rows(boxes: Tensor, scores: Tensor, iou_thr: float) -> Tensor:
    """Rows that greedy NMS keeps, best score first. Waits for the device, once: the number is not known before.

    Uses mmcv's kernel. Its own sort is not stable, so it gets ranks instead of scores: of equal scores the first row
    comes first.

    Args:
        boxes: ``[N, 4]`` float, (x1, y1, x2, y2), inclusive corners (``+1`` widths).
        scores: ``[N]`` float.
        iou_thr: A box leaves when its IoU with a better one that stays is > this.

    Returns:
        ``[n]`` int64.
    """
    order = scores.argsort(descending=True, stable=True)
    if len(order) == 0:
        return order
    ranks = torch.arange(len(order), 0, -1, device=boxes.device, dtype=torch.float32)
    nms = importlib.import_module('mmcv.ops').nms
    kept = nms(boxes.float()[order], ranks, iou_threshold=iou_thr, offset=1)[1]
    return order[kept]
