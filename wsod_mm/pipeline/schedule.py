"""Which stages may start now, and how long the rest will take."""

from collections.abc import Collection, Mapping, Sequence

from .stage import Stage

__all__ = ['can_start', 'check_order', 'time_left']


def check_order(stages: Sequence[Stage]) -> None:
    """Check that names are unique and that every stage comes after those that it needs.

    Raises:
        ValueError: If not.
    """
    seen: set[str] = set()
    for stage in stages:
        if stage.name in seen:
            raise ValueError(f'two stages are called {stage.name!r}')
        missing = [name for name in stage.before if name not in seen]
        if missing:
            raise ValueError(f'stage {stage.name!r} needs {missing}, which no stage before it makes')
        seen.add(stage.name)


def can_start(stages: Sequence[Stage], done: Collection[str], running: Collection[str], slots: int) -> list[Stage]:
    """Choose what to start, in the order of the list.

    Args:
        stages: All stages.
        done: Names of the finished ones.
        running: Names of the running ones.
        slots: How many may run at a time.

    Returns:
        Stages to start now. One that uses the whole machine starts only when nothing else runs, and
        stages behind it in the list may go first.
    """
    by_name = {stage.name: stage for stage in stages}
    busy = set(running)
    chosen: list[Stage] = []
    for stage in stages:
        if len(busy) >= slots or any(by_name[name].alone for name in busy):
            break
        if stage.name in done or stage.name in busy or not set(stage.before) <= set(done):
            continue
        if stage.alone and busy:
            continue
        chosen.append(stage)
        busy.add(stage.name)
    return chosen


def time_left(stages: Sequence[Stage], done: Collection[str], running: Mapping[str, float], slots: int) -> float:
    """Play the rest of the schedule with estimated durations.

    Args:
        stages: All stages.
        done: Names of the finished ones.
        running: Seconds that each running stage still takes.
        slots: How many may run at a time.

    Returns:
        Seconds until everything is done.
    """
    finished, active, clock = set(done), dict(running), 0.0
    while True:
        for stage in can_start(stages, finished, active, slots):
            active[stage.name] = stage.seconds
        if not active:
            return clock
        name = min(active, key=lambda key: active[key])
        step = active.pop(name)
        clock += step
        active = {key: value - step for key, value in active.items()}
        finished.add(name)
