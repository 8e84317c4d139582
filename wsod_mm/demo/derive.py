"""A stage's config: that of the repository with the run's folders, seed and splits written in."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.utils.walk import each_dict

__all__ = [
    'branch_dump',
    'class_names',
    'common_classes',
    'derive_config',
    'dumped_branches',
    'for_split',
    'on_training_images',
    'proposal_limits',
    'widest_limits',
    'with_dump',
]

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def derive_config(
    path: str | Path, data_root: Path, proposal_file: Path, seed: int, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Load a config and point it to a run's data.

    ``--cfg-options data_root=...`` would not do: by the time it applies, the data sets have copied the
    old value.

    Args:
        path: The config of the repository.
        data_root: Folder that holds ``VOC2007``.
        proposal_file: Written to every data set that has proposals.
        seed: Of the training.
        overrides: Dotted key -> value, written last.

    Returns:
        The config.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    config = Config.fromfile(str(path))

    def place(dataset: Any) -> None:
        if 'data_root' in dataset:
            dataset['data_root'] = str(data_root)
        if dataset.get('proposal_file') is not None:
            dataset['proposal_file'] = str(proposal_file)

    for loader in _LOADERS:
        if config.get(loader) is not None:
            each_dict(config[loader]['dataset'], place)
    config.merge_from_dict({'randomness.seed': seed, 'load_from': None, **(overrides or {})})
    return config


def for_split(config: Config, split: str) -> Config:
    """Copy a config and let its test loop read another image set of the devkit.

    Args:
        config: Not changed.
        split: Name of the image set, such as ``'trainval'``.
    """
    config = copy.deepcopy(config)  # Config.copy() shares what is nested

    def place(dataset: Any) -> None:
        if 'ann_file' in dataset:
            dataset['ann_file'] = str(Path(dataset['ann_file']).with_name(f'{split}.txt'))

    each_dict(config.test_dataloader['dataset'], place)
    return config


def on_training_images(config: Config) -> Config:
    """Copy a config and let its test loop read the images, annotations and proposals of training.

    For configs that keep a proposal file per image set, where :func:`for_split` would look for boxes in the wrong one.

    Args:
        config: Not changed. Of several concatenated training sets the first is taken (VOC 2007 of 2007 + 2012).

    Raises:
        ValueError: If the training loop has no ``ann_file``.
    """
    config = copy.deepcopy(config)  # Config.copy() shares what is nested
    found: list[Any] = []
    each_dict(
        config.train_dataloader['dataset'], lambda dataset: found.append(dataset) if 'ann_file' in dataset else None
    )
    if not found:
        raise ValueError(f'{config.filename}: train_dataloader.dataset has no ann_file to measure CorLoc on')
    source = {
        key: found[0][key] for key in ('data_root', 'ann_file', 'data_prefix', 'proposal_file') if key in found[0]
    }

    def place(dataset: Any) -> None:
        if 'ann_file' in dataset:
            dataset.update(copy.deepcopy(source))

    each_dict(config.test_dataloader['dataset'], place)
    return config


def with_dump(config: Config, path: Path) -> Config:
    """Copy a config and let its test metric write what the model said to a file.

    Args:
        config: Not changed.
        path: ``.npz``. What a further branch said goes beside it, see :func:`branch_dump`.

    Raises:
        ValueError: If no test metric can do that.
    """
    config = copy.deepcopy(config)  # Config.copy() shares what is nested
    metrics = config.test_evaluator
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    written: set[Path] = set()
    for metric in metrics:
        if metric['type'] in ('WeakVOCMetric', 'MultiLabelMetric'):
            target = branch_dump(path, metric.get('branch') or '')
            if target not in written:
                metric['dump_path'] = str(target)
                written.add(target)
    if path in written:
        return config
    raise ValueError(f'{config.filename}: test_evaluator has neither WeakVOCMetric nor MultiLabelMetric')


def branch_dump(path: Path, branch: str) -> Path:
    """Where the predictions of a branch are: ``predictions.npz``, and ``predictions_weak.npz`` of the branch 'weak'."""
    return path.with_name(f'{path.stem}_{branch}{path.suffix}') if branch else path


def dumped_branches(config: Config) -> list[str]:
    """Branches besides the first that a config's test metrics read, each once."""
    metrics = config.test_evaluator
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return list(dict.fromkeys(metric['branch'] for metric in metrics if metric.get('branch')))


def class_names(config: Config) -> list[str]:
    """Names of the classes that the test data set declares.

    Raises:
        ValueError: If it declares none.
    """
    found: list[list[str]] = []

    def look(dataset: Any) -> None:
        names = (dataset.get('metainfo') or {}).get('classes')
        if names:
            found.append([names] if isinstance(names, str) else list(names))

    each_dict(config.test_dataloader['dataset'], look)
    if not found:
        raise ValueError(f'{config.filename}: test_dataloader.dataset.metainfo names no classes')
    return found[0]


def proposal_limits(config: Config) -> dict[str, Any]:
    """``min_size`` and ``max_num`` with which the test pipeline loads proposals.

    Chance levels and recall are to be measured on the boxes that the detectors see.
    """
    found: dict[str, Any] = {}

    def look(transform: Any) -> None:
        if transform.get('type') == 'LoadWeakProposals':
            found.update({key: transform.get(key) for key in ('min_size', 'max_num')})

    each_dict(config.test_dataloader['dataset'], look)
    return found


def common_classes(configs: Sequence[Config]) -> list[str]:
    """Names of the classes that all configs declare.

    Raises:
        ValueError: If two differ.
    """
    first = class_names(configs[0])
    for config in configs[1:]:
        if class_names(config) != first:
            raise ValueError(
                f'{config.filename} has the classes {class_names(config)}, but {configs[0].filename} has {first}'
            )
    return first


def widest_limits(configs: Sequence[Config]) -> dict[str, Any]:
    """The limits of :func:`proposal_limits` that leave every config all boxes that it would load."""
    limits = [proposal_limits(config) for config in configs]
    sizes = [limit.get('min_size') for limit in limits]
    counts = [limit.get('max_num') for limit in limits]
    return {
        'min_size': min(sizes) if all(sizes) else None,
        'max_num': max(counts) if all(counts) else None,
    }
