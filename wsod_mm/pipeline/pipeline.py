"""Runs stages in parallel where they allow it, skips what is done, goes on where it was killed."""

import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .run import StageError, StageRun, StageStopped
from .schedule import can_start, check_order, time_left
from .stage import Stage, StageFolder
from .status_line import StatusLine, clock_text

__all__ = ['Pipeline', 'available_cores']

_NUMBER = re.compile(r'\d\.\d')  # last words that are a result


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Attempt:
    """A stage that is running, in a thread of its own."""

    def __init__(self, folder: StageFolder, key: str, root: Path, workers: int) -> None:
        self.folder, self.key = folder, key
        self.stage = folder.stage
        self.before = folder.open(key)
        self.started = time.monotonic()
        self.run = StageRun(folder.stage.name, root, workers)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._work, name=folder.stage.name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            self.stage.action(self.run)
        except BaseException as error:  # handed to the main thread
            self.error = error

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def left(self) -> float:
        fraction, spent = self.run.fraction, time.monotonic() - self.started
        if fraction is None or fraction <= 0.02:
            return max(self.stage.seconds - spent, 1.0)
        # a resumed stage did not do its first part now, so the guess of the whole is the better one
        if self.before:
            return max(self.stage.seconds * (1 - fraction), 1.0)
        return spent * (1 - fraction) / fraction


class Pipeline:
    """Stages in a work folder.

    Every stage owns ``<root>/<name>`` and leaves a record there with a hash of what its result depends
    on. A stage is skipped when its record says that it was finished with the same hash and its
    outputs are unchanged; it is started again from what is there when it was interrupted, and
    from nothing when the hash differs.

    Args:
        stages: In an order in which every stage comes after those that it needs.
        root: The work folder.
        slots: How many stages may run at a time; default 2, or 1 on one core.
        output: Where to print; default standard output.
        cores: How many cores the stages share; default those that this process may use.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        root: str | os.PathLike,
        slots: int | None = None,
        output: StatusLine | None = None,
        cores: int | None = None,
    ) -> None:
        check_order(stages)
        self.stages = list(stages)
        self.root = Path(root)
        self.cores = cores or available_cores()
        self.slots = slots or min(2, self.cores)
        self.output = output or StatusLine()

    def keys(self) -> dict[str, str]:
        """Hash of each stage."""
        keys: dict[str, str] = {}
        for stage in self.stages:
            keys[stage.name] = stage.key(keys)
        return keys

    def run(self, only: Sequence[str] | None = None) -> dict[str, float]:
        """Do what is not done yet.

        Args:
            only: Names of the stages to bring about, with those that they need; default all.

        Returns:
            Seconds that each stage took, also in earlier runs.

        Raises:
            StageError: If a stage failed; the others that ran are stopped.
            ValueError: If ``only`` names an unknown stage.
            KeyboardInterrupt: If the user stopped it; running stages go on from there next time.
        """
        stages = self.wanted(only)
        keys, began = self.keys(), time.monotonic()
        done: dict[str, float] = {}
        for stage in stages:
            folder = StageFolder(self.root, stage)
            # what stands on a stage that has to be done again is itself done again
            if set(stage.before) <= done.keys() and folder.is_done(keys[stage.name]):
                done[stage.name] = folder.record()['seconds']
        if done:
            self.output.say('already there: ' + ', '.join(done))
        active: dict[str, _Attempt] = {}
        try:
            while len(done) < len(stages):
                for stage in can_start(stages, done, active, self.slots):
                    workers = self.cores if stage.alone else max(1, self.cores // self.slots)
                    active[stage.name] = _Attempt(StageFolder(self.root, stage), keys[stage.name], self.root, workers)
                    again = active[stage.name].before
                    self.output.say(
                        f'[{len(done) + len(active)}/{len(stages)}] {stage.name}'
                        + (f': goes on after {clock_text(again)}' if again else '')
                    )
                self._wait(active, stages, done, began)
                for name in [name for name, a in active.items() if not a.thread.is_alive()]:
                    done[name] = self._finish(active.pop(name))
        finally:
            self._stop(active)
        return done

    def wanted(self, only: Sequence[str] | None = None) -> list[Stage]:
        """Stages to bring about.

        Args:
            only: Names; default all.

        Returns:
            These, and those that they need.

        Raises:
            ValueError: If a name is unknown.
        """
        if only is None:
            return self.stages
        by_name = {stage.name: stage for stage in self.stages}
        unknown = [name for name in only if name not in by_name]
        if unknown:
            raise ValueError(f'no stage {", ".join(unknown)}; there are {", ".join(by_name)}')
        wanted: set[str] = set()
        rest = list(only)
        while rest:
            name = rest.pop()
            if name not in wanted:
                wanted.add(name)
                rest += by_name[name].before
        return [stage for stage in self.stages if stage.name in wanted]

    def _wait(self, active: dict[str, _Attempt], stages: list[Stage], done: dict[str, float], began: float) -> None:
        noted = time.monotonic()
        while all(attempt.thread.is_alive() for attempt in active.values()):
            next(iter(active.values())).thread.join(0.2)
            left = time_left(stages, done, {name: a.left() for name, a in active.items()}, self.slots)
            self.output.show(
                time.monotonic() - began, left, [(name, a.run.fraction, a.run.text) for name, a in active.items()]
            )
            if time.monotonic() - noted > 5:  # so that a killed run knows what it spent
                noted = time.monotonic()
                for attempt in active.values():
                    if attempt.thread.is_alive():
                        attempt.folder.note(attempt.key, 'running', attempt.seconds())

    def _finish(self, attempt: _Attempt) -> float:
        name, seconds = attempt.stage.name, attempt.seconds()
        if attempt.error is not None:
            if isinstance(attempt.error, StageError):
                raise attempt.error
            raise StageError(
                f'stage {name!r} failed: {type(attempt.error).__name__}: {attempt.error}'
            ) from attempt.error
        try:
            attempt.folder.note(attempt.key, 'done', seconds)
            if attempt.stage.check is not None:
                attempt.stage.check(attempt.folder.path)
        except (OSError, ValueError) as error:
            raise StageError(f'stage {name!r} ended, but {error}') from error
        self.output.say(
            f'      {name}: done in {clock_text(seconds)}'
            + (f' ({attempt.run.text})' if _NUMBER.search(attempt.run.text) else '')
        )
        return seconds

    def _stop(self, active: dict[str, _Attempt]) -> None:
        for attempt in active.values():
            attempt.run.stop()
        for attempt in active.values():
            attempt.thread.join(20)
            if isinstance(attempt.error, StageStopped):
                attempt.folder.note(attempt.key, 'running', attempt.seconds())
