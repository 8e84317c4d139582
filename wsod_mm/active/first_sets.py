"""The images that an experiment begins with, and whether those that were added to them are labeled."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from wsod_mm.active.files import read_ids
from wsod_mm.active.pool import initial_split, next_sets
from wsod_mm.apis.config import UsageError

__all__ = ['check_first_sets', 'first_sets', 'unlabeled_problems']


def first_sets(
    n: int,
    size: int,
    seed: int,
    unlabeled_size: int | None = None,
    labeled_file: str | os.PathLike | None = None,
    unlabeled_file: str | os.PathLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the first sets, or read them.

    Args:
        n: Number of images of the pool.
        size: Number of labeled images to draw.
        seed: Of the draw.
        unlabeled_size: Number of unlabeled images to draw; ``None``: as many as labeled.
        labeled_file: ``X_L_{c}.npy`` of this or the public code; ``None``: drawn.
        unlabeled_file: ``X_U_{c}.npy``; ``None``: drawn. Labeled images in it are left out: the public code writes such
            files when few images are left.

    Returns:
        Ids of the labeled and of the unlabeled images, int64, rising.

    Raises:
        UsageError: If the pool is too small, or the file has no image.
        ValueError: For a wrong file.
        FileNotFoundError: For a missing one.
    """
    if labeled_file is None:
        if size > n:
            raise UsageError(f'active_learning.initial_size is {size}, but the pool has {n} images')
        return initial_split(n, size, seed, unlabeled_size)[1:]
    labeled = read_ids(labeled_file, n)
    if not labeled.size:
        raise UsageError(f'{labeled_file} has no image; training needs at least one')
    if unlabeled_file is None:
        return labeled, next_sets(n, labeled, [], seed, unlabeled_size).unlabeled
    return labeled, np.setdiff1d(read_ids(unlabeled_file, n), labeled)


def check_first_sets(
    work_dir: str | os.PathLike,
    n: int,
    first_cycle: int,
    cycle: int,
    labeled_file: str | os.PathLike,
    unlabeled_file: str | os.PathLike | None = None,
) -> None:
    """Fail if the files with which an experiment is to go on are not those that it began with.

    Args:
        work_dir: Folder of the experiment.
        n: Number of images of the pool.
        first_cycle: The cycle with which it began.
        cycle: The cycle that it is told to begin with.
        labeled_file: See :func:`first_sets`.
        unlabeled_file: See there.

    Raises:
        UsageError: If they differ.
    """
    labeled = read_ids(labeled_file, n)
    same = first_cycle == cycle and np.array_equal(labeled, read_ids(Path(work_dir) / f'X_L_{first_cycle}.npy', n))
    if same and unlabeled_file is not None:
        unlabeled = np.setdiff1d(read_ids(unlabeled_file, n), labeled)
        same = np.array_equal(unlabeled, read_ids(Path(work_dir) / f'X_U_{first_cycle}.npy', n))
    if not same:
        files = ' and '.join(str(path) for path in (labeled_file, unlabeled_file) if path is not None)
        raise UsageError(
            f'{work_dir} holds an experiment that did not begin with cycle {cycle} and the images of {files}: leave '
            'start_cycle and the files out to go on with it, or choose another --work-dir'
        )


def unlabeled_problems(pool: Any, ids: Iterable[int]) -> list[str]:
    """Why images cannot be trained on.

    Args:
        pool: The pool.
        ids: Ids of images that were to be labeled.

    Returns:
        A line for each image whose annotation is missing or wrong.
    """
    problems = []
    for i in ids:
        try:
            pool.record(int(i), labeled=True)
        except (ValueError, OSError) as error:
            problems.append(f'{pool.names[i]}: {error}')
    return problems
