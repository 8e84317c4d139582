"""Files of soft label maps: what the dense CRFs with a strong (la) and a weak (ha) background say, one file an image.

PSA keeps two pickled float32 dicts an image, 40 GB for VOC's train_aug. Here both are in one compressed ``.npz``, by
default in steps of 1/255; the label map that is made of them changes only where two scores are that close.
"""

import os
from typing import NamedTuple

import numpy as np

from wsod_mm.utils.io import atomic_write

__all__ = ['SoftLabels', 'read_soft_labels', 'write_soft_labels']

_DTYPES = ('uint8', 'float16', 'float32')


class SoftLabels(NamedTuple):
    """Soft label maps of an image.

    Attributes:
        low: ``[L, H, W]`` float32 in [0, 1], of the CRF with the strong background (la).
        high: The same with the weak background (ha).
        keys: ``[L]`` int64, label of every map: 0 first, then class ids + 1, ascending.
        crf_backend: Which CRF made them, ``''`` when unknown.
    """

    low: np.ndarray
    high: np.ndarray
    keys: np.ndarray
    crf_backend: str = ''


def write_soft_labels(path: str | os.PathLike, labels: SoftLabels, dtype: str = 'uint8') -> None:
    """Write soft label maps, atomically.

    Args:
        path: ``.npz`` file.
        labels: The maps.
        dtype: ``'uint8'`` (steps of 1/255), ``'float16'`` or ``'float32'`` (as computed).

    Raises:
        ValueError: If the shapes or keys disagree, or ``dtype`` is another.
    """
    _check(labels, path)
    if dtype not in _DTYPES:
        raise ValueError(f'dtype must be one of {_DTYPES}, got {dtype!r}')
    maps = [
        np.rint(np.clip(m, 0, 1) * 255).astype(np.uint8) if dtype == 'uint8' else np.asarray(m, dtype)
        for m in (labels.low, labels.high)
    ]
    with atomic_write(path, '.npz') as temporary:
        np.savez_compressed(
            temporary,
            la=maps[0],
            ha=maps[1],
            keys=np.asarray(labels.keys, np.int64),
            crf_backend=np.array(labels.crf_backend),
        )


def read_soft_labels(path: str | os.PathLike) -> SoftLabels:
    """Read what :func:`write_soft_labels` wrote.

    Args:
        path: ``.npz`` file.

    Returns:
        The maps as float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            low, high, keys, backend = (data[name] for name in ('la', 'ha', 'keys', 'crf_backend'))
    except FileNotFoundError:
        raise FileNotFoundError(f'no soft label maps {path}; make them from the CAMs of this image first') from None
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise ValueError(f'{path} holds no soft label maps ({error}); delete it and make it again') from error
    scale = np.float32(1 / 255) if low.dtype == np.uint8 else np.float32(1)
    labels = SoftLabels(low.astype(np.float32) * scale, high.astype(np.float32) * scale, keys, str(backend))
    _check(labels, path)
    return labels


def _check(labels: SoftLabels, path: str | os.PathLike) -> None:
    low, high, keys = (np.asarray(part) for part in labels[:3])
    if low.ndim != 3 or low.shape != high.shape or keys.shape != (len(low),) or not len(keys) or keys[0] != 0:
        raise ValueError(
            f'{path}: expected la and ha [L, H, W] and L keys that begin with 0 (background), got {low.shape}, '
            f'{high.shape} and keys {keys.tolist()[:8]}'
        )
