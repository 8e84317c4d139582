"""Score maps as files, as wsolevaluation writes and reads them."""

import os
from pathlib import Path

import numpy as np
from torch import Tensor

from wsod_mm.functional.scoremap_boxes import require_scoremap
from wsod_mm.utils.io import atomic_write

__all__ = ['read_scoremap', 'scoremap_path', 'write_scoremap']


def scoremap_path(folder: str | os.PathLike, image_id: str) -> Path:
    """``<folder>/<image_id>.npy``; an id such as ``val/0/3.jpeg`` keeps its folders and its ending.

    Raises:
        ValueError: The id is empty or leads out of the folder.
    """
    if not image_id or Path(image_id).is_absolute() or '..' in Path(image_id).parts:
        raise ValueError(f'image id {image_id!r} is no name of a file below {folder}')
    return Path(folder) / f'{image_id}.npy'


def write_scoremap(folder: str | os.PathLike, image_id: str, scoremap: Tensor | np.ndarray) -> Path:
    """Write a map.

    Args:
        folder: Of all maps.
        image_id: See :func:`scoremap_path`.
        scoremap: ``[H, W]`` float in [0, 1].

    Returns:
        The file.

    Raises:
        ValueError: The map is not valid.
    """
    path = scoremap_path(folder, image_id)
    array = require_scoremap(scoremap, image_id)
    with atomic_write(path, '.npy') as temporary, open(temporary, 'wb') as handle:
        np.save(handle, array, allow_pickle=False)
    return path


def read_scoremap(folder: str | os.PathLike, image_id: str) -> np.ndarray:
    """Read a map, ours or upstream's.

    Returns:
        ``[H, W]`` float in [0, 1].

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is not 2-D and float in [0, 1] without NaN; the message names the file.
    """
    path = scoremap_path(folder, image_id)
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f'no score map {path}; write one for every image of image_ids.txt') from None
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f'{path} is no array of numbers ({error}); write it with numpy.save') from error
    if array.dtype.kind != 'f':
        raise ValueError(f'{path}: must be float in [0, 1], is {array.dtype}')
    return require_scoremap(array, str(path))
