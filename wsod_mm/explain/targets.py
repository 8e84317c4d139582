"""What a map is to explain: functions of a model's output for one image."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from .class_target import ClassTarget
from .raw_detections import RawDetections

__all__ = ['Target', 'Targets', 'flip_target', 'resolve_targets']

Target = Callable[[Any], Tensor]
#: ``None``: the best class of every image; a class or a function for all images; or a list with one per image.
Targets = None | int | Target | Sequence[int | Target | None]


def flip_target(target: Target, width: int) -> Target:
    """A target in the mirrored image: its own ``flip(width)`` where it has one."""
    return target.flip(width) if hasattr(target, 'flip') else target


def resolve_targets(targets: Targets, outputs: Sequence[Tensor | RawDetections]) -> list[Target]:
    """A function per image.

    Args:
        targets: See :data:`Targets`; a tensor of classes is a list.
        outputs: Outputs of the images, for ``None``.

    Returns:
        The functions.

    Raises:
        ValueError: Their number is not that of the images, or one is neither class nor function.
    """
    if isinstance(targets, Tensor):
        targets = targets.tolist()
    given = list(targets) if isinstance(targets, list | tuple) else [targets] * len(outputs)
    if len(given) != len(outputs):
        raise ValueError(f'{len(given)} targets for {len(outputs)} images: give one per image, or one for all')
    return [_target(each, output) for each, output in zip(given, outputs, strict=True)]


def _target(given: int | Target | None, output: Tensor | RawDetections) -> Target:
    if given is None:
        if isinstance(output, RawDetections):
            return ClassTarget(output.top_class())
        return ClassTarget(int(output.flatten(1).sum(1).argmax() if output.dim() > 1 else output.argmax()))
    if callable(given):
        return given
    try:
        return ClassTarget(given)
    except TypeError:
        raise ValueError(f'target {given!r}: must be a class, a function of the output, or None') from None
