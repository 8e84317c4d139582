"""Refinement: labels and weights for all proposals from a few seeds, and the losses on them."""

from typing import NamedTuple

import torch
from torch import Tensor

from .boxes import bbox_overlaps_inclusive
from .mining import Seeds

__all__ = ['Assignment', 'assign_seeds', 'nearest_seeds', 'oicr_loss']


class Assignment(NamedTuple):
    """What every proposal of one image should be.

    Attributes:
        labels: ``[R]`` int64, 0 = background, 1..C = class.
        weights: ``[R]`` float32, loss weight: the score of the assigned seed, 0 where ignored.
        seed_index: ``[R]`` int64, row of the assigned seed, -1 for background.
        max_ious: ``[R]`` float32, IoU with the nearest seed, 0 without any.
    """

    labels: Tensor
    weights: Tensor
    seed_index: Tensor
    max_ious: Tensor


def nearest_seeds(boxes: Tensor, seeds: Seeds) -> tuple[Tensor, Tensor]:
    """The seed that every proposal overlaps most.

    Args:
        boxes: ``[P, 4]`` float, inclusive corners.
        seeds: G seeds in the same coordinates.

    Returns:
        ``[P]`` float IoU, -1 where no seed is valid, and ``[P]`` int64 row of the seed. Ties: the first seed.
    """
    ious = bbox_overlaps_inclusive(boxes, seeds.boxes).masked_fill(~seeds.valid, -1.0)
    return ious.max(dim=1).values, ious.argmax(dim=1)


@torch.no_grad()
def assign_seeds(boxes: Tensor, seeds: Seeds, fg_iou: float = 0.5, ignore_iou: float = 0.0) -> Assignment:
    """Give every proposal the label and the score of its nearest seed.

    Source: OICR paper, algorithm 1; the ignore trick is from the public code of PCL.

    Args:
        boxes: ``[R, 4]`` float, proposals, inclusive corners.
        seeds: Pseudo ground truth in the same coordinates.
        fg_iou: A proposal with IoU >= this takes the seed's class, the others are background.
        ignore_iou: A proposal with IoU < this gets weight 0. OICR: 0 (off); public PCL code: 0.1.

    Returns:
        Assignment. Without a valid seed every proposal is background of weight 0. Ties: the first seed.
    """
    max_ious, nearest = nearest_seeds(boxes, seeds)
    foreground = max_ious >= fg_iou
    labels = torch.where(foreground, seeds.labels[nearest], torch.zeros_like(nearest))
    weights = torch.where((max_ious >= ignore_iou) & (max_ious >= 0), seeds.scores[nearest], torch.zeros_like(max_ious))
    seed_index = torch.where(foreground, nearest, torch.full_like(nearest, -1))
    return Assignment(labels, weights, seed_index, max_ious.clamp(min=0))


def oicr_loss(
    probs: Tensor,
    labels: Tensor,
    weights: Tensor,
    norm: str = 'all',
    eps: float = 1e-6,
) -> Tensor:
    """Weighted cross entropy of one refinement branch: ``-sum_r w_r ln(q_r,label + eps) / normaliser``.

    Source: OICR paper, eq. (3); ``eps`` and the mean over all proposals from the public code (PCL).

    Args:
        probs: ``[R, C + 1]`` float, softmaxed scores, background in column 0.
        labels: ``[R]`` int64, 0 = background.
        weights: ``[R]`` float.
        norm: ``'all'``: divide by R; ``'valid'``: divide by the number of proposals with a weight above 0
            (ports of the caffe layer do so).
        eps: Added inside the logarithm.

    Returns:
        Scalar float32; 0 (with a graph) when nothing has a weight.

    Raises:
        ValueError: For an unknown ``norm``.
    """
    if norm not in ('all', 'valid'):
        raise ValueError(f"norm must be 'all' or 'valid', got {norm!r}")
    picked = probs.float().gather(1, labels[:, None]).squeeze(1)
    total = -(weights * (picked + eps).log()).sum()
    if norm == 'all':
        return total / max(labels.numel(), 1)
    return total / (weights > 0).sum().clamp(min=1)
