"""One row per finished run: measured, kept in ``rows.json`` and ``rows.csv``."""

import csv
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsod_mm.demo.curves import read_entries
from wsod_mm.demo.results import detector_results, train_seconds
from wsod_mm.utils.io import atomic_write, write_json

__all__ = ['add_row', 'measure_row', 'read_rows', 'write_rows']

_LOCK = threading.Lock()  # stages end in threads of one process


def measure_row(
    folder: Path,
    key: str,
    name: str,
    data_seed: int | None,
    seed: int,
    data_root: Path | None = None,
    detector: str | None = None,
    branch: str = '',
) -> dict[str, Any]:
    """Read the results of one finished run.

    Args:
        folder: Where the stages ``<detector>``, ``<detector>_test`` and ``<detector>_corloc`` are.
        key: Key of the row.
        name: Its name.
        data_seed: Seed of the images.
        seed: Seed of the training.
        data_root: Folder of the data; may hold ``parts.json``.
        detector: Key of the row that trained it; default ``key``.
        branch: Which of its predictions to measure.

    Returns:
        ``key, name, data_seed, seed``; ``mAP_11pt, mAP_area`` (test) and ``CorLoc`` (trainval) in percent; ``ap_11pt``
        by class; ``train_seconds, iterations``; ``losses`` as logged last; ``grad_share`` (mean over the second half of
        training of every logged number of that name, empty where none was logged); ``part_whole`` or ``None``.
    """
    detector = detector or key
    results = detector_results(folder, detector, data_root, branch=branch)
    entries = read_entries(folder / detector / 'run')
    last = max(entries, default=None)
    return {
        'key': key,
        'name': name,
        'data_seed': data_seed,
        'seed': seed,
        **{metric: results.numbers[metric] for metric in ('mAP_11pt', 'mAP_area', 'CorLoc')},
        'ap_11pt': dict(zip(results.classes, np.asarray(results.numbers['ap_11pt'], float).tolist(), strict=True)),
        'train_seconds': train_seconds(folder / detector),
        'iterations': last,
        'losses': {} if last is None else {k: float(v) for k, v in entries[last].items() if 'loss' in k},
        'grad_share': _second_half(entries, 'grad_share'),
        'part_whole': results.part_whole,
    }


def _second_half(entries: dict[int, dict[str, Any]], start: str) -> dict[str, float]:
    late = [entry for step, entry in entries.items() if step > max(entries) / 2]
    keys = dict.fromkeys(key for entry in late for key in entry if key.startswith(start))
    return {key: float(np.mean([entry[key] for entry in late if key in entry])) for key in keys}


def read_rows(root: Path) -> list[dict[str, Any]]:
    """Rows of ``<root>/rows.json``; empty where there is none that can be read."""
    try:
        rows = json.loads((root / 'rows.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return []
    return rows if isinstance(rows, list) else []


def write_rows(root: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``<root>/rows.json`` and the same, flat, as ``rows.csv``; each atomically."""
    write_json(list(rows), root / 'rows.json')
    flat = [_flatten(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    with (
        atomic_write(root / 'rows.csv', '.csv') as temporary,
        open(temporary, 'w', encoding='utf-8', newline='') as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(flat)


def add_row(root: Path, row: dict[str, Any]) -> None:
    """Put a row into the files, in the place of an older one of the same run."""
    with _LOCK:
        write_rows(root, [*(other for other in read_rows(root) if _identity(other) != _identity(row)), row])


def _identity(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(field) for field in ('key', 'data_seed', 'seed'))


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat.update({f'{key}/{name}': number for name, number in value.items()})
        elif key != 'part_whole':  # None where there are no parts
            flat[key] = value
    return flat
