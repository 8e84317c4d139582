"""Trained networks and how they want their images."""

import copy
import os
from typing import Any

from mmengine.config import Config
from mmengine.model import BaseModel

from wsod_mm.functional.image_input import PixelNorm
from wsod_mm.registry import MODELS, TRANSFORMS
from wsod_mm.utils.checkpoint_io import load_weights
from wsod_mm.utils.walk import each_dict

__all__ = ['label_stride', 'load_network', 'pixel_norm', 'transforms_of']

#: Reading transforms, and whether what they give has blue first.
_LOADERS = {'LoadRGBImage': False, 'LoadWeakImage': True, 'LoadImageFromFile': True}


def load_network(config: str | os.PathLike | Config, checkpoint: str | os.PathLike, device: str = 'cpu') -> BaseModel:
    """Build the model of a config with trained weights, for inference.

    Args:
        config: Training config.
        checkpoint: Its weights.
        device: Where to put it.

    Returns:
        The model in evaluation mode.

    Raises:
        CheckpointError: If the weights do not load, or do not fit the model.
        FileNotFoundError: If a file is missing.
    """
    config = config if isinstance(config, Config) else Config.fromfile(str(config))
    model = MODELS.build(copy.deepcopy(config.model))
    load_weights(model, checkpoint)
    return model.to(device).eval()


def pixel_norm(config: Config) -> PixelNorm:
    """How a network was trained to get its pixels.

    Args:
        config: Training config; either its pipeline has ``NormalizeImage``, or its data preprocessor normalises.

    Returns:
        For RGB images, as :func:`wsod_mm.functional.image_input.normalize_image` takes it.

    Raises:
        ValueError: If both or neither normalise, or the reading transform is unknown.
    """
    found = [step for step in transforms_of(config) if step.get('type') == 'NormalizeImage']
    reading = [_LOADERS[step['type']] for step in transforms_of(config) if step.get('type') in _LOADERS]
    given = config.model.get('data_preprocessor') or {}
    if bool(found) == bool(given.get('mean')):
        which = 'both' if found else 'neither'
        raise ValueError(
            f'{config.filename}: {which} of NormalizeImage in the pipeline and mean in the data_preprocessor normalise '
            'images; exactly one must'
        )
    if not reading:
        raise ValueError(f'{config.filename}: the training pipeline has none of {", ".join(_LOADERS)}')
    if found:
        if reading[0]:
            raise ValueError(f'{config.filename}: NormalizeImage takes RGB; read images with LoadRGBImage')
        return TRANSFORMS.build(found[0]).norm
    swapped = bool(given.get('bgr_to_rgb') or given.get('rgb_to_bgr'))
    return PixelNorm(tuple(given['mean']), tuple(given.get('std') or (1.0, 1.0, 1.0)), reading[0] != swapped)


def label_stride(config: Config) -> int:
    """Pixels per cell of an AffinityNet: that on which ``SoftLabelsToMap`` makes the labels it learns from.

    Raises:
        ValueError: If the training pipeline has no such transform.
    """
    found = [step for step in transforms_of(config) if step.get('type') == 'SoftLabelsToMap']
    if not found:
        raise ValueError(f'{config.filename}: the training pipeline has no SoftLabelsToMap, so it is no AffinityNet')
    return int(found[0].get('stride', 8))


def transforms_of(config: Config) -> list[dict[str, Any]]:
    """All transforms of the training loader, the nested ones included."""
    found: list[dict[str, Any]] = []

    def look(entry: dict) -> None:
        for key in ('pipeline', 'transforms'):
            found.extend(step for step in entry.get(key) or () if isinstance(step, dict))

    each_dict(config.train_dataloader['dataset'], look)
    return found
