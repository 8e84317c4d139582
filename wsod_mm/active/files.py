"""Files of an experiment in active learning: which images are labeled, their names, uncertainties and selections.

Everything is written to a temporary name and renamed. In distributed training rank 0 writes, and the others wait.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from wsod_mm.datasets.pools.pool_part import PoolPart
from wsod_mm.utils.io import atomic_write

__all__ = [
    'check_ids',
    'name_list_path',
    'read_ids',
    'read_name_lists',
    'read_selected',
    'read_split',
    'read_uncertainty',
    'write_ids',
    'write_name_lists',
    'write_selected',
    'write_split',
    'write_uncertainty',
]


def check_ids(ids: ArrayLike, n: int, source: str | os.PathLike) -> np.ndarray:
    """Check ids of images.

    Args:
        ids: The ids, in any order, possibly none.
        n: Number of images of the pool.
        source: Where they come from, for messages.

    Returns:
        ``[k]`` int64, in the given order.

    Raises:
        ValueError: If they are not unique integers in 0..n-1.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f'{source}: expected a list of ids, got an array of shape {ids.shape}; give one dimension')
    if ids.size == 0:
        return np.zeros(0, np.int64)
    if ids.dtype.kind not in 'iu':
        raise ValueError(
            f'{source}: ids must be integers, got {ids.dtype}; convert them with ids.astype("int64") (the public code '
            'writes float64 when its pool runs empty)'
        )
    bad = ids[(ids < 0) | (ids >= n)]
    if bad.size:
        raise ValueError(
            f'{source}: {bad.size} ids are not in 0..{n - 1}, the first is {bad[0]}; they were made for another '
            'pool: give its lists of images, in the same order'
        )
    unique, counts = np.unique(ids, return_counts=True)
    doubles = unique[counts > 1]
    if doubles.size:
        raise ValueError(f'{source}: {doubles.size} ids occur more than once, the first is {doubles[0]}; remove them')
    return ids.astype(np.int64)


def write_ids(path: str | os.PathLike, ids: ArrayLike, n: int) -> None:
    """Write ids, int64 and rising.

    Args:
        path: The ``.npy`` file.
        ids: The ids, in any order.
        n: Number of images of the pool.

    Raises:
        ValueError: See :func:`check_ids`.
    """
    _write_array(path, np.sort(check_ids(ids, n, path)))


def read_ids(path: str | os.PathLike, n: int) -> np.ndarray:
    """Read what :func:`write_ids` or the public code has written.

    Args:
        path: The ``.npy`` file.
        n: Number of images of the pool.

    Returns:
        ``[k]`` int64, rising.

    Raises:
        FileNotFoundError: If there is no such file; the message names those that are there.
        ValueError: For another content.
    """
    return np.sort(check_ids(_read_array(path), n, path))


def write_split(
    work_dir: str | os.PathLike,
    cycle: int,
    labeled: ArrayLike,
    unlabeled: ArrayLike,
    names: Sequence[str],
    parts: Sequence[PoolPart],
) -> None:
    """Write the sets of a cycle: ``X_L_{c}.npy``, ``X_U_{c}.npy``, and the lists of their names in ``cycle{c}``.

    Args:
        work_dir: Folder of the experiment.
        cycle: Number of the cycle.
        labeled: Ids.
        unlabeled: Ids.
        names: ``[n]``, names of the pool.
        parts: Parts of the pool.

    Raises:
        ValueError: See :func:`check_ids`.
    """
    for which, ids in (('L', labeled), ('U', unlabeled)):
        write_name_lists(Path(work_dir) / f'cycle{cycle}', which, ids, names, parts)
        write_ids(Path(work_dir) / f'X_{which}_{cycle}.npy', ids, len(names))


def read_split(
    work_dir: str | os.PathLike, cycle: int, n: int, allow_overlap: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Read ``X_L_{c}.npy`` and ``X_U_{c}.npy``.

    Args:
        work_dir: Folder of the experiment.
        cycle: Number of the cycle.
        n: Number of images of the pool.
        allow_overlap: An image may be in both sets, as happens in the public code when its pool is small.

    Returns:
        Ids of the labeled and of the unlabeled images, int64, rising.

    Raises:
        FileNotFoundError: See :func:`read_ids`.
        ValueError: See :func:`read_ids`; also for sets that overlap.
    """
    paths = [Path(work_dir) / f'X_{which}_{cycle}.npy' for which in 'LU']
    labeled, unlabeled = (read_ids(path, n) for path in paths)
    both = np.intersect1d(labeled, unlabeled)
    if both.size and not allow_overlap:
        raise ValueError(
            f'{both.size} ids are both in {paths[0]} and in {paths[1]}, the first is {both[0]}; remove them from the '
            'second (the public code writes such files when few images are left)'
        )
    return labeled, unlabeled


def name_list_path(folder: str | os.PathLike, which: str, part: PoolPart) -> Path:
    """List of the images of one part, for instance ``cycle0/trainval_L_07.txt``.

    Args:
        folder: Folder of the cycle.
        which: ``'L'`` (labeled) or ``'U'`` (unlabeled).
        part: The part.
    """
    return Path(folder) / f'trainval_{_which(which)}_{part.name}.txt'


def write_name_lists(
    folder: str | os.PathLike, which: str, ids: ArrayLike, names: Sequence[str], parts: Sequence[PoolPart]
) -> list[Path]:
    """Write one list per part, as an image set of VOC: a name per line, in the order of the ids.

    Args:
        folder: Folder of the cycle.
        which: ``'L'`` (labeled) or ``'U'`` (unlabeled).
        ids: The ids, in any order.
        names: ``[n]``, names of the pool.
        parts: Parts of the pool.

    Returns:
        The files. One without lines is written for a part without images.

    Raises:
        ValueError: See :func:`check_ids`.
    """
    ids = np.sort(check_ids(ids, len(names), f'ids of {which}'))
    paths = []
    for part in parts:
        own = ids[(ids >= part.start) & (ids < part.stop)]
        paths.append(name_list_path(folder, which, part))
        _write_lines(paths[-1], [part.local_name(names[i]) for i in own])
    return paths


def read_name_lists(
    folder: str | os.PathLike, which: str, names: Sequence[str], parts: Sequence[PoolPart]
) -> np.ndarray:
    """Read the lists of all parts; also under the names that the public code gives them, ``trainval_X_L_07.txt``.

    Args:
        folder: Folder of the cycle.
        which: ``'L'`` (labeled) or ``'U'`` (unlabeled).
        names: ``[n]``, names of the pool.
        parts: Parts of the pool.

    Returns:
        ``[k]`` int64, rising.

    Raises:
        FileNotFoundError: If the list of a part is missing.
        ValueError: For names that are not in the part, or occur more than once.
    """
    found = []
    for part in parts:
        path = name_list_path(folder, which, part)
        other = path.with_name(path.name.replace(f'trainval_{which}', f'trainval_X_{which}', 1))
        if not path.is_file() and not other.is_file():
            raise FileNotFoundError(
                f'neither {path} nor {other.name} is there; write it, empty if no image of this part belongs to it'
            )
        position = {part.local_name(names[i]): i for i in range(part.start, part.stop)}
        found += _ids_of_lines(path if path.is_file() else other, position)
    return np.sort(np.array(found, np.int64))


def write_uncertainty(path: str | os.PathLike, values: ArrayLike) -> None:
    """Write uncertainties as float32.

    Args:
        path: The ``.npy`` file, ``cycle{c}/uncertainty_{c}.npy``.
        values: ``[n]`` or ``[n, D]``, by id; NaN where an image was not scored.
    """
    _write_array(path, np.asarray(values, np.float32))


def read_uncertainty(path: str | os.PathLike, n: int) -> np.ndarray:
    """Read what :func:`write_uncertainty` has written.

    Args:
        path: The ``.npy`` file.
        n: Number of images of the pool.

    Returns:
        ``[n]`` or ``[n, D]`` float32; NaN where an image was not scored.

    Raises:
        FileNotFoundError: If there is no such file; the message names those that are there.
        ValueError: For another type or shape, or infinite values.
    """
    values = _read_array(path)
    if values.dtype != np.float32 or values.ndim not in (1, 2) or len(values) != n:
        raise ValueError(
            f'{path}: expected float32 for the {n} images of the pool, got {values.dtype} of shape {values.shape}; it '
            'was made for another pool: remove it to score again'
        )
    infinite = np.flatnonzero(np.isinf(values.reshape(n, -1)).any(axis=1)) if n else values
    if infinite.size:
        raise ValueError(
            f'{path}: the values of {infinite.size} images are infinite, the first has id {infinite[0]}; look whether '
            'the training diverged, then remove the file to score again'
        )
    return values


def write_selected(path: str | os.PathLike, ids: ArrayLike, names: Sequence[str]) -> None:
    """Write the images to label next: a name of the pool per line, the best first.

    Args:
        path: The file, ``cycle{c}/selected_{c}.txt``.
        ids: The ids, the best first.
        names: ``[n]``, names of the pool.

    Raises:
        ValueError: See :func:`check_ids`.
    """
    _write_lines(Path(path), [names[i] for i in check_ids(ids, len(names), path)])


def read_selected(path: str | os.PathLike, names: Sequence[str]) -> np.ndarray:
    """Read what :func:`write_selected` has written.

    Args:
        path: The file.
        names: ``[n]``, names of the pool.

    Returns:
        ``[k]`` int64, the best first.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For names that are not in the pool, or occur more than once.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no selection {path}; {_there(Path(path))}')
    return np.array(_ids_of_lines(Path(path), {name: i for i, name in enumerate(names)}), np.int64)


def _which(which: str) -> str:
    if which not in ('L', 'U'):
        raise ValueError(f"which must be 'L' (labeled) or 'U' (unlabeled), got {which!r}")
    return which


def _ids_of_lines(path: Path, position: dict[str, int]) -> list[int]:
    ids: dict[int, int] = {}
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        name = line.strip()
        if not name:
            continue
        if name not in position:
            raise ValueError(
                f'{path}:{number}: the pool has no image {name!r} here (its first is {next(iter(position), None)!r}); '
                'correct the line, or give the pool that the list was made for'
            )
        if position[name] in ids:
            raise ValueError(f'{path}:{number}: {name!r} is in line {ids[position[name]]} already; remove one of them')
        ids[position[name]] = number
    return list(ids)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with atomic_write(path, '.txt') as temporary:
        temporary.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


def _write_array(path: str | os.PathLike, array: np.ndarray) -> None:
    with atomic_write(path, '.npy') as temporary:
        np.save(temporary, array, allow_pickle=False)


def _read_array(path: str | os.PathLike) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f'no file {path}; {_there(Path(path))}') from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f'{path} is not a readable .npy file ({error}); restore or remove it') from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f'{path} holds several arrays; give an .npy file with one')
    return array


def _there(path: Path) -> str:
    if not path.parent.is_dir():
        return f'the folder {path.parent} does not exist; correct the path'
    there = sorted(p.name for p in path.parent.glob(f'*{path.suffix}'))
    return f'{path.parent} has {there[:12]}; correct the path or the cycle'
