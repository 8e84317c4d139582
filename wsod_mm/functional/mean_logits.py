"""The logits of the mean of two classifiers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['mean_logits']


def mean_logits(first: Tensor, second: Tensor, num_classes: int, activation: str = 'sigmoid') -> Tensor:
    """Logits of which the probabilities are the mean of those of two classifiers.

    For heads that turn logits into scores themselves. Computed from logarithms, so that scores near 0 and 1 survive.

    Args:
        first: ``[B, N * C, H, W]`` float, channel ``n * C + c`` for anchor n of the cell and class c.
        second: The same, logits of the second classifier.
        num_classes: C.
        activation: ``'sigmoid'``, or ``'softmax'`` over the C columns of an anchor.

    Returns:
        ``[B, N * C, H, W]`` float32.

    Raises:
        ValueError: For an unknown ``activation``, or if the shapes disagree or do not hold C columns per anchor.
    """
    if activation not in ('sigmoid', 'softmax') or first.shape != second.shape:
        raise ValueError(
            f"activation must be 'sigmoid' or 'softmax' and shapes equal, got {activation!r}, "
            f'{tuple(first.shape)} and {tuple(second.shape)}'
        )
    if first.dim() != 4 or num_classes < 1 or first.shape[1] % num_classes:
        raise ValueError(f'expected [B, N * {num_classes}, H, W], got {tuple(first.shape)}')
    first, second = first.float(), second.float()
    if activation == 'sigmoid':
        present = torch.logaddexp(F.logsigmoid(first), F.logsigmoid(second))
        return present - torch.logaddexp(F.logsigmoid(-first), F.logsigmoid(-second))
    first, second = (z.unflatten(1, (-1, num_classes)).log_softmax(dim=2) for z in (first, second))
    return (torch.logaddexp(first, second) - math.log(2)).flatten(1, 2)
