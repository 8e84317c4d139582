"""Box regression on pseudo ground truth, with inclusive corners."""

import torch
from torch import Tensor

__all__ = ['encode_boxes_inclusive', 'weighted_smooth_l1_loss']


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
    return deltas * deltas.new_tensor(weights)


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
    picked = preds.float().view(len(preds), -1, 4)
    picked = picked.gather(1, labels[:, None, None].expand(-1, 1, 4)).squeeze(1)
    # background rows are zeroed before the loss: their targets may be anything
    foreground = labels > 0
    difference = torch.where(foreground[:, None], picked - targets, torch.zeros_like(picked)).abs()
    loss = torch.where(difference < beta, 0.5 * difference**2 / beta, difference - 0.5 * beta).sum(dim=1)
    return (loss * weights).sum() / (weights > 0).sum().clamp(min=1)
