"""Losses of the strong branch of Collaborative Learning on weighted pseudo ground truth."""

import torch
from torch import Tensor

from .bootstrap import bootstrap_bce, bootstrap_cross_entropy, weighted_mean
from .smooth_l1 import smooth_l1

__all__ = ['roi_bbox_loss', 'roi_cls_loss', 'rpn_bbox_loss', 'rpn_cls_loss']


def rpn_cls_loss(logits: Tensor, labels: Tensor, weights: Tensor, beta: float = 0.8, hard: bool = True) -> Tensor:
    """Bootstrapped, weighted cross entropy of the sampled anchors, divided by their number.

    Source: public code (Collaborative Learning), there with two logits an anchor.

    Args:
        logits: ``[N]`` float, logit of object minus logit of background.
        labels: ``[N]`` int64: 1, 0, or -1 for anchors that were not sampled.
        weights: ``[N]`` float.
        beta: Trust in the labels, see :func:`~wsod_mm.functional.bootstrap.bootstrap_bce`.
        hard: See there.

    Returns:
        Scalar float32; 0 (with a graph) without a sample.
    """
    sampled = labels >= 0
    losses = bootstrap_bce(torch.where(sampled, logits, 0.0), labels.clamp(min=0), beta, hard)
    return weighted_mean(losses, weights * sampled, sampled.sum())


def rpn_bbox_loss(deltas: Tensor, targets: Tensor, labels: Tensor, weights: Tensor, sigma: float = 3.0) -> Tensor:
    """Weighted smooth L1 of the sampled objects, divided by the number of all samples.

    Source: public code (Collaborative Learning).

    Args:
        deltas: ``[N, 4]`` float.
        targets: ``[N, 4]`` float.
        labels: ``[N]`` int64: 1, 0 or -1.
        weights: ``[N]`` float, in the order of the anchors (in the public code, too, they are right here).
        sigma: See :func:`~wsod_mm.functional.smooth_l1.smooth_l1`.

    Returns:
        Scalar float32; 0 (with a graph) without an object.
    """
    return _foreground_smooth_l1(deltas, targets, labels == 1, weights, (labels >= 0).sum(), sigma)


def roi_cls_loss(logits: Tensor, labels: Tensor, weights: Tensor, beta: float = 0.8, hard: bool = True) -> Tensor:
    """Bootstrapped, weighted cross entropy of the sampled RoIs, divided by their number.

    Source: public code (Collaborative Learning).

    Args:
        logits: ``[K, C + 1]`` float.
        labels: ``[K]`` int64, columns of the logits.
        weights: ``[K]`` float.
        beta: Trust in the labels, see :func:`~wsod_mm.functional.bootstrap.bootstrap_cross_entropy`.
        hard: See there.

    Returns:
        Scalar float32; 0 (with a graph) if all weights are 0.
    """
    return weighted_mean(bootstrap_cross_entropy(logits, labels, beta, hard), weights)


def roi_bbox_loss(
    deltas: Tensor, targets: Tensor, groups: Tensor, foreground: Tensor, weights: Tensor, sigma: float = 1.0
) -> Tensor:
    """Weighted smooth L1 of the foreground RoIs, at the deltas of their class, divided by the number of all RoIs.

    Source: public code (Collaborative Learning).

    Args:
        deltas: ``[K, 4 M]`` float, M groups (classes) of (dx, dy, dw, dh).
        targets: ``[K, 4]`` float.
        groups: ``[K]`` int64, the group of the RoI's class, in [0, M) also for background.
        foreground: ``[K]`` bool.
        weights: ``[K]`` float.
        sigma: See :func:`~wsod_mm.functional.smooth_l1.smooth_l1`.

    Returns:
        Scalar float32; 0 (with a graph) without foreground.
    """
    picked = deltas.view(len(deltas), -1, 4)
    picked = picked.gather(1, groups[:, None, None].expand(-1, 1, 4)).squeeze(1)
    return _foreground_smooth_l1(picked, targets, foreground, weights, len(deltas), sigma)


def _foreground_smooth_l1(
    deltas: Tensor, targets: Tensor, foreground: Tensor, weights: Tensor, number: Tensor | int, sigma: float
) -> Tensor:
    # zeros before the loss: targets outside of the foreground may be anything
    difference = torch.where(foreground[:, None], deltas.float() - targets, 0.0)
    return weighted_mean(smooth_l1(difference, sigma).sum(dim=1), weights, number)
