"""Methods that ask the model about changed images instead of for gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .base_cam import BaseCAM
from .explained import Explained
from .scorers import ModelScorer

__all__ = ['RescoringCAM']


class RescoringCAM(BaseCAM):
    """A method that weighs channels by scores of changed images.

    Args:
        model: See :class:`.base_cam.BaseCAM`.
        *args: See there.
        batch_size: Changed images in a forward pass.
        **kwargs: See there.

    Raises:
        ValueError: ``batch_size`` is below 1.
    """

    uses_gradients = False

    def __init__(self, model: nn.Module | ModelScorer, *args: Any, batch_size: int = 32, **kwargs: Any) -> None:
        super().__init__(model, *args, **kwargs)
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}: must be at least 1')
        self.batch_size = batch_size

    def channel_scores(self, run: Explained, channels: int, score: Callable[[int, range], Tensor]) -> Tensor:
        """Scores ``[B, C]`` of every image for each of its channels.

        Args:
            run: The images.
            channels: C.
            score: Takes the number of an image and a range of n channels, returns ``[n]``.
        """
        parts = [range(i, min(i + self.batch_size, channels)) for i in range(0, channels, self.batch_size)]
        return torch.stack([torch.cat([score(i, part) for part in parts]) for i in range(len(run.inputs))])

    def rescore(self, run: Explained, image: int, inputs: Tensor) -> Tensor:
        """Scores ``[n]`` of changed copies ``[n, 3, H, W]`` of an image."""
        outputs: Sequence[Any] = self.scorer.forward(inputs, [run.samples[image]] * len(inputs))
        return torch.stack([run.targets[image](output).reshape(()).float() for output in outputs])
