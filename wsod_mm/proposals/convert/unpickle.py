"""Reading pickles of strangers: plain containers and numpy arrays, nothing else."""

import importlib
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ProposalFileError

__all__ = ['load_plain_pickle']


def _latin1(text: str, encoding: str = 'latin1') -> bytes:
    """What pickle protocol 2 calls to rebuild bytes; other codecs (some decompress) are refused."""
    if encoding.lower().replace('-', '') != 'latin1':
        raise pickle.UnpicklingError(f'codec {encoding!r} is not allowed')
    return text.encode('latin1')


def _numpy_function(module: str, name: str) -> Any:
    """A numpy helper that moved from ``numpy.core`` to ``numpy._core`` in numpy 2."""
    for root in ('numpy._core', 'numpy.core'):
        try:
            return getattr(importlib.import_module(f'{root}.{module}'), name)
        except (ImportError, AttributeError):
            continue
    raise pickle.UnpicklingError(f'this numpy has no {module}.{name}')


class _PlainUnpickler(pickle.Unpickler):
    """Resolves only the names that arrays and containers need, so a pickle cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (('numpy', 'ndarray'), ('numpy', 'dtype')):
            return getattr(np, name)
        if module in ('numpy.core.multiarray', 'numpy._core.multiarray') and name in (
            '_reconstruct',
            'scalar',
        ):
            return _numpy_function('multiarray', name)
        if module in ('numpy.core.numeric', 'numpy._core.numeric') and name == '_frombuffer':
            return _numpy_function('numeric', name)
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        if (module, name) == ('_codecs', 'encode'):
            return _latin1
        if name == 'BoxMode' and module.startswith('detectron2.'):
            return int  # an IntEnum: 0 is xyxy, 1 is xywh
        raise pickle.UnpicklingError(f'it contains {module}.{name}')


def load_plain_pickle(path: str | os.PathLike) -> Any:
    """Load a pickle of dicts, lists, tuples, numbers, text and numpy arrays (also one written by
    Python 2).

    Raises:
        ProposalFileError: If the file is damaged or names any other class or function; that name is
            in the message and nothing of it is imported or run.
    """
    path = Path(path)
    try:
        with open(path, 'rb') as handle:
            return _PlainUnpickler(handle, encoding='latin1').load()
    except pickle.UnpicklingError as error:
        raise ProposalFileError(
            f'{path}: refused to load this pickle, {error}. Only dicts, lists, numbers, text and'
            ' numpy arrays are read, because other pickles can run code. Save it again as these,'
            ' in the program that wrote it'
        ) from error
    except (
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
        ImportError,
        MemoryError,
        UnicodeDecodeError,
    ) as error:
        raise ProposalFileError(
            f'{path} is truncated or no pickle ({type(error).__name__}: {error}); copy or download it again'
        ) from error
