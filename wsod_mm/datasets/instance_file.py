"""Files of instance masks, one ``.npz`` an image."""

import os
from typing import NamedTuple

import numpy as np

from wsod_mm.utils.io import atomic_write

__all__ = ['InstanceArrays', 'read_instances', 'write_instances']


class InstanceArrays(NamedTuple):
    """Instances of an image.

    Attributes:
        scores: ``[R]`` float32; R may be 0.
        labels: ``[R]`` int64, class ids from 0.
        masks: ``[R, H, W]`` bool.
    """

    scores: np.ndarray
    labels: np.ndarray
    masks: np.ndarray


def write_instances(path: str | os.PathLike, instances: InstanceArrays) -> None:
    """Write instances, atomically.

    Args:
        path: ``.npz`` file.
        instances: The instances.

    Raises:
        ValueError: If the shapes disagree.
    """
    _check(instances, path)
    with atomic_write(path, '.npz') as temporary:
        np.savez_compressed(
            temporary,
            scores=np.asarray(instances.scores, np.float32),
            labels=np.asarray(instances.labels, np.int64),
            masks=np.asarray(instances.masks, bool),
        )


def read_instances(path: str | os.PathLike) -> InstanceArrays:
    """Read what :func:`write_instances` wrote.

    Args:
        path: ``.npz`` file.

    Returns:
        The instances.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            instances = InstanceArrays(data['scores'], data['labels'], data['masks'])
    except FileNotFoundError:
        raise FileNotFoundError(f'no instances {path}; make them for this list of images first') from None
    except Exception as error:  # zipfile, zlib and numpy each have their own
        raise ValueError(f'{path} holds no instances ({error}); delete it and make it again') from error
    _check(instances, path)
    return instances


def _check(instances: InstanceArrays, path: str | os.PathLike) -> None:
    scores, labels, masks = (np.shape(part) for part in instances)
    if len(masks) != 3 or scores != (masks[0],) or labels != (masks[0],):
        raise ValueError(
            f'{path}: expected scores [R], labels [R] and masks [R, H, W], got {scores}, {labels}, {masks}'
        )
