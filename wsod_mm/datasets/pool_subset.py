"""Some images of a pool as a dataset."""

import logging
import os
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.datasets import BaseDetDataset
from mmengine.logging import print_log
from tqdm import tqdm

from wsod_mm.registry import DATASETS

from .image_file import read_image_size
from .options import require_one_of
from .pools.base_pool import BasePool

__all__ = ['POOL_META_KEYS', 'PoolSubset']

#: ``meta_keys`` of ``PackDetInputs`` in the pipeline of a :class:`PoolSubset`: MMDetection's and ours.
POOL_META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'labeled',
    'pool_id',
)


@DATASETS.register_module()
class PoolSubset(BaseDetDataset):
    """Images of a pool, for training or to be scored.

    Every sample has ``labeled`` (bool), ``pool_id`` (its id in the pool), ``sample_idx`` (its position here),
    ``img_path``, ``img_id``, ``height``, ``width`` and ``instances``. Without ids it has length 0.

    * ``'labeled'``: all annotations are read and checked at the start.
    * ``'unlabeled'``: no annotation is read, ``instances`` is empty; a model must not take that for an image without
      objects, which is what ``labeled`` is for.
    * ``'candidates'``: like it, in test mode, so that a broken image is an error and not replaced by another.

    In the first two, images smaller than ``min_size`` of the pool are left out, and named in one line of the log. This
    needs the size of every image: where the list does not give it, the headers are opened at the start (VOC: 0.1 ms per
    image on a local disk). With ``min_size=0``, and for candidates, sizes are read when a sample is asked for.

    The pool is not kept: a copy for a data worker holds the entries of these images only.

    Args:
        pool: Config of the pool, or the pool.
        subset: ``'labeled'``, ``'unlabeled'`` or ``'candidates'``.
        ids: Ids in the pool, in this order, or an ``.npy`` file of them; ``None``: all images.
        pipeline: See ``mmengine.dataset.BaseDataset``. ``PackDetInputs`` needs ``meta_keys=POOL_META_KEYS``.
        test_mode: See ``mmengine.dataset.BaseDataset``; ``None``: for candidates.
        serialize_data: See ``mmengine.dataset.BaseDataset``.
        lazy_init: See ``mmengine.dataset.BaseDataset``.
        max_refetch: See ``mmengine.dataset.BaseDataset``.

    Raises:
        TypeError: If ``pool`` is not a pool.
        ValueError: For ids that are not unique integers in ``0 .. len(pool) - 1``, a pipeline that drops ``labeled`` or
            ``pool_id``, or wrong annotations of labeled images.
        FileNotFoundError: If a labeled image has no annotation, or ``ids`` is no file.
    """

    def __init__(
        self,
        pool: dict[str, Any] | BasePool,
        subset: str,
        ids: str | os.PathLike | Sequence[int] | np.ndarray | None = None,
        pipeline: Sequence[Any] = (),
        test_mode: bool | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
        max_refetch: int = 1000,
    ) -> None:
        require_one_of('subset', subset, ('labeled', 'unlabeled', 'candidates'))
        self.subset = subset
        pool = DATASETS.build(pool) if isinstance(pool, dict) else pool
        if not isinstance(pool, BasePool):
            raise TypeError(
                f"pool must be a pool such as dict(type='VOCPool', ...), got {type(pool).__name__}; for another "
                "dataset use dict(type='DatasetPool', dataset=...)"
            )
        self._pool: BasePool | None = pool
        self._given = ids
        self._sizes: dict[int, tuple[int, int]] = {}
        super().__init__(
            pipeline=list(pipeline),
            test_mode=subset == 'candidates' if test_mode is None else test_mode,
            serialize_data=serialize_data,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        self._metainfo = dict(pool.metainfo)
        self._check_pipeline()
        if not lazy_init:
            self.full_init()

    @property
    def ids(self) -> np.ndarray:
        """``[len(self)]`` int64, ids of the images in the order of the samples."""
        return np.array([self._entry(k)['pool_id'] for k in range(len(self))], np.int64)

    def full_init(self) -> None:
        """Read the entries; see ``mmengine.dataset.BaseDataset``. The pool is let go afterwards."""
        super().full_init()
        self._pool = self._given = None

    def load_data_list(self) -> list[dict[str, Any]]:
        """Entries of the images, with their boxes if they are labeled.

        Returns:
            One entry per id. ``height`` and ``width`` may be missing.
        """
        labeled = self.subset == 'labeled'
        entries = []
        for i in tqdm(self._checked_ids().tolist(), desc=f'{self.subset} images', delay=5):
            # what else a pool may give stays out: it could tell something about the objects
            info = self._pool.record(i, labeled=True) if labeled else {**self._pool.image(i), 'instances': []}
            keys = ('img_path', 'img_id', 'height', 'width', 'instances')
            entry = {key: info[key] for key in keys if key in info}
            entries.append({**entry, 'labeled': labeled, 'pool_id': i})
        return entries

    def filter_data(self) -> list[dict[str, Any]]:
        """Leave small images out of training.

        Returns:
            The kept entries.
        """
        min_size = self._pool.min_size
        if self.subset == 'candidates' or not min_size:
            return self.data_list
        for entry in tqdm(self.data_list, desc='image headers', delay=5):
            if 'height' not in entry:
                entry['height'], entry['width'] = read_image_size(entry['img_path'])
        small = [entry for entry in self.data_list if min(entry['height'], entry['width']) < min_size]
        if small:
            names = ', '.join(self._pool.names[entry['pool_id']] for entry in small[:20])
            print_log(
                f'{len(small)} of {len(self.data_list)} {self.subset} images have a side below {min_size} pixels '
                f'(min_size of the pool) and are not trained on: {names}{", ..." if len(small) > 20 else ""}',
                logger='current',
                level=logging.WARNING,
            )
        return [entry for entry in self.data_list if min(entry['height'], entry['width']) >= min_size]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Entry of an image; its size is read here if it is not known yet.

        Args:
            idx: Position.

        Returns:
            See the class.
        """
        info = self._entry(idx)
        if 'height' not in info:
            if info['pool_id'] not in self._sizes:
                self._sizes[info['pool_id']] = read_image_size(info['img_path'])
            info['height'], info['width'] = self._sizes[info['pool_id']]
        return info

    def _entry(self, idx: int) -> dict[str, Any]:
        return super().get_data_info(idx)

    def _checked_ids(self) -> np.ndarray:
        # not at the top: the datasets must not need the package of active learning to be imported
        from wsod_mm.active.files import check_ids, read_ids

        n = len(self._pool)
        if self._given is None:
            return np.arange(n, dtype=np.int64)
        if isinstance(self._given, (str, os.PathLike)):
            return read_ids(self._given, n)
        return check_ids(self._given, n, f'ids of the {self.subset} PoolSubset')

    def _check_pipeline(self) -> None:
        for transform in self.pipeline.transforms:
            lacking = {'labeled', 'pool_id'} - set(getattr(transform, 'meta_keys', ('labeled', 'pool_id')))
            if lacking:
                raise ValueError(
                    f'meta_keys of {type(transform).__name__} lacks {sorted(lacking)}: unlabeled images would be '
                    'trained on as if they were without objects; give meta_keys=POOL_META_KEYS, that is '
                    f'{POOL_META_KEYS}'
                )

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        # as in mmengine, but for no images as well, and without a garbage collection of the whole process
        rows = [pickle.dumps(entry, protocol=4) for entry in self.data_list]
        self.data_list.clear()
        return np.frombuffer(b''.join(rows), np.uint8), np.cumsum([len(row) for row in rows], dtype=np.int64)
