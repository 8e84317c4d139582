"""How much each loss moves the parameters."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ['gradient_norms', 'gradient_shares']


def gradient_norms(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    """Norm of the gradient of each loss with respect to some parameters.

    Args:
        losses: Scalars; their graph is kept for the backward pass to come.
        parameters: Leaves that require a gradient. Their gradients are taken without loss scaling: under float16
            autocast those of very small losses underflow, so measure in float32 or bfloat16.

    Returns:
        Name of the loss -> scalar float32, 0 where the loss does not reach the parameters.
    """
    norms = {}
    for name, loss in losses.items():
        if not loss.requires_grad:
            norms[name] = loss.new_zeros((), dtype=torch.float32)
            continue
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        squares = [g.float().square().sum() for g in gradients if g is not None]
        norms[name] = torch.stack(squares).sum().sqrt() if squares else loss.new_zeros((), dtype=torch.float32)
    return norms


def gradient_shares(norms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each norm divided by the sum of all norms; 0 where the sum is 0.

    A share of 1e-5 means that the loss does nothing, whatever its value is.
    """
    total = torch.stack(list(norms.values())).sum()
    return {name: norm / total.clamp(min=torch.finfo(norm.dtype).tiny) for name, norm in norms.items()}
