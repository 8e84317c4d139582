"""Box regression on pseudo ground truth, with inclusive corners."""

import math

import torch
from torch import Tensor

from .boxes import bbox_overlaps_inclusive

__all__ = [
    'casd_bbox_loss',
    'decode_boxes_inclusive',
    'encode_boxes_inclusive',
    'mean_target_boxes',
    'mist_bbox_loss',
    'weighted_smooth_l1_loss',
]


def encode_boxes_inclusive(
    boxes: Tensor,
    targets: Tensor,
    weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0),
) -> Tensor:
    """Regression targets (dx, dy, dw, dh) from ``boxes`` to ``targets``.

    Source: R-CNN paper, appendix C, with the ``+1`` widths and the weights of the public code (PCL).

    Args:
        boxes: ``[R, 4]`` float, (x1, y1, x2, y2), inclusive corners; widths must be positive.
        targets: ``[R, 4]`` float, the same.
        weights: Factors of the four targets (the inverse of their standard deviations).

    Returns:
        ``[R, 4]`` float, unitless.
    """
    size = boxes[:, 2:] - boxes[:, :2] + 1
    target_size = targets[:, 2:] - targets[:, :2] + 1
    centre = boxes[:, :2] + 0.5 * size
    target_centre = targets[:, :2] + 0.5 * target_size
    deltas = torch.cat(((target_centre - centre) / size, (target_size / size).log()), dim=1)
    # not times a tensor made of the weights, which would be copied to the device and waited for
    return torch.stack([delta * w for delta, w in zip(deltas.unbind(1), weights, strict=True)], dim=1)


def decode_boxes_inclusive(
    boxes: Tensor,
    deltas: Tensor,
    weights: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0),
    max_ratio: float = 125.0,
) -> Tensor:
    """Move ``boxes`` by regression deltas, the inverse of :func:`encode_boxes_inclusive`.

    With ``w`` the inclusive width, ``cx' = cx + w dx``, ``w' = w exp(dw)``, ``x1' = cx' - w' / 2`` and
    ``x2' = cx' + w' / 2 - 1``. Zero deltas give the box back bit for bit (the public code of CASD lacks the ``- 1``
    and moves x2 and y2 by a pixel). Boxes are not clipped to the image.

    Source: public code (PCL).

    Args:
        boxes: ``[R, 4]`` float, (x1, y1, x2, y2), inclusive corners.
        deltas: ``[R, 4 K]`` float, K groups of (dx, dy, dw, dh), e.g. one a class; K may be 1.
        weights: Factors that the deltas were multiplied with.
        max_ratio: dw and dh are clipped from above at ``ln(max_ratio)``, so that the exponential cannot overflow.

    Returns:
        ``[R, 4 K]`` float32, boxes in the same layout as the deltas.

    Raises:
        ValueError: If the shapes disagree.
    """
    if deltas.dim() != 2 or deltas.shape[1] % 4 or boxes.shape != (len(deltas), 4):
        raise ValueError(
            f'decoding needs boxes [R, 4] and deltas [R, 4 K], got {tuple(boxes.shape)} and {tuple(deltas.shape)}'
        )
    boxes = boxes.float()[:, None]
    deltas = deltas.float().view(len(deltas), deltas.shape[1] // 4, 4)
    deltas = torch.stack([delta / w for delta, w in zip(deltas.unbind(-1), weights, strict=True)], dim=-1)
    size = boxes[..., 2:] - boxes[..., :2] + 1
    shift = deltas[..., :2] * size
    growth = 0.5 * (deltas[..., 2:].clamp(max=math.log(max_ratio)).exp() * size - size)
    # relative to the corners rather than to the centre, which would round
    decoded = torch.cat((boxes[..., :2] + shift - growth, boxes[..., 2:] + shift + growth), dim=2)
    return decoded.flatten(1)


@torch.no_grad()
def mean_target_boxes(boxes_views: Tensor, seed_boxes: Tensor, iou: float = 0.6) -> Tensor:
    """Regression targets of CASD: the mean of the proposals around every seed, in the coordinates of every view.

    Source: public code (CASD, branch may30).

    Args:
        boxes_views: ``[V, P, 4]`` float, the same proposals in every view, inclusive corners.
        seed_boxes: ``[G, 4]`` float, seeds in the coordinates of view 0.
        iou: A proposal counts if its IoU with the seed, in view 0, is > this. A seed that is a proposal counts itself.

    Returns:
        ``[V, G, 4]`` float32; zeros for a seed (or padding row) without any such proposal.

    Raises:
        ValueError: If the shapes are wrong.
    """
    if boxes_views.dim() != 3 or boxes_views.shape[2] != 4 or seed_boxes.dim() != 2 or seed_boxes.shape[1] != 4:
        raise ValueError(
            'mean targets need boxes_views [V, P, 4] and seed_boxes [G, 4], got '
            f'{tuple(boxes_views.shape)} and {tuple(seed_boxes.shape)}'
        )
    # a matrix product, which autocast would do in half precision
    with torch.autocast(boxes_views.device.type, enabled=False):
        members = (bbox_overlaps_inclusive(seed_boxes.float(), boxes_views[0].float()) > iou).float()
        return members @ boxes_views.float() / members.sum(dim=1).clamp(min=1)[:, None]


def _class_smooth_l1(preds: Tensor, targets: Tensor, labels: Tensor, beta: float) -> Tensor:
    """Smooth L1 of the columns of the label, summed over the four deltas; 0 for background.

    Args:
        preds: ``[..., 4 * (C + 1)]``.
        targets: ``[..., 4]``; those of background rows may be anything.
        labels: ``[...]`` int64.
        beta: Where the loss turns from quadratic to linear, > 0.

    Returns:
        ``[...]`` float32.

    Raises:
        ValueError: If ``beta`` is not positive.
    """
    if beta <= 0:
        raise ValueError(f'beta must be positive, got {beta}')
    picked = preds.float().unflatten(-1, (-1, 4))
    index = labels[..., None, None].expand(*labels.shape, 1, 4)
    picked = picked.gather(-2, index).squeeze(-2)
    # background rows are zeroed before the loss: their targets may be anything
    difference = torch.where((labels > 0)[..., None], picked - targets, torch.zeros_like(picked)).abs()
    return torch.where(difference < beta, 0.5 * difference**2 / beta, difference - 0.5 * beta).sum(dim=-1)


def weighted_smooth_l1_loss(
    preds: Tensor,
    targets: Tensor,
    labels: Tensor,
    weights: Tensor,
    beta: float = 1.0,
) -> Tensor:
    """Class-specific smooth L1 of the foreground, divided by the number of proposals with a weight above 0.

    Source: public code (PCL, Fast R-CNN branch).

    Args:
        preds: ``[R, 4 * (C + 1)]`` float, deltas of every class; columns 0..3 belong to background.
        targets: ``[R, 4]`` float, from :func:`encode_boxes_inclusive`.
        labels: ``[R]`` int64, 0 = background (no loss).
        weights: ``[R]`` float, seed scores.
        beta: Where the loss turns from quadratic to linear.

    Returns:
        Scalar float32.
    """
    loss = _class_smooth_l1(preds, targets, labels, beta)
    return (loss * weights).sum() / (weights > 0).sum().clamp(min=1)


def mist_bbox_loss(preds: Tensor, targets: Tensor, labels: Tensor, weights: Tensor, beta: float = 1.0) -> Tensor:
    """Class-specific smooth L1 of the foreground, divided by the number of all proposals.

    Source: public code (MIST in wetectron), where every refinement branch regresses.

    Args:
        preds: ``[R, 4 * (C + 1)]`` float, deltas of every class; columns 0..3 belong to background.
        targets: ``[R, 4]`` float, from :func:`encode_boxes_inclusive`.
        labels: ``[R]`` int64, 0 = background (no loss).
        weights: ``[R]`` float, seed scores.
        beta: Where the loss turns from quadratic to linear.

    Returns:
        Scalar float32.
    """
    return (_class_smooth_l1(preds, targets, labels, beta) * weights).sum() / max(len(labels), 1)


def casd_bbox_loss(preds: Tensor, targets: Tensor, labels: Tensor, valid: Tensor, beta: float = 1.0) -> Tensor:
    """Unweighted class-specific smooth L1 of the sampled foreground: ``sum_{v, f, 4} smoothL1 / (4 F)``.

    Source: public code (CASD, branch may30).

    Args:
        preds: ``[V, K, 4 * (C + 1)]`` float, deltas of every class; columns 0..3 belong to background.
        targets: ``[V, K, 4]`` float, from :func:`encode_boxes_inclusive`.
        labels: ``[V, K]`` int64, 0 = background (no loss).
        valid: ``[V, K]`` bool, True for the F sampled foreground slots of a view. F is the same in all views; if it is
            not, every view is divided by its own.
        beta: Where the loss turns from quadratic to linear.

    Returns:
        Scalar float32, summed (not averaged) over the views; 0 without foreground.
    """
    valid = valid & (labels > 0)
    loss = _class_smooth_l1(preds, targets, torch.where(valid, labels, 0), beta)
    return (loss.sum(dim=1) / (4 * valid.sum(dim=1).clamp(min=1))).sum()
