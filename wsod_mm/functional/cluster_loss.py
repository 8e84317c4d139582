"""The loss of PCL: one term per proposal cluster."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ['Clusters', 'cluster_means', 'pcl_loss']


class Clusters(NamedTuple):
    """What the loss knows about the proposals of every seed.

    Attributes:
        counts: ``[G]`` float32, number of proposals.
        probs: ``[G]`` float32, mean of their probabilities of the seed's class, 0 for an empty cluster.
        weights: ``[G]`` float32, sum of their weights.
    """

    counts: Tensor
    probs: Tensor
    weights: Tensor


def cluster_means(probs: Tensor, labels: Tensor, weights: Tensor, seed_index: Tensor, num_seeds: int) -> Clusters:
    """Sum up the proposals of every seed; see :func:`pcl_loss` for the arguments."""
    foreground = (seed_index >= 0).float()
    # background is sent to a cluster of its own, that is cut off
    cluster = torch.where(seed_index >= 0, seed_index, num_seeds)
    picked = probs.float().gather(1, labels[:, None]).squeeze(1)
    empty = picked.new_zeros(num_seeds + 1)
    counts, sums, totals = (
        empty.index_add(0, cluster, part)[:num_seeds] for part in (foreground, picked, weights.detach().float())
    )
    return Clusters(counts, sums / counts.clamp(min=1), totals)


def pcl_loss(
    probs: Tensor,
    labels: Tensor,
    weights: Tensor,
    seed_index: Tensor,
    num_seeds: int,
    eps: float = 1e-9,
) -> Tensor:
    """Cross entropy of the mean probability of every proposal cluster, and of every background proposal.

    ``-(sum_background w_r ln q_r0 + sum_n W_n ln m_n) / R``, with m_n the mean probability of seed n's class over the
    proposals assigned to it and W_n the sum of their weights (its score times their number). Weights carry no gradient.

    Source: PCL paper, eq. (8)-(9); the mean over all proposals is the public code's.

    Args:
        probs: ``[R, C + 1]`` float, softmaxed scores, background in column 0.
        labels: ``[R]`` int64, class of the assigned seed, 0 = background.
        weights: ``[R]`` float.
        seed_index: ``[R]`` int64, the assigned seed in 0..G-1, -1 for background.
        num_seeds: G; seeds without proposals add nothing.
        eps: Lower limit inside the logarithms; below it there is no gradient.

    Returns:
        Scalar float32; 0 (with a graph) when nothing has a weight.
    """
    clusters = cluster_means(probs, labels, weights, seed_index, num_seeds)
    background = torch.where(seed_index < 0, weights.detach().float(), 0)
    total = (background * probs[:, 0].float().clamp(min=eps).log()).sum()
    total = total + (clusters.weights * clusters.probs.clamp(min=eps).log()).sum()
    return -total / max(labels.numel(), 1)
