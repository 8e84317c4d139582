"""Scores of all candidates by any number of processes, resumable."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, barrier, get_dist_info, is_main_process
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.data import DataLoader

from wsod_mm.utils.progress import progress_text

from .partial_scores import PartialScores

__all__ = ['discard_partial', 'missing_ids', 'score_images']


def missing_ids(partial: str | os.PathLike | None, candidates: ArrayLike, key: str = '') -> np.ndarray:
    """Which candidates no earlier run has scored. All processes call it, and all get the same.

    Args:
        partial: Folder of :func:`score_images`; ``None`` or absent: nothing is scored.
        candidates: Ids.
        key: See :func:`score_images`.

    Returns:
        int64, rising: the ids over which the data loader of :func:`score_images` is to be built.

    Raises:
        ValueError: If a file in ``partial`` is damaged.
    """
    candidates = np.unique(np.asarray(candidates, np.int64))
    if partial is None:
        return candidates
    done = all_gather_object(PartialScores(partial, key).read()[0])
    return np.setdiff1d(candidates, np.concatenate(done), assume_unique=False)


def discard_partial(partial: str | os.PathLike) -> None:
    """Remove what :func:`score_images` has left, once its result is saved. All processes call it; rank 0 removes."""
    if is_main_process():
        PartialScores(partial).discard()
    barrier()


def score_images(
    model: nn.Module,
    dataloader: DataLoader | None,
    strategy: Any,
    n: int,
    partial: str | os.PathLike | None = None,
    flush_every: int = 100,
    candidates: ArrayLike | None = None,
    key: str = '',
    log_seconds: float = 10.0,
) -> np.ndarray:
    """Score images with a strategy. All processes call it, each with its part of the data.

    The loader goes over the images that are still to be scored::

        todo = missing_ids(partial, candidates, key)
        loader = ...  # of PoolSubset(ids=todo), DefaultSampler(shuffle=False, round_up=False), batch_size=1
        values = score_images(model, loader, strategy, n, partial, candidates=candidates, key=key)
        ...  # save the values
        discard_partial(partial)

    Values of a batch stay on the device until they are written, so the device is waited for once per ``flush_every``
    images. ``partial`` outlives the call: a run that is killed before the values are saved loses nothing.

    Source: public code, which has every process score all images, labeled ones included, and keeps nothing on the way.
    There and here images are scored in float32 one by one: in a larger batch their padding counts.

    Args:
        model: Detector, bare or wrapped. It is scored in ``eval()`` and gets the mode of every module back.
        dataloader: Batches ``dict(inputs, data_samples)`` whose samples have ``pool_id`` in their meta information;
            ``None`` if nothing is left to be scored.
        strategy: Has ``check(model)`` and ``score(model, batch_inputs, batch_data_samples)`` -> ``[B]`` or ``[B, D]``.
        n: Number of images of the pool.
        partial: Folder for what is scored so far (see :class:`PartialScores`); ``None``: keep nothing.
        flush_every: All processes together lose at most so many scored images (rounded up to one per process) when
            they are killed.
        candidates: Ids that must have a value in the end; ``None``: those of the loader and of ``partial``.
        key: Names what is scored, for instance strategy and hash of the checkpoint; other scores in ``partial`` are
            removed.
        log_seconds: Seconds between two lines of progress.

    Returns:
        ``[n]`` or ``[n, D]`` float32, by id, NaN where an image was not scored; the same on all processes.

    Raises:
        ValueError: If a value is not finite (names the images; such values are not kept in ``partial``), if an image
            was scored twice or not at all, if the strategy cannot score this model, or for values of a wrong shape.
        KeyError: If a sample has no ``pool_id``.
    """
    if flush_every < 1:
        raise ValueError(f'flush_every must be at least 1, got {flush_every}')
    model = model.module if is_model_wrapper(model) else model
    strategy.check(model)
    store = None if partial is None else PartialScores(partial, key)
    earlier: tuple[np.ndarray, np.ndarray | None] = (np.zeros(0, np.int64), None)
    if store is not None:
        removed = store.remove_stale()
        if removed:
            print_log(f'{partial}: removed {removed} pieces with scores of something else', logger='current')
        earlier = store.read()
    share = _Share(store, max(1, flush_every // get_dist_info()[1]), n)
    if dataloader is not None and len(dataloader.dataset):
        with _evaluating(model), torch.no_grad():
            _score(model, dataloader, strategy, share, log_seconds)
    # all processes look at the errors of all, lest one should stop while the others wait for it
    gathered = all_gather_object((earlier, share.result(), share.bad))
    bad = {pool_id: name for *_, names in gathered for pool_id, name in names.items()}
    if bad:
        first = ', '.join(bad[pool_id] for pool_id in sorted(bad)[:10]) + (', ...' if len(bad) > 10 else '')
        raise ValueError(
            f'the score of {len(bad)} images is not finite: {first}. Look at these files, and at the losses of the '
            'training for NaN'
        )
    count = sum(len(part[0][0]) for part in gathered) + (0 if dataloader is None else len(dataloader.dataset))
    return _assemble([part for parts in gathered for part in parts[:2]], n, count, candidates)


class _Share:
    """What this process has scored: on the device first, then on the host and on disk."""

    def __init__(self, store: PartialScores | None, every: int, n: int) -> None:
        self.store, self.every, self.n = store, every, n
        self.bad: dict[int, str] = {}
        self._pending: list[tuple[list[int], list[str], Tensor]] = []
        self._waiting = 0
        self._ids: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add(self, samples: Sequence[Any], values: Tensor) -> None:
        if values.dim() not in (1, 2) or len(values) != len(samples):
            raise ValueError(
                f'a strategy must give [B] or [B, D] values for B = {len(samples)} images, not {tuple(values.shape)}'
            )
        ids = [_pool_id(sample, self.n) for sample in samples]
        names = [str(sample.metainfo.get('img_path', f'image {i}')) for i, sample in zip(ids, samples, strict=True)]
        self._pending.append((ids, names, values.detach().float()))
        self._waiting += len(ids)
        if self._waiting >= self.every:
            self.flush()

    def flush(self) -> None:
        if not self._pending:
            return
        values = torch.cat([values for *_, values in self._pending]).cpu().numpy()
        ids = np.array([i for part, *_ in self._pending for i in part], np.int64)
        names = [name for _, part, _ in self._pending for name in part]
        good = np.isfinite(values.reshape(len(ids), -1)).all(axis=1)
        self.bad |= {int(ids[row]): names[row] for row in np.flatnonzero(~good)}
        if self.store is not None and good.any():
            self.store.add(ids[good], values[good])
        self._ids.append(ids)
        self._values.append(values)
        self._pending, self._waiting = [], 0

    def result(self) -> tuple[np.ndarray, np.ndarray | None]:
        if not self._ids:
            return np.zeros(0, np.int64), None
        return np.concatenate(self._ids), np.concatenate(self._values)


def _score(model: nn.Module, dataloader: DataLoader, strategy: Any, share: _Share, log_seconds: float) -> None:
    total, world_size = len(dataloader.dataset), get_dist_info()[1]
    start = last = time.monotonic()
    done = 0
    for data in dataloader:
        data = model.data_preprocessor(data, False)
        share.add(data['data_samples'], strategy.score(model, data['inputs'], data['data_samples']))
        done += len(data['data_samples'])
        if share.bad:  # it will be an error anyway
            break
        now = time.monotonic()
        if now - last >= log_seconds:
            last = now
            # the other processes are taken to be as far as this one
            text = progress_text(min(done * world_size, total), total, now - start, 'images')
            print_log(f'scoring: {text}', logger='current')
    share.flush()
    seconds = time.monotonic() - start
    rate = done * world_size / max(seconds, 1e-9)
    print_log(f'scored {total} images in {seconds:.1f} s, {rate:.1f} images/s', logger='current')


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """``eval()``, and every module's own mode back: a part may be in another mode than the whole."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _pool_id(sample: Any, n: int) -> int:
    if 'pool_id' not in sample.metainfo:
        raise KeyError(
            f"the sample of {sample.metainfo.get('img_path')} has no 'pool_id' in its meta information; load images "
            'with PoolSubset, and give its POOL_META_KEYS to PackDetInputs(meta_keys=...)'
        )
    pool_id = int(sample.metainfo['pool_id'])
    if not 0 <= pool_id < n:
        raise ValueError(f'{sample.metainfo.get("img_path")} has pool_id {pool_id}, outside of 0..{n - 1}')
    return pool_id


def _assemble(
    parts: Sequence[tuple[np.ndarray, np.ndarray | None]], n: int, count: int, candidates: ArrayLike | None
) -> np.ndarray:
    """One array by id of the parts, if every candidate (or as many images as there must be) is there exactly once."""
    parts = [part for part in parts if len(part[0])]
    ids = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    unique, times = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        raise ValueError(
            f'{(times > 1).sum()} images were scored more than once: {unique[times > 1][:10].tolist()}. The loader '
            'needs DefaultSampler(shuffle=False, round_up=False), and a data set of missing_ids(partial, candidates)'
        )
    if candidates is not None:
        expected = np.unique(np.asarray(candidates, np.int64))
        absent, strange = np.setdiff1d(expected, unique), np.setdiff1d(unique, expected)
        if len(absent) or len(strange):
            raise ValueError(
                f'{len(absent)} candidates were not scored {absent[:10].tolist()}, and {len(strange)} images that are '
                f'no candidates were {strange[:10].tolist()}: the loader must go over missing_ids(partial, candidates)'
            )
    elif len(unique) != count:
        raise ValueError(f'{len(unique)} images were scored instead of {count}: the loader or its sampler drops some')
    widths = {part[1].shape[1:] for part in parts}
    if len(widths) > 1:
        raise ValueError(f'the strategy gave values of different shapes: {sorted(widths)}')
    result = np.full((n, *(widths.pop() if widths else ())), np.nan, np.float32)
    for part_ids, values in parts:
        result[part_ids] = values
    return result
