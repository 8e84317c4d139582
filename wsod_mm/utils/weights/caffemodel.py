"""Reading the weights of a ``.caffemodel`` without Caffe and without protobuf."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .mapping import WeightConversionError

__all__ = ['read_caffemodel']

#: numbers of the fields in Caffe's caffe.proto: of a network, its layers by format, and there the name and the blobs
_LAYERS = {100: (1, 7), 2: (4, 6)}
#: and of a blob: old shape (four numbers), values, double values, shape
_OLD_SHAPE, _DATA, _DOUBLES, _SHAPE = (1, 2, 3, 4), 5, 8, 7
_PARTS = ('weight', 'bias')


def read_caffemodel(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read the weights of all layers.

    Args:
        path: The file, such as ``vgg16_20M.caffemodel``, in either format of layers.

    Returns:
        float32 tensors: a layer's first blob under ``<layer>.weight``, its second, flattened, under ``<layer>.bias``.

    Raises:
        FileNotFoundError: The file is not there.
        WeightConversionError: It is no such file, or damaged.
    """
    path = Path(path)
    weights: dict[str, Tensor] = {}
    try:
        for number, value in _fields(memoryview(path.read_bytes())):
            if number not in _LAYERS or not isinstance(value, memoryview):
                continue
            name_field, blob_field = _LAYERS[number]
            name, blobs = '', []
            for part, content in _fields(value):
                if part == name_field and isinstance(content, memoryview):
                    name = bytes(content).decode()
                elif part == blob_field and isinstance(content, memoryview):
                    blobs.append(_blob(content))
            for part, blob in zip(_PARTS, blobs, strict=False):
                weights[f'{name}.{part}'] = blob if part == 'weight' else blob.flatten()
    except (IndexError, ValueError) as error:
        raise WeightConversionError(f'{path} is no .caffemodel, or damaged: {error}') from error
    if not weights:
        raise WeightConversionError(f'{path} is no .caffemodel: it has no layers with weights')
    return weights


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and content of every field of a message: a number, or the bytes of anything longer."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f'a field of the unknown kind {kind}')
        if position + size > len(data):
            raise ValueError(f'a field of {size} bytes, {len(data) - position} are left')
        yield number, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number of seven bits per byte, and where the next one begins."""
    value, shift = 0, 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _blob(data: memoryview) -> Tensor:
    """The values of a blob in its shape."""
    old, shape, values = {}, None, []
    for number, value in _fields(data):
        if number in _OLD_SHAPE and isinstance(value, int):
            old[number] = value
        elif number == _SHAPE and isinstance(value, memoryview):
            shape = _dimensions(value)
        elif number in (_DATA, _DOUBLES) and isinstance(value, memoryview):
            values.append(np.frombuffer(value, '<f4' if number == _DATA else '<f8').astype(np.float32))
    if shape is None:
        shape = [old.get(number, 1) for number in _OLD_SHAPE]
    joined = np.concatenate(values) if values else np.zeros(0, np.float32)
    return torch.from_numpy(joined.reshape(shape))


def _dimensions(data: memoryview) -> list[int]:
    """Field 1 of a shape, one by one or packed."""
    dimensions = []
    for number, value in _fields(data):
        if number != 1:
            continue
        if isinstance(value, int):
            dimensions.append(value)
            continue
        position = 0
        while position < len(value):
            size, position = _varint(value, position)
            dimensions.append(size)
    return dimensions
