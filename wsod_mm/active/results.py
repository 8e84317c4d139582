"""What an experiment of active learning has found so far, read from its folder."""

import csv
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wsod_mm.active.state import STATE_FILE
from wsod_mm.utils.io import atomic_write

__all__ = [
    'CurvePoint',
    'CycleResult',
    'Experiment',
    'learning_curves',
    'main_metric',
    'read_experiment',
    'write_summary',
]

_COLUMNS = ('cycle', 'n_labeled', 'percent', 'mAP')
# MMDetection's own metrics are fractions, ours are percent
_FRACTIONS = ('pascal_voc/', 'coco/')
_MAIN = ('mAP', 'voc/mAP_11pt', 'pascal_voc/mAP', 'coco/bbox_mAP')


@dataclass(frozen=True)
class CycleResult:
    """One finished cycle.

    Attributes:
        cycle: From 0.
        n_labeled: Number of labeled images that the detector was trained with.
        percent: Their share of the pool; ``None`` where its size is unknown.
        mAP: Percent; ``None`` without evaluation.
        metrics: Everything that was measured, as it was measured.
    """

    cycle: int
    n_labeled: int
    percent: float | None
    mAP: float | None  # noqa: N815
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One experiment, finished or not.

    Attributes:
        folder: Its work directory.
        label: Strategy, or what else it is to be grouped by.
        seed: ``None`` if unknown.
        n_images: Size of the pool; ``None`` if unknown.
        cycle: The cycle in which it is; ``None`` if unknown.
        phase: What it does there, for instance ``'train'`` or ``'done'`` (``wsod_mm.active.state.PHASES``).
        cycles: Finished cycles, rising.
    """

    folder: Path
    label: str
    seed: int | None
    n_images: int | None
    cycle: int | None
    phase: str | None
    cycles: tuple[CycleResult, ...]

    @property
    def name(self) -> str:
        """Label and seed."""
        return self.label if self.seed is None else f'{self.label}, seed {self.seed}'

    def labeled_ids(self) -> dict[int, np.ndarray]:
        """Cycle -> int64 ids of its labeled images, for all cycles that have begun."""
        return {cycle: _load(path) for cycle, path in self._numbered('X_L_*.npy')}

    def selected_names(self) -> dict[int, list[str]]:
        """Cycle -> names of the images that were chosen after it, the best first."""
        paths = self._numbered('cycle*/selected_*.txt')
        return {cycle: path.read_text(encoding='utf-8').splitlines() for cycle, path in paths}

    def scores(self, cycle: int) -> np.ndarray | None:
        """``[n]`` float32 scores after a cycle, NaN where not scored; ``None`` if there are none or not one each."""
        path = self.folder / f'cycle{cycle}' / f'uncertainty_{cycle}.npy'
        values = _load(path) if path.is_file() else None
        return values if values is not None and values.ndim == 1 else None

    def _numbered(self, pattern: str) -> list[tuple[int, Path]]:
        found = [(re.search(r'_(\d+)\.\w+$', path.name), path) for path in self.folder.glob(pattern)]
        return sorted((int(match[1]), path) for match, path in found if match)


class CurvePoint(NamedTuple):
    """A point of a learning curve.

    Attributes:
        n_labeled: Number of labeled images.
        percent: Their share of the pool, or ``None``.
        values: mAP of each experiment that has got there, percent, in the order of the experiments.
    """

    n_labeled: int
    percent: float | None
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the values."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float | None:
        """Sample standard deviation of the values; ``None`` for one value."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


def main_metric(metrics: Mapping[str, Any], name: str | None = None) -> float | None:
    """The number by which experiments are compared, in percent.

    Args:
        metrics: Name -> value. Values of ``pascal_voc/`` and ``coco/`` (MMDetection's metrics) are fractions and come
            out times 100, all others are percent.
        name: Which one; ``None``: the first that is there of ``mAP``, ``voc/mAP_11pt``, ``pascal_voc/mAP`` and
            ``coco/bbox_mAP``.

    Returns:
        Percent, or ``None`` if it is not there.
    """
    for key in _MAIN if name is None else (name,):
        if metrics.get(key) is not None:
            return float(metrics[key]) * (100 if key.startswith(_FRACTIONS) else 1)
    return None


def read_experiment(folder: str | os.PathLike, label: str | None = None, metric: str | None = None) -> Experiment:
    """Read an experiment.

    ``al_state.json`` says everything but the label; where it is missing, or says nothing of cycles, ``summary.csv`` is
    read (columns cycle, n_labeled, percent, mAP).

    Args:
        folder: Work directory.
        label: Replaces the strategy's name.
        metric: See :func:`main_metric`; ``None``: the one of the experiment. ``summary.csv`` has only ``mAP``.

    Returns:
        The experiment.

    Raises:
        FileNotFoundError: If neither file is there.
        ValueError: If a file is damaged, or a cycle lacks its number or that of labeled images.
    """
    folder = Path(folder)
    state_path, table_path = folder / STATE_FILE, folder / 'summary.csv'
    if not state_path.is_file() and not table_path.is_file():
        raise FileNotFoundError(
            f'{folder} has neither al_state.json nor summary.csv: give the work_dir of an active-learning run'
        )
    state: dict[str, Any] = {}
    if state_path.is_file():
        try:
            state = dict(json.loads(state_path.read_text(encoding='utf-8')))
        except (ValueError, TypeError) as error:
            raise ValueError(f'{state_path} is damaged ({error}); restore it or start the run again') from error
    n_images, metric = state.get('n_images'), metric or state.get('metric')
    try:
        cycles = [_cycle(entry, n_images, metric) for entry in state.get('cycles', ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f'{state_path}: a cycle must have "cycle", "n_labeled" and "metrics" ({error!r})') from error
    if not cycles and table_path.is_file():
        cycles = _read_summary(table_path, metric)
    strategy = state.get('strategy') or 'unknown strategy'
    strategy = strategy.get('type', 'unknown strategy') if isinstance(strategy, Mapping) else str(strategy)
    return Experiment(
        folder=folder,
        label=label or strategy.rsplit('.', 1)[-1].removesuffix('Strategy'),
        seed=state.get('seed'),
        n_images=n_images,
        cycle=state.get('cycle'),
        phase=state.get('phase'),
        cycles=tuple(sorted(cycles, key=lambda result: result.cycle)),
    )


def write_summary(cycles: Iterable[CycleResult], path: str | os.PathLike) -> None:
    """Write ``summary.csv``: cycle, n_labeled, percent, mAP, atomically; what is unknown stays empty.

    Args:
        cycles: The cycles.
        path: The file.
    """
    with atomic_write(path, '.csv') as temporary, open(temporary, 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for result in cycles:
            numbers = ['' if value is None else f'{value:.2f}' for value in (result.percent, result.mAP)]
            writer.writerow([result.cycle, result.n_labeled, *numbers])


def learning_curves(experiments: Sequence[Experiment]) -> dict[str, list[CurvePoint]]:
    """Join the experiments of each label.

    Args:
        experiments: In any order.

    Returns:
        Label -> points with rising number of labeled images, labels in the order of their first experiment. Cycles
        without mAP are left out; a label may have no points yet.
    """
    curves: dict[str, dict[int, list[CycleResult]]] = {}
    for experiment in experiments:
        points = curves.setdefault(experiment.label, {})
        for result in experiment.cycles:
            if result.mAP is not None:
                points.setdefault(result.n_labeled, []).append(result)
    return {
        label: [
            CurvePoint(n_labeled, group[0].percent, tuple(result.mAP for result in group))
            for n_labeled, group in sorted(points.items())
        ]
        for label, points in curves.items()
    }


def _load(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f'{path} is no array of numpy ({error}); restore or remove it') from error


def _cycle(entry: Mapping[str, Any], n_images: int | None, metric: str | None) -> CycleResult:
    # a null was NaN: write_json has no other way; what is no number cannot be compared
    pairs = dict(entry['metrics'] or {}).items()
    metrics = {key: float(value) for key, value in pairs if isinstance(value, (int, float))}
    if entry.get('mAP') is not None:
        metrics.setdefault('mAP', float(entry['mAP']))
    n_labeled = int(entry['n_labeled'])
    percent = 100 * n_labeled / n_images if n_images else None
    return CycleResult(int(entry['cycle']), n_labeled, percent, main_metric(metrics, metric), metrics)


def _read_summary(path: Path, metric: str | None) -> list[CycleResult]:
    with open(path, encoding='utf-8', newline='') as file:
        try:
            rows = []
            for row in csv.DictReader(file):
                metrics = {'mAP': float(row['mAP'])} if row['mAP'] else {}
                percent = float(row['percent']) if row['percent'] else None
                value = main_metric(metrics, metric)
                rows.append(CycleResult(int(row['cycle']), int(row['n_labeled']), percent, value, metrics))
            return rows
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path} must have the columns {", ".join(_COLUMNS)} with numbers ({error!r}); mend or remove it'
            ) from error
