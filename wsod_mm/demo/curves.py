"""Training curves from what MMEngine leaves in a work directory."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ['read_entries', 'read_scalars', 'smooth']


def read_scalars(work_dir: str | os.PathLike, key: str = 'loss') -> tuple[list[int], list[float]]:
    """Read one logged number over all runs of a work directory.

    A resumed training repeats the iterations between its last checkpoint and the kill; the later run's values count.

    Args:
        work_dir: Work directory of a training; its sub-folders are named for the time of their start.
        key: Name of the number.

    Returns:
        Iterations, ascending, and values.
    """
    entries = read_entries(work_dir, key)
    return list(entries), [float(entry[key]) for entry in entries.values()]


def read_entries(work_dir: str | os.PathLike, key: str = 'loss') -> dict[int, dict[str, Any]]:
    """Read all logged entries that have one key, over all runs of a work directory, as :func:`read_scalars` does.

    Args:
        work_dir: Work directory of a training.
        key: Name of a number that the wanted entries have.

    Returns:
        Iteration -> everything that was logged with it, ascending.
    """
    entries: dict[int, dict[str, Any]] = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        with open(path, encoding='utf-8') as file:
            for line in file:
                try:
                    entry: dict[str, Any] = json.loads(line)
                except ValueError:  # the line at which a run was killed
                    continue
                if key in entry and ('iter' in entry or 'step' in entry):
                    entries[int(entry.get('iter', entry.get('step')))] = entry
    return dict(sorted(entries.items()))


def smooth(steps: list[int], values: list[float], points: int = 80) -> tuple[list[int], list[float]]:
    """Average neighbours so that a curve has no more than so many points.

    Args:
        steps: Ascending.
        values: Of equal length.
        points: How many to keep at most.

    Returns:
        The last step and the mean value of each bin.
    """
    if len(steps) <= points:
        return steps, values
    bins = np.array_split(np.arange(len(steps)), points)
    return [steps[part[-1]] for part in bins], [float(np.mean(np.array(values)[part])) for part in bins]
