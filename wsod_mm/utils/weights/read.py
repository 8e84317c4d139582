"""Reading arrays from whatever file holds them."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsod_mm.utils.checkpoint_io import load_plain

from .caffemodel import read_caffemodel
from .mapping import WeightConversionError
from .mxnet_params import read_mxnet_params

__all__ = ['read_weights']


def read_weights(path: str | os.PathLike) -> Any:
    """Content of a file of weights, by the end of its name.

    Args:
        path: ``.npz`` (arrays by name), ``.params`` (MXNet), ``.caffemodel`` (Caffe), or else a checkpoint of PyTorch.

    Returns:
        Tensors by name, or whatever a checkpoint holds.

    Raises:
        FileNotFoundError: The file is not there.
        wsod_mm.utils.checkpoint_io.CheckpointError: The checkpoint is damaged, or a pickle that needs the explicit
            opt-in.
        WeightConversionError: Another file is damaged.
    """
    suffix = Path(path).suffix
    if suffix == '.params':
        return read_mxnet_params(path)
    if suffix == '.caffemodel':
        return read_caffemodel(path)
    if suffix != '.npz':
        return load_plain(path, 'cpu')
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightConversionError(f'{path} is no .npz of numbers: {error}') from error
