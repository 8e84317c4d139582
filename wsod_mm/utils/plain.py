"""Reducing nested Python values to what ``torch.load(weights_only=True)`` accepts, and turning them back."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

__all__ = ['PlainValueError', 'from_plain', 'to_plain']

_MARK = '__wsod_mm_plain__'
_ATOMS = (type(None), bool, int, float, complex, str, bytes)


class PlainValueError(TypeError):
    """A value cannot be written as plain data; the message says where it sits."""


def to_plain(value: Any, path: str = '') -> Any:
    """Reduce ``value`` to tensors, numbers, strings, lists, tuples and dicts.

    Types that would otherwise need a pickle (``HistoryBuffer``, ``numpy.ndarray``, ``set``, ``Counter``, ``range``)
    become marked dicts, which :func:`from_plain` turns back into the same type; subclasses of containers and scalars
    (``ConfigDict``, ``numpy.float64``, ``IntEnum``, ``Path``) become their plain base.

    Args:
        value: Any nesting of the types above.
        path: Where ``value`` sits in the file, for the error message.

    Returns:
        A structure that ``torch.load(weights_only=True)`` accepts.

    Raises:
        PlainValueError: ``value`` holds an object of another type, such as a function.
    """
    if isinstance(value, torch.nn.Parameter):
        return value.detach()
    if isinstance(value, torch.Tensor) or type(value) in _ATOMS:
        return value
    if isinstance(value, Enum):
        return to_plain(value.value, path)
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain_numpy(value)
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        return {
            _MARK: 'HistoryBuffer',
            'log': _as_tensor(log),
            'count': _as_tensor(count),
            'max_length': value.max_length,
        }
    if isinstance(value, Mapping):
        return _plain_mapping(value, path)
    if isinstance(value, (set, frozenset)):
        return {_MARK: 'set', 'data': [to_plain(v, f'{path}[...]') for v in sorted(value, key=repr)]}
    if isinstance(value, range):
        return {_MARK: 'range', 'data': [value.start, value.stop, value.step]}
    if isinstance(value, (list, tuple)):
        items = [to_plain(v, f'{path}[{i}]') for i, v in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, (torch.dtype, torch.device, PurePath)):
        return str(value)
    for base in (int, float, str, bytes):
        if isinstance(value, base):
            return base(value)
    raise PlainValueError(
        f'{path or "the value"} is a {type(value).__module__}.{type(value).__qualname__}, '
        'which cannot be written as plain data'
    )


def from_plain(value: Any) -> Any:
    """Turn the marked dicts of :func:`to_plain` back into their types.

    Args:
        value: A structure made by :func:`to_plain`; other structures pass unchanged.

    Returns:
        The structure with ``HistoryBuffer``, ``numpy.ndarray``, ``set``, ``range`` and ``Counter`` restored.
    """
    if isinstance(value, dict):
        kind = value.get(_MARK)
        if kind is not None:
            return _BUILDERS[kind](value)
        items = {k: from_plain(v) for k, v in value.items()}
        if isinstance(value, OrderedDict):
            ordered = OrderedDict(items)
            ordered.__dict__.update(value.__dict__)
            return ordered
        return items
    if isinstance(value, list):
        return [from_plain(v) for v in value]
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple(from_plain(v) for v in value)
    return value


def _plain_mapping(value: Mapping, path: str) -> dict:
    items = ((to_plain(k, f'{path}.{k}'), to_plain(v, f'{path}.{k}' if path else str(k))) for k, v in value.items())
    if isinstance(value, Counter):
        return {_MARK: 'Counter', 'data': dict(items)}
    if isinstance(value, OrderedDict):
        ordered = OrderedDict(items)
        if hasattr(value, '_metadata'):  # version numbers of the modules, which state_dict() hangs on the dict
            ordered._metadata = to_plain(value._metadata, f'{path}._metadata')
        return ordered
    return dict(items)


def _plain_numpy(value: np.generic | np.ndarray) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value.dtype.kind in 'biufc' and value.dtype.isnative:
        return {_MARK: 'ndarray', 'data': _as_tensor(value), 'dtype': value.dtype.str}
    if value.dtype.kind in 'SUO':
        return {_MARK: 'ndarray', 'data': to_plain(value.tolist()), 'dtype': value.dtype.str}
    raise PlainValueError(f'a numpy array of dtype {value.dtype} cannot be written as plain data')


def _as_tensor(array: np.ndarray) -> torch.Tensor:
    try:
        return torch.from_numpy(np.array(array, order='C'))
    except TypeError:  # dtypes without a torch counterpart (uint16 on older torch, long double)
        return torch.from_numpy(array.astype(np.float64 if array.dtype.kind == 'f' else np.int64))


def _history(value: dict) -> HistoryBuffer:
    return HistoryBuffer(value['log'].cpu().numpy(), value['count'].cpu().numpy(), value['max_length'])


def _ndarray(value: dict) -> np.ndarray:
    data = value['data']
    return np.array(data.cpu().numpy() if isinstance(data, torch.Tensor) else data, dtype=np.dtype(value['dtype']))


_BUILDERS = {
    'HistoryBuffer': _history,
    'ndarray': _ndarray,
    'set': lambda value: set(from_plain(value['data'])),
    'range': lambda value: range(*value['data']),
    'Counter': lambda value: Counter(from_plain(value['data'])),
}
