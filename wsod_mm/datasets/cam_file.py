"""Files of class activation maps, one ``.npz`` an image."""

import os
from typing import NamedTuple

import numpy as np

from wsod_mm.utils.io import atomic_write

__all__ = ['CamMaps', 'read_cams', 'write_cams']


class CamMaps(NamedTuple):
    """CAMs of the classes in an image.

    Attributes:
        keys: ``[K]`` int64, class ids from 0, ascending; K is 0 for an image without labels.
        cams: ``[K, H, W]`` float32 in [0, 1], at the size of the image.
        low: ``[K, ceil(H / 4), ceil(W / 4)]`` float32, for IRN's walk; ``None`` where it was not made.
    """

    keys: np.ndarray
    cams: np.ndarray
    low: np.ndarray | None = None


def write_cams(path: str | os.PathLike, maps: CamMaps, dtype: str = 'float32') -> None:
    """Write CAMs, atomically.

    Args:
        path: ``.npz`` file.
        maps: The CAMs.
        dtype: ``'float32'``, or ``'float16'`` for half the size (11 bits of precision).

    Raises:
        ValueError: If the shapes and keys disagree, or ``dtype`` is another.
    """
    _check(maps, path)
    if dtype not in ('float32', 'float16'):
        raise ValueError(f"dtype must be 'float32' or 'float16', got {dtype!r}")
    arrays = {'keys': np.asarray(maps.keys, np.int64), 'cams': np.asarray(maps.cams, dtype)}
    if maps.low is not None:
        arrays['low'] = np.asarray(maps.low, dtype)
    with atomic_write(path, '.npz') as temporary:
        np.savez_compressed(temporary, **arrays)


def read_cams(path: str | os.PathLike) -> CamMaps:
    """Read what :func:`write_cams` wrote.

    Args:
        path: ``.npz`` file.

    Returns:
        The CAMs as float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            low = data['low'].astype(np.float32) if 'low' in data.files else None
            maps = CamMaps(data['keys'], data['cams'].astype(np.float32), low)
    except FileNotFoundError:
        raise FileNotFoundError(f'no CAMs {path}; make them for this list of images first') from None
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise ValueError(f'{path} holds no CAMs ({error}); delete it and make it again') from error
    _check(maps, path)
    return maps


def _check(maps: CamMaps, path: str | os.PathLike) -> None:
    shapes = [np.shape(part) for part in maps if part is not None]
    if len(shapes[0]) != 1 or any(len(shape) != 3 or shape[0] != shapes[0][0] for shape in shapes[1:]):
        raise ValueError(f'{path}: expected keys [K] and maps [K, H, W], got the shapes {shapes}')
