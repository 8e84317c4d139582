"""Scores on disk before all of them are there, so that a killed run goes on where it was."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
from mmengine.dist import get_dist_info

from wsod_mm.utils.io import atomic_write

__all__ = ['PartialScores']

_PIECE = re.compile(r'rank(\d+)-(\d+)\.npz')


class PartialScores:
    """A folder of pieces ``rank{r}-{number}.npz``, each written at once and never changed.

    Pieces instead of one growing file: core-set's features of a large pool take 100 MB and more, and writing them all
    again every few images would cost more than computing them.

    A piece that process q of an earlier run wrote is read by process ``q % world_size``. So every piece is read once
    however many processes there are, and processes with disks of their own find what they wrote.

    Args:
        folder: The folder; need not exist.
        key: Says what the scores are of (strategy, checkpoint, ...). Pieces with another key are not read.
    """

    def __init__(self, folder: str | os.PathLike, key: str = '') -> None:
        self.folder = Path(folder)
        self.key = key
        self._next: int | None = None

    def read(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The share of this process.

        Returns:
            ids ``[m]`` int64, and their values ``[m]`` or ``[m, D]`` float32; ``None`` if there are none.

        Raises:
            ValueError: If a file is damaged.
        """
        parts = [piece for path in self._share() if (piece := self._load(path)) is not None]
        if not parts:
            return np.zeros(0, np.int64), None
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([values for _, values in parts])

    def remove_stale(self) -> int:
        """Remove the pieces with another key from the share of this process; returns their number."""
        stale = [path for path in self._share() if self._load(path) is None]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def add(self, ids: np.ndarray, values: np.ndarray) -> None:
        """Write one piece, atomically.

        Args:
            ids: ``[m]`` int64.
            values: ``[m]`` or ``[m, D]`` float32.
        """
        rank = get_dist_info()[0]
        if self._next is None:
            matches = [_match(path) for path in self._pieces()]
            self._next = max((int(match[2]) + 1 for match in matches if int(match[1]) == rank), default=0)
        with atomic_write(self.folder / f'rank{rank}-{self._next:06d}.npz', '.npz') as temporary:
            np.savez(temporary, ids=ids, values=values, key=np.array(self.key))
        self._next += 1

    def discard(self) -> None:
        """Remove the folder; call it on rank 0, when the whole result is on disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pieces(self) -> list[Path]:
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f'{self.folder} is a file, and partial scores need a folder: remove it or name another')
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(path for path in paths if _PIECE.fullmatch(path.name))

    def _share(self) -> list[Path]:
        rank, world_size = get_dist_info()
        return [path for path in self._pieces() if int(_match(path)[1]) % world_size == rank]

    def _load(self, path: Path) -> tuple[np.ndarray, np.ndarray] | None:
        """One piece, or ``None`` if it has another key."""
        try:
            with np.load(path, allow_pickle=False) as piece:
                if str(piece['key']) != self.key:
                    return None
                return piece['ids'], piece['values']
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f'{path} is no piece of partial scores ({error}); remove it, and its images are scored again'
            ) from error


def _match(path: Path) -> re.Match:
    match = _PIECE.fullmatch(path.name)
    assert match is not None
    return match
