"""The stages of one cycle of MI-AOD as arithmetic: which stage an epoch belongs to, and where schedulers begin.

An *epoch* here is one epoch of a stage, counted through the whole cycle: with the released setting 3 epochs of stage
"label", then twice 1 of "min", 1 of "max" and 3 of "label", 13 in all. Datasets are repeated twice
(:data:`~wsod_mm.active.pool.PASSES_PER_EPOCH`), so these are 26 passes over the labeled images.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ['ORDERS', 'Position', 'Stage', 'cycle_stages', 'locate', 'num_epochs', 'stage_warmups']

#: Orders of the two stages with unlabeled images: that of the public code, and that of the paper.
ORDERS = {'min_max': ('min', 'max'), 'max_min': ('max', 'min')}


class Stage(NamedTuple):
    """One stage.

    Attributes:
        name: ``'label'``, ``'min'`` or ``'max'``.
        epochs: Its number of epochs, at least 1.
    """

    name: str
    epochs: int


class Position(NamedTuple):
    """Where an epoch lies.

    Attributes:
        index: Number of the stage, from 0.
        stage: Its name.
        begin: The first epoch of the stage.
        epochs: Number of epochs of the stage.
        epoch: The epoch within the stage, from 0.
    """

    index: int
    stage: str
    begin: int
    epochs: int
    epoch: int


def cycle_stages(epoch: int = 2, epoch_ratio: Sequence[int] = (3, 1), order: str = 'min_max') -> list[Stage]:
    """The stages of one cycle: "label", then ``epoch`` times the two stages with unlabeled images and "label" again.

    Source: public code, whose names the arguments have. Its training has a momentum of its own in every stage, so
    "label" stages that follow each other (``epoch_ratio`` (3, 0)) stay apart.

    Args:
        epoch: How often the three stages are gone through after the first "label" stage.
        epoch_ratio: Epochs of a "label" stage, and of each of "min" and "max"; 0 leaves these two out.
        order: ``'min_max'`` (public code) or ``'max_min'`` (paper).

    Returns:
        The stages, the last of which is "label".

    Raises:
        ValueError: For an unknown order, or numbers that give no training.
    """
    if order not in ORDERS:
        raise ValueError(f'order must be one of {tuple(ORDERS)}, got {order!r}')
    numbers = [epoch, *epoch_ratio]
    if len(numbers) != 3 or any(not isinstance(n, int) or n < 0 for n in numbers) or numbers[1] < 1:
        raise ValueError(
            'epoch must be an integer >= 0, and epoch_ratio two: of "label" stages (>= 1) and of "min" and "max" '
            f'stages (>= 0); got epoch={epoch!r}, epoch_ratio={epoch_ratio!r}'
        )
    label = Stage('label', numbers[1])
    pair = [Stage(name, numbers[2]) for name in ORDERS[order]] if numbers[2] else []
    return [label, *([*pair, label] * epoch)]


def num_epochs(stages: Sequence[Stage]) -> int:
    """Number of epochs of all stages together; 13 with the released setting."""
    return sum(stage.epochs for stage in stages)


def locate(stages: Sequence[Stage], epoch: int) -> Position:
    """The stage to which an epoch belongs.

    Args:
        stages: From :func:`cycle_stages`.
        epoch: From 0.

    Returns:
        Its place.

    Raises:
        ValueError: If there is no such epoch.
    """
    begin = 0
    for index, stage in enumerate(stages):
        if begin <= epoch < begin + stage.epochs:
            return Position(index, stage.name, begin, stage.epochs, epoch - begin)
        begin += stage.epochs
    raise ValueError(f'the stages have the epochs 0..{begin - 1}, got {epoch}')


def stage_warmups(
    stages: Sequence[Stage], epoch_length: int, iters: int = 500, start_factor: float = 0.001
) -> list[dict[str, Any]]:
    """Entries of ``param_scheduler`` that raise the learning rate linearly at the beginning of every stage.

    Iteration i of a stage has the factor ``start_factor + (1 - start_factor) * i / iters``. Put them before or after
    a ``MultiStepLR``; all of them multiply. Source: public code for COCO and SSD.

    Args:
        stages: From :func:`cycle_stages`.
        epoch_length: Iterations per epoch: batches of the labeled data loader, ``ceil(2 * |X_L| / images per step)``.
        iters: Length of the warm-up. Where the stage is shorter the warm-up ends with it (in the public code it would
            break off: there each stage has an optimizer of its own).
        start_factor: Factor of the first iteration, in (0, 1].

    Returns:
        One ``LinearLR`` per stage; none if ``iters`` is 0.

    Raises:
        ValueError: For numbers out of range.
    """
    if epoch_length < 1 or iters < 0 or not 0 < start_factor <= 1:
        raise ValueError(
            'need epoch_length >= 1, iters >= 0 and start_factor in (0, 1], '
            f'got {epoch_length}, {iters} and {start_factor}'
        )
    warmups, begin = [], 0
    for stage in stages:
        length = min(iters, stage.epochs * epoch_length)
        if length:
            # MMEngine comes to the full rate in step end - 1; that may be the first step of the next stage
            warmups.append(
                dict(type='LinearLR', start_factor=start_factor, by_epoch=False, begin=begin, end=begin + length + 1)
            )
        begin += stage.epochs * epoch_length
    return warmups
