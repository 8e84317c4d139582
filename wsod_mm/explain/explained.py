"""What a method knows of a pass through the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .raw_detections import RawDetections
from .targets import Target

__all__ = ['Explained', 'LayerMaps']


@dataclass(frozen=True)
class Explained:
    """The images of one pass and what is asked about them."""

    inputs: Tensor
    samples: list[Any]
    targets: list[Target]
    outputs: Sequence[Tensor | RawDetections]


@dataclass(frozen=True)
class LayerMaps:
    """What a layer put out.

    Attributes:
        activations: ``[B, C, h, w]``, at least float32.
        gradients: Of the targets, the same shape; ``None`` for methods that need none.
        number: Of this output among all that were seen.
        channel_dim: Dimension of the channels in what the model itself computes.
    """

    activations: Tensor
    gradients: Tensor | None
    number: int
    channel_dim: int
