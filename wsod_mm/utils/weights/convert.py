"""Converting a file of weights."""

import os
from collections.abc import Callable
from functools import partial

import torch

from wsod_mm.utils.checkpoint_io import load_plain
from wsod_mm.utils.io import atomic_write

from .mapping import ConvertedWeights, WeightConversionError
from .resnet import convert_resnet
from .vgg16 import convert_vgg16

__all__ = ['CONVERSIONS', 'convert_weights']

CONVERSIONS: dict[str, Callable[..., ConvertedWeights]] = {
    'vgg16-caffe': partial(convert_vgg16, source='caffe'),
    'vgg16-torchvision': partial(convert_vgg16, source='torchvision'),
    'resnet-caffe': partial(convert_resnet, source='caffe'),
    'resnet-torchvision': partial(convert_resnet, source='torchvision'),
}


def convert_weights(kind: str, source: str | os.PathLike, target: str | os.PathLike, **options) -> ConvertedWeights:
    """Convert a local file of ImageNet weights to one that ``load_from`` and ``init_cfg`` take.

    The result is ``dict(state_dict=..., meta=...)``, loads with ``weights_only=True`` and is
    written atomically.

    Args:
        kind: ``'vgg16-caffe'``, ``'vgg16-torchvision'``, ``'resnet-caffe'`` or
            ``'resnet-torchvision'``.
        source: File to read.
        target: File to write.
        **options: For :func:`~wsod_mm.utils.weights.convert_vgg16` or
            :func:`~wsod_mm.utils.weights.convert_resnet`.

    Returns:
        The converted weights, with what was dropped and what to know.

    Raises:
        FileNotFoundError: ``source`` is not there.
        wsod_mm.utils.checkpoint_io.CheckpointError: ``source`` is damaged, or a pickle that needs
            the explicit opt-in.
        WeightConversionError: ``source`` holds something else than ``kind``.
        ValueError: ``kind`` is unknown.
    """
    if kind not in CONVERSIONS:
        raise ValueError(f'unknown conversion {kind!r}; choose one of {", ".join(CONVERSIONS)}')
    try:
        result = CONVERSIONS[kind](load_plain(source, 'cpu'), **options)
    except WeightConversionError as error:
        raise WeightConversionError(f'{source} cannot be converted by {kind}: {error}') from error
    # a clone per tensor: a view would drag its whole storage into the file
    state = {name: value.detach().clone() for name, value in result.state_dict.items()}
    with atomic_write(target, '.pth') as temporary:
        torch.save(dict(state_dict=state, meta=result.meta), temporary)
    return result
