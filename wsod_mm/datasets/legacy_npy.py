"""Reading the pickled ``.npy`` files of PSA and IRN without running what a pickle may hold."""

import io
import os
import pickle
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy

from wsod_mm.proposals.convert.unpickle import _PlainUnpickler

__all__ = ['load_legacy_npy']


class _RefusedError(pickle.UnpicklingError):
    """The pickle names something that is not resolved; other errors of unpickling are damage."""


class _ArrayUnpickler(_PlainUnpickler):
    """Containers, numpy arrays, and the tensors of IRN's CAM files; no other name is resolved."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _load_storage
        try:
            return super().find_class(module, name)
        except pickle.UnpicklingError as error:
            raise _RefusedError(*error.args) from error


def _load_storage(data: bytes) -> Any:
    """What torch's own function does, which would unpickle anything."""
    try:
        return torch.load(io.BytesIO(data), weights_only=True)
    except pickle.UnpicklingError as error:
        raise _RefusedError(f'the bytes of a tensor in it: {error}') from error


def load_legacy_npy(path: str | os.PathLike) -> Any:
    """Load a file of ``numpy.save(path, object)`` that holds dicts, lists, numbers, text, arrays and tensors.

    Args:
        path: ``.npy`` file; those of plain arrays are read too.

    Returns:
        The object; tensors stay tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or names any other class or function; that name is in the message, and
            nothing of it is imported or run.
    """
    try:
        with open(path, 'rb') as handle:
            version = npy.read_magic(handle)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read_header(handle)
            if not dtype.hasobject:
                return np.load(path, allow_pickle=False)
            content = _ArrayUnpickler(handle, encoding='latin1').load()
    except FileNotFoundError:
        raise FileNotFoundError(f'no file {path}; correct the path') from None
    except _RefusedError as error:
        raise ValueError(
            f'{path}: refused to load this file, {error}. Only dicts, lists, numbers, text, arrays and tensors are '
            'read, because other pickles can run code. Save it again as these, in the program that wrote it'
        ) from error
    except OSError:
        raise
    except Exception as error:  # a damaged pickle fails in every way there is
        raise ValueError(
            f'{path} is truncated or no .npy file ({type(error).__name__}: {error}); copy or download it again'
        ) from error
    return content.item() if shape == () and isinstance(content, np.ndarray) else content
