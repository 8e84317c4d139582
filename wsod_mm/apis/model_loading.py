"""A model from a config and a checkpoint, for inference outside of a runner."""

import os
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from wsod_mm.apis.config import load_config
from wsod_mm.registry import DATASETS, MODELS
from wsod_mm.utils.checkpoint_io import load_weights

__all__ = ['class_names', 'load_model', 'dataset_settings']


def load_model(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike | None,
    device: str | None = None,
    options: dict[str, Any] | None = None,
) -> tuple[nn.Module, Config, tuple[str, ...] | None]:
    """Build a model and load its weights.

    Args:
        config: The config or its path.
        checkpoint: Weights of the whole model; ``None``: random ones.
        device: For instance ``'cuda:1'``; ``None``: the GPU if there is one.
        options: Overrides of settings, dotted key -> value.

    Returns:
        The model in evaluation mode, its config, and the names of its classes, as far as checkpoint or config say them.

    Raises:
        FileNotFoundError: A file is missing.
        CheckpointError: The checkpoint is damaged or another model's.
    """
    if isinstance(config, Config):
        config = deepcopy(config)
        config.merge_from_dict(options or {})
    else:
        config = load_config(config, options)
    init_default_scope(config.get('default_scope', 'wsod_mm'))
    model = MODELS.build(deepcopy(config.model))
    meta: dict[str, Any] = {}
    if checkpoint is not None:
        meta = load_weights(model, checkpoint)
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    return model.to(device).eval(), config, class_names(config, meta)


def class_names(config: Config, meta: dict[str, Any] | None = None) -> tuple[str, ...] | None:
    """Names of the classes: those of a checkpoint's meta, of the config's test data set, or of that data set's type.

    Args:
        config: The config.
        meta: ``meta`` of the checkpoint.

    Returns:
        The names, or ``None`` if nothing says them.
    """
    meta = meta or {}
    dataset = dataset_settings(config)
    kind = DATASETS.get(str(dataset.get('type'))) if 'type' in dataset else None
    for source in (
        meta.get('dataset_meta'),
        dataset.get('metainfo'),
        config.get('metainfo'),
        dict(classes=config.get('classes')),
        getattr(kind, 'METAINFO', None),
    ):
        names = (source or {}).get('classes') or (source or {}).get('CLASSES')
        if names and not isinstance(names, str):
            return tuple(names)
    return None


def dataset_settings(config: Config) -> dict[str, Any]:
    """Settings of the data set inside of the wrappers of ``test_dataloader``; empty without one."""
    dataset = (config.get('test_dataloader') or {}).get('dataset', {})
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset
