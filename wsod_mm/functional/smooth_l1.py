"""Smooth L1 in the form of the original Faster R-CNN code."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ['masked_smooth_l1', 'smooth_l1']


def smooth_l1(difference: Tensor, sigma: float = 1.0) -> Tensor:
    """``0.5 (sigma x)^2`` where ``|x| < 1 / sigma^2``, else ``|x| - 0.5 / sigma^2``.

    Source: Fast R-CNN's public code; sigma is 3 for the RPN and 1 for RoIs. It is PyTorch's smooth L1 with
    ``beta = 1 / sigma^2``.

    Args:
        difference: Any shape, float.
        sigma: Positive.

    Returns:
        The same shape, float32 (float64 stays).

    Raises:
        ValueError: If ``sigma`` is not positive.
    """
    if sigma <= 0:
        raise ValueError(f'sigma must be positive, got {sigma}')
    x = difference.to(torch.promote_types(difference.dtype, torch.float32))
    size, square = x.abs(), sigma**2
    return torch.where(size < 1 / square, 0.5 * square * x**2, size - 0.5 / square)


def masked_smooth_l1(
    preds: Tensor,
    targets: Tensor,
    inside_weights: Tensor,
    outside_weights: Tensor,
    sigma: float = 1.0,
    sum_dims: Sequence[int] = (1,),
) -> Tensor:
    """Smooth L1 with weights before and after: summed over some dimensions, averaged over the others.

    Source: public code (Collaborative Learning).

    Args:
        preds: Any shape, float.
        targets: The same shape.
        inside_weights: The same shape, factors of the difference (1 for the deltas that count, else 0).
        outside_weights: The same shape, factors of the loss.
        sigma: See :func:`smooth_l1`.
        sum_dims: Dimensions that are summed.

    Returns:
        Scalar.
    """
    losses = outside_weights * smooth_l1(inside_weights * (preds - targets), sigma)
    return losses.sum(dim=tuple(sum_dims)).mean()
