"""The trainings of a pipeline: training configs with its images, lists and label folders written in."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.pipeline.stage import Stage
from wsod_mm.pipeline.training import final_checkpoint, train_stage
from wsod_mm.utils.walk import each_dict

from .config import WeakSegConfig
from .file_digest import file_digest

__all__ = ['derive_training', 'network_files', 'network_params', 'network_stage']

#: What a training's data set keeps of its own; all else is the pipeline's.
_OWN = ('pipeline', 'filter_cfg', 'keep_background', 'indices', 'max_refetch', 'serialize_data', 'lazy_init')


def derive_training(path: Path, config: WeakSegConfig) -> Config:
    """A training config that reads the images of a pipeline.

    Data sets get ``images`` of the pipeline, and its list ``train`` (in hooks: ``mean``). Validation stays where the
    pipeline has a list ``val``. Nothing is tested.

    Args:
        path: The training config.
        config: That of the pipeline.

    Returns:
        The config.

    Raises:
        ValueError: If it trains nothing, or its network does not have the classes of the images.
    """
    ready = Config.fromfile(str(path))
    if not ready.get('train_dataloader') or not ready.get('model'):
        raise ValueError(f'{path} has no train_dataloader or model: it is no training config')
    _check_classes(ready, config)
    for part in ('test_dataloader', 'test_cfg', 'test_evaluator'):
        ready[part] = None
    if 'val' not in config.lists:
        for part in ('val_dataloader', 'val_cfg', 'val_evaluator'):
            ready[part] = None
    _place(ready.train_dataloader, config, 'train')
    _place(ready.get('val_dataloader'), config, 'val')
    _place(ready.get('custom_hooks'), config, 'mean')
    if config.seed is not None:
        ready.merge_from_dict({'randomness.seed': config.seed})
    return ready


def network_stage(
    name: str,
    path: Path,
    config: WeakSegConfig,
    needs: tuple[str, ...] = (),
    from_classifier: bool = False,
    folders: Mapping[str, str] | None = None,
    threads: int = 1,
) -> Stage:
    """Train a network of a pipeline.

    Args:
        name: Name of the stage.
        path: Training config.
        config: That of the pipeline.
        needs: Stages that make what it learns from.
        from_classifier: Begin with the weights of the classifier.
        folders: Type of a transform -> folder that it reads, below the pipeline's.
        threads: Threads of the training.

    Returns:
        The stage.
    """
    ready = derive_training(path, config)
    source = None
    if from_classifier:
        ready.load_from = None if config.classifier_checkpoint is None else str(config.classifier_checkpoint)
        source = 'classifier' if config.classifier_checkpoint is None else None

    def neutral(entry: dict) -> None:
        # not part of what the result depends on; written when the training starts
        if entry.get('type') in (folders or {}):
            entry['folder'] = ''

    def prepare(training: Config, root: Path) -> None:
        def place(entry: dict) -> None:
            if entry.get('type') in (folders or {}):
                entry['folder'] = str(root / folders[entry['type']])

        each_dict(training._cfg_dict, place)

    each_dict(ready._cfg_dict, neutral)
    # the list by its content as well as by its name
    params = {'list': file_digest(config.under_data_root(config.lists['train']))}
    return train_stage(name, ready, needs, source, 3600.0, threads, prepare, params, ('images',))


def network_files(stage: str, config: Path, checkpoint: Path | None) -> Callable[[Path], dict[str, str]]:
    """Where a network is when it is needed.

    Args:
        stage: The stage that trains it.
        config: Its training config, for weights that are given.
        checkpoint: The weights; ``None``: those of the stage.

    Returns:
        From the folder of the pipeline to ``config`` and ``checkpoint``.
    """
    if checkpoint is not None:
        return lambda root: {'config': str(config), 'checkpoint': str(checkpoint)}
    return lambda root: {
        'config': str(root / stage / 'config.py'),
        'checkpoint': str(final_checkpoint(root / stage)),
    }


def network_params(config: Path, checkpoint: Path | None) -> dict[str, Any]:
    """What a result depends on, besides the stage that trains, where weights are given."""
    if checkpoint is None:
        return {}
    given = Config.fromfile(str(config))
    each = {key: given.to_dict().get(key) for key in ('model', 'train_dataloader')}
    return {'network': each, 'weights': file_digest(checkpoint)}


def _place(value: Any, config: WeakSegConfig, name: str) -> None:
    def place(entry: dict) -> None:
        if 'ann_file' in entry:
            own = {key: entry[key] for key in _OWN if key in entry}
            test_mode = {'test_mode': entry['test_mode']} if name == 'val' and 'test_mode' in entry else {}
            entry.clear()
            entry.update(copy.deepcopy(config.images), ann_file=config.lists[name], **own, **test_mode)

    if value is not None:
        each_dict(value, place)


def _check_classes(training: Config, config: WeakSegConfig) -> None:
    head, count = training.model.get('head') or {}, len(config.classes)
    if head.get('num_classes', count) != count:
        raise ValueError(
            f'{training.filename}: model.head.num_classes={head["num_classes"]}, but {config.where}.images has {count} '
            f'classes; set num_classes={count}'
        )
    if head.get('type') == 'IRNHead' and head.get('ignore_from', 21) <= count:
        raise ValueError(
            f'{training.filename}: model.head.ignore_from={head.get("ignore_from", 21)} would leave out some of the '
            f'{count} classes; set ignore_from=255'
        )
