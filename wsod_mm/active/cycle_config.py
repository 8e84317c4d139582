"""The config of one cycle of active learning: that of the experiment with the cycle's images and folder."""

import copy
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from wsod_mm.utils.checkpoint_io import latest_checkpoint
from wsod_mm.utils.walk import each_dict

__all__ = ['cycle_checkpoint', 'cycle_config', 'pool_config', 'score_dataloader_config']


def cycle_config(
    config: Config, work_dir: str | os.PathLike, cycle: int, has_unlabeled: bool, log_name: str | None = None
) -> Config:
    """Config with which MMEngine's runner trains one cycle.

    Data sets of type ``PoolSubset`` get the ids ``X_L_{cycle}.npy`` (subset labeled) and ``X_U_{cycle}.npy``
    (unlabeled), hooks with an ``out_dir`` and a ``cycle`` of their own get those of the experiment. A training that
    began goes on from its newest checkpoint.

    Args:
        config: That of the experiment; not changed.
        work_dir: Folder of the experiment.
        cycle: Number of the cycle.
        has_unlabeled: Whether ``X_U_{cycle}.npy`` has images; if not, the loop gets no unlabeled loader.
        log_name: File name for ``LegacyLogHook``, the same for all cycles; ``None``: one per cycle.

    Returns:
        The config; its ``work_dir`` is ``cycle{cycle}``, and its name and that of its visualizer are unique in this
        process.
    """
    work_dir = Path(work_dir).absolute()
    folder = work_dir / f'cycle{cycle}'
    inner = copy.deepcopy(config)
    for key in ('runner_type', 'active_learning'):
        inner.pop(key, None)
    inner.work_dir = str(folder)
    name = inner.get('experiment_name') or work_dir.name
    # loggers and message hubs are global by name, and the default names have a resolution of a second; a visualizer of
    # the same name would go on writing into the folder of the first cycle
    inner.experiment_name = f'{name}_cycle{cycle}_{time.time_ns()}'
    if isinstance(inner.get('visualizer'), dict):
        inner.visualizer['name'] = inner.experiment_name
    ids = {'labeled': work_dir / f'X_L_{cycle}.npy', 'unlabeled': work_dir / f'X_U_{cycle}.npy'}

    def fill(entry: Any) -> None:
        if _is_type(entry, 'PoolSubset') and entry.get('ids') is None and entry.get('subset') in ids:
            entry['ids'] = str(ids[entry['subset']])

    each_dict(inner._cfg_dict, fill)
    for hook in [*inner.get('default_hooks', {}).values(), *inner.get('custom_hooks', ())]:
        if _is_type(hook, 'LegacyLogHook'):
            hook.setdefault('out_dir', str(work_dir))
            hook['cycle'] = cycle
            if log_name is not None:
                hook.setdefault('filename', log_name)
        elif _is_type(hook, 'LatestLinkHook'):
            hook.setdefault('out_dir', str(work_dir))
    if not has_unlabeled and 'unlabeled_dataloader' in inner.train_cfg:
        inner.train_cfg.unlabeled_dataloader = None
    checkpoint = cycle_checkpoint(folder)
    inner.resume = checkpoint is not None
    if checkpoint is not None:
        inner.load_from = checkpoint
    return inner


def cycle_checkpoint(folder: str | os.PathLike) -> str | None:
    """The newest checkpoint of a cycle that loads.

    ``last_checkpoint`` holds an absolute path. In an experiment that was copied that is one of the original, which may
    have been trained further: the file of the same name in this folder goes before it.

    Args:
        folder: Folder of the cycle.

    Returns:
        A path, or ``None`` if there is none.
    """
    folder = Path(folder).absolute()
    found = latest_checkpoint(folder) if folder.is_dir() else None
    if found is None or Path(found).absolute().parent == folder:
        return found
    own = folder / Path(found).name
    return str(own) if own.is_file() else found


def score_dataloader_config(loader: ConfigDict, ids: Sequence[int]) -> ConfigDict:
    """Config of the loader that scores images: one by one, in order, each once over all processes.

    Args:
        loader: ``active_learning.score_dataloader``; its data set is a ``PoolSubset``.
        ids: Ids to score.

    Returns:
        A changed copy.

    Raises:
        ValueError: If the data set is not a ``PoolSubset``.
    """
    loader = copy.deepcopy(loader)
    if not _is_type(loader['dataset'], 'PoolSubset'):
        raise ValueError(
            f'active_learning.score_dataloader.dataset must be a PoolSubset, not {loader["dataset"].get("type")}: only '
            'it knows the ids of images'
        )
    loader['dataset']['ids'] = [int(i) for i in ids]
    loader.setdefault('sampler', dict(type='DefaultSampler', shuffle=False, round_up=False))
    loader.setdefault('batch_size', 1)
    return loader


def pool_config(config: Config) -> ConfigDict:
    """Config of the pool: ``active_learning.pool``, or that of the labeled data set.

    Args:
        config: That of the experiment.

    Raises:
        ValueError: If there is none, or if data sets have different pools.
    """
    found = []

    def look(entry: Any) -> None:
        if _is_type(entry, 'PoolSubset') and entry.get('pool') is not None and entry['pool'] not in found:
            found.append(entry['pool'])

    given = config.get('active_learning', {}).get('pool')
    if given is not None:
        found.append(given)
    each_dict(config._cfg_dict, look)
    if not found:
        raise ValueError('the config has no pool: set active_learning.pool, or use PoolSubset(pool=...) for training')
    if len(found) > 1:
        raise ValueError(f'the config has {len(found)} different pools; an experiment has one: {found}')
    return found[0]


def _is_type(entry: Any, name: str) -> bool:
    return isinstance(entry, dict) and str(entry.get('type')).rsplit('.', 1)[-1] == name
