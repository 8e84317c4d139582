"""Two meanings of gradient accumulation."""

from typing import Any

import torch

__all__ = ['AccumulationMixin']


class AccumulationMixin:
    """Add the switch ``accumulation`` to an MMEngine optimiser wrapper.

    MMEngine divides each loss by ``accumulative_counts``, so the update uses the *mean* of the accumulated
    gradients. The ``iter_size`` of the papers' Caffe-style training loops adds up gradients without dividing, so the
    update uses their *sum*: with the same learning rate it is ``accumulative_counts`` times larger. Weight decay is
    the same in both.

    Args:
        accumulation: ``'mean'`` (MMEngine) or ``'sum'`` (``iter_size``).
        **kwargs: Arguments of the wrapper.

    Raises:
        ValueError: ``accumulation`` is neither.
    """

    def __init__(self, *args: Any, accumulation: str = 'mean', **kwargs: Any) -> None:
        if accumulation not in ('mean', 'sum'):
            raise ValueError(f"accumulation must be 'mean' or 'sum', got {accumulation!r}")
        super().__init__(*args, **kwargs)
        self.accumulation = accumulation

    def scale_loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Divide the loss by the number of accumulated batches (``'mean'``) or leave it as it is (``'sum'``).

        Args:
            loss: Scalar tensor.

        Returns:
            The scalar to back-propagate.
        """
        return loss if self.accumulation == 'sum' else super().scale_loss(loss)
