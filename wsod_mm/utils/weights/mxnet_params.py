"""Reading MXNet's ``.params`` files without MXNet, whose last release is from 2022."""

import os
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .mapping import WeightConversionError

__all__ = ['MAGIC', 'read_mxnet_params']

#: first eight bytes of a list of arrays
MAGIC = 0x112
# first four bytes of an array; older files have its number of dimensions there
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DTYPES = ('<f4', '<f8', '<f2', 'u1', '<i4', 'i1', '<i8')


def read_mxnet_params(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read all arrays of a file that MXNet's ``nd.save`` wrote from a dict; nothing in it is executed.

    The layout, little endian: the magic number and a reserved one (8 bytes each), the number of arrays (8), the arrays,
    the number of names (8), and per name its length (8) and its characters. An array has a magic number (4), a storage
    type (4; versions 2 and 3 only), the number of its dimensions (4), its dimensions (8 bytes each, 4 in the oldest
    layout, which has no magic number), the device (8), the number of the dtype (4), and the values.

    Args:
        path: The file, such as ``ilsvrc-cls_rna-a1_cls1000_ep-0001.params``.

    Returns:
        Tensors by name, which begin with ``arg:`` (weights) or ``aux:`` (statistics) in files of whole models. Empty
        arrays are left out.

    Raises:
        FileNotFoundError: The file is not there.
        WeightConversionError: It is no such file, is cut short, or holds sparse arrays or an unknown dtype.
    """
    path = Path(path)
    reader = _Reader(path)
    (magic, _) = reader.unpack('<QQ')
    if magic != MAGIC:
        raise WeightConversionError(f'{path} is no MXNet file of arrays: it begins with {magic:#x}, not {MAGIC:#x}')
    arrays = [reader.array() for _ in range(reader.count())]
    names = [reader.text() for _ in range(reader.count())]
    if len(names) != len(arrays):
        raise WeightConversionError(
            f'{path} holds {len(arrays)} arrays and {len(names)} names; save a dict, not a list'
        )
    return {name: array for name, array in zip(names, arrays, strict=True) if array is not None}


class _Reader:
    """A file in memory, and how far it has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = memoryview(path.read_bytes())
        self.position = 0

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes."""
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise WeightConversionError(
                f'{self.path} ends at byte {len(self.data)}, {end} are needed: it is cut short or damaged; '
                'download it again'
            )
        self.position, start = end, self.position
        return self.data[start:end]

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Numbers, as :mod:`struct` describes them."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def count(self) -> int:
        """A number of things that follow, each of which takes at least four bytes."""
        (count,) = self.unpack('<Q')
        if count * 4 > len(self.data):
            raise WeightConversionError(f'{self.path} says that {count} entries follow: it is damaged')
        return count

    def text(self) -> str:
        """A name."""
        (length,) = self.unpack('<Q')
        return bytes(self.take(length)).decode('utf-8', 'replace')

    def array(self) -> Tensor | None:
        """An array; ``None`` for an empty one."""
        (magic,) = self.unpack('<I')
        if magic in (_V2, _V3):
            (storage,) = self.unpack('<i')
            if storage != 0:
                raise WeightConversionError(
                    f'{self.path} holds sparse arrays (storage type {storage}); save dense ones'
                )
        dims, size = (self.unpack('<i')[0], 'q') if magic in (_V1, _V2, _V3) else (magic, 'I')
        if dims > 32:
            raise WeightConversionError(f'{self.path} holds an array of {dims} dimensions: it is damaged')
        if dims <= 0:
            return None
        shape = self.unpack(f'<{dims}{size}')
        _, _, dtype = self.unpack('<iii')
        if not 0 <= dtype < len(_DTYPES):
            raise WeightConversionError(f'{self.path} holds an array of the unknown dtype {dtype}')
        kind = np.dtype(_DTYPES[dtype])
        count = 1
        for length in shape:
            count *= length
        values = np.frombuffer(self.take(count * kind.itemsize), kind)
        return torch.from_numpy(values.reshape(shape).copy())
