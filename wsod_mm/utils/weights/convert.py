"""Converting a file of weights."""

import os
from collections.abc import Callable
from functools import partial

import torch

from wsod_mm.utils.io import atomic_write

from .collaborative import convert_collaborative, export_collaborative
from .irn import convert_irn
from .mapping import ConvertedWeights, WeightConversionError
from .psa import convert_psa
from .read import read_weights
from .resnet import convert_resnet
from .vgg16 import convert_vgg16
from .wsol import convert_wsol_resnet, convert_wsol_vgg16

__all__ = ['CONVERSIONS', 'convert_weights']

CONVERSIONS: dict[str, Callable[..., ConvertedWeights]] = {
    'vgg16-caffe': partial(convert_vgg16, source='caffe'),
    'vgg16-torchvision': partial(convert_vgg16, source='torchvision'),
    'resnet-caffe': partial(convert_resnet, source='caffe'),
    'resnet-torchvision': partial(convert_resnet, source='torchvision'),
    'psa-vgg16': partial(convert_psa, trunk='vgg16'),
    'psa-resnet38': partial(convert_psa, trunk='resnet38'),
    'vgg16-20m': partial(convert_psa, trunk='vgg16', format='caffe'),
    'resnet38-mxnet': partial(convert_psa, trunk='resnet38', format='mxnet'),
    'irn-resnet50': convert_irn,
    'cam-blog': partial(convert_wsol_resnet, depth=18),
    'wsol-resnet50': convert_wsol_resnet,
    'wsol-vgg16': convert_wsol_vgg16,
    'collaborative': convert_collaborative,
    'collaborative-export': export_collaborative,
}


def convert_weights(kind: str, source: str | os.PathLike, target: str | os.PathLike, **options) -> ConvertedWeights:
    """Convert a local file of ImageNet weights to one that ``load_from`` and ``init_cfg`` take.

    The result is ``dict(state_dict=..., meta=...)`` (a bare state dict of ``collaborative-export``), loads with
    ``weights_only=True`` and is written atomically.

    Args:
        kind: One of ``CONVERSIONS``.
        source: File to read: a checkpoint of PyTorch, arrays by name in a ``.npz``, MXNet's ``.params``, or Caffe's
            ``.caffemodel``.
        target: File to write.
        **options: For :func:`~wsod_mm.utils.weights.convert_vgg16`, :func:`~wsod_mm.utils.weights.convert_resnet`,
            :func:`~wsod_mm.utils.weights.convert_psa`, :func:`~wsod_mm.utils.weights.convert_irn` or
            :func:`~wsod_mm.utils.weights.convert_collaborative`.

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
        result = CONVERSIONS[kind](read_weights(source), **options)
    except WeightConversionError as error:
        raise WeightConversionError(f'{source} cannot be converted by {kind}: {error}') from error
    # a clone per tensor: a view would drag its whole storage into the file
    state = {name: value.detach().clone() for name, value in result.state_dict.items()}
    with atomic_write(target, '.pth') as temporary:
        if result.bare:
            torch.save(state, temporary, _use_new_zipfile_serialization=False)
        else:
            torch.save(dict(state_dict=state, meta=result.meta), temporary)
    return result
