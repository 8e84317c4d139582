"""What every weight conversion shares: the result, the error, and the check of names and shapes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

__all__ = ['ConvertedWeights', 'WeightConversionError', 'plain_state_dict', 'verify_shapes']

Shape = tuple[int, ...]


class WeightConversionError(ValueError):
    """A file of weights is not what it was said to be; the message says what was found instead."""


@dataclass
class ConvertedWeights:
    """Result of a conversion.

    Attributes:
        state_dict: Weights under the names of our detectors.
        meta: Where they come from and which input they want: ``source``, ``channel_order``
            (``'bgr'`` or ``'rgb'``), ``mean`` and ``std`` in that order on a 0-255 scale.
        dropped: Names in the source that have no place in a detector (ImageNet classifiers).
        notes: Things that a user should know.
        bare: Whether the file is to hold the state dict and nothing else, in PyTorch's old format.
    """

    state_dict: dict[str, Tensor]
    meta: dict
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bare: bool = False


def plain_state_dict(checkpoint: object) -> tuple[dict[str, Tensor], dict]:
    """State dict and meta of a checkpoint: bare, or wrapped in ``state_dict``; ``module.`` is
    removed.

    Args:
        checkpoint: What a file of weights holds.

    Returns:
        The state dict and the meta dict (empty when there is none).

    Raises:
        WeightConversionError: It holds no tensors.
    """
    if not isinstance(checkpoint, Mapping):
        raise WeightConversionError(f'expected a dict of tensors, found {type(checkpoint).__name__}')
    meta = checkpoint.get('meta') if 'state_dict' in checkpoint else None
    state = checkpoint.get('state_dict', checkpoint)
    tensors = {name.removeprefix('module.'): value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise WeightConversionError(f'no tensors found; the top-level keys are {sorted(checkpoint)[:8]}')
    return tensors, dict(meta or {})


def verify_shapes(state: Mapping[str, Tensor], expected: Mapping[str, Shape], network: str) -> None:
    """Check that exactly the expected tensors are there, in the expected shapes.

    Args:
        state: Converted weights.
        expected: Shape of every name.
        network: How to call the network in the message.

    Raises:
        WeightConversionError: Names are missing, or shapes differ.
    """
    missing = [name for name in expected if name not in state]
    if missing:
        raise WeightConversionError(f'not a complete {network}: {_some(missing)} missing after renaming')
    wrong = [
        f'{name} is {tuple(state[name].shape)}, expected {tuple(shape)}'
        for name, shape in expected.items()
        if tuple(state[name].shape) != tuple(shape)
    ]
    if wrong:
        raise WeightConversionError(f'not a {network}: {_some(wrong, "; ")}')


def _some(items: list[str], separator: str = ', ', limit: int = 5) -> str:
    shown = separator.join(items[:limit])
    return shown + (f' and {len(items) - limit} more' if len(items) > limit else '')
