"""Detections and ground truth of a test run in one pickle-free file."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.utils.io import atomic_write

__all__ = ['DetectionFile']

_TABLES = {'detections': 'scores', 'top': 'scores', 'truth': 'difficult'}


@dataclass(frozen=True)
class DetectionFile:
    """What a detector said about a data set, and the objects that are there.

    Attributes:
        classes: Names of the C classes.
        img_ids: One per image; the tables' ``image`` column counts these.
        img_paths: One per image, as the data set wrote them.
        detections: Boxes after NMS, 0-based inclusive pixels of the original image, with scores.
        top: The best box of each image and class before NMS, with scores.
        truth: All objects, with ``difficult``.
    """

    classes: tuple[str, ...]
    img_ids: tuple[str, ...]
    img_paths: tuple[str, ...]
    detections: BoxTable
    top: BoxTable
    truth: BoxTable

    def save(self, path: str | os.PathLike) -> None:
        """Write an ``.npz`` without pickles, atomically."""
        arrays = {
            'meta': np.array(
                json.dumps({'classes': self.classes, 'img_ids': self.img_ids, 'img_paths': self.img_paths})
            )
        }
        for name, extra in _TABLES.items():
            table = getattr(self, name)
            for field in ('image', 'label', 'boxes', extra):
                arrays[f'{name}_{field}'] = np.asarray(getattr(table, field))
        with atomic_write(path, '.npz') as temporary, open(temporary, 'wb') as handle:
            np.savez_compressed(handle, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'DetectionFile':
        """Read what :meth:`save` wrote.

        Args:
            path: The ``.npz``.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is truncated or something else; the message names the file.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'no detection file {path}; test with --cfg-options test_evaluator.dump_path=FILE.npz'
            )
        try:
            with np.load(path, allow_pickle=False) as data:
                meta = json.loads(str(data['meta']))
                tables = {
                    name: BoxTable(**{field: data[f'{name}_{field}'] for field in ('image', 'label', 'boxes', extra)})
                    for name, extra in _TABLES.items()
                }
        except Exception as error:  # numpy raises a different kind for every way to be broken
            raise ValueError(
                f'{path} is not a detection file ({type(error).__name__}: {error}); remove it and test again'
            ) from error
        return cls(tuple(meta['classes']), tuple(meta['img_ids']), tuple(meta['img_paths']), **tables)

    def of_image(self, row: int, table: str = 'detections') -> BoxTable:
        """The rows of one image.

        Args:
            row: Index into ``img_ids``.
            table: ``'detections'``, ``'top'`` or ``'truth'``.

        Returns:
            The table cut to that image, in file order.
        """
        full = getattr(self, table)
        keep = full.image == row
        return BoxTable(*(None if column is None else column[keep] for column in full))


def stack_tables(tables: Sequence[dict[str, np.ndarray]], extra: str) -> BoxTable:
    """Put the tables of single images under each other.

    Args:
        tables: Per image ``label [n]``, ``boxes [n, 4]`` and ``extra [n]``.
        extra: ``'scores'`` or ``'difficult'``.

    Returns:
        One table; ``image`` counts the position in ``tables``.
    """

    def join(key: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([empty, *(table[key] for table in tables)])

    counts = [len(table['label']) for table in tables]
    kind = np.zeros(0, bool if extra == 'difficult' else np.float32)
    return BoxTable(
        image=np.repeat(np.arange(len(tables)), counts),
        label=join('label', np.zeros(0, np.int64)),
        boxes=join('boxes', np.zeros((0, 4), np.float32)),
        **{extra: join(extra, kind)},
    )
