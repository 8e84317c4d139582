"""Subtracting a mean at inference that was taken after training."""

import torch
from torch import Tensor, nn

__all__ = ['MeanShift']


class MeanShift(nn.Module):
    """Identity in training; in evaluation, subtraction of ``running_mean``, 0 until something is stored there.

    Source: IRN, public code. Nothing in IRN's loss fixes the mean of the displacements.

    Args:
        channels: Channels C of the maps.

    Attributes:
        running_mean: ``[C]`` float32 buffer, part of the checkpoint.
    """

    running_mean: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('running_mean', torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, h, w]`` to the same shape."""
        return x if self.training else x - self.running_mean.view(-1, 1, 1)
