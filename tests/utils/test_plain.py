"""Plain values survive the way through a file that is loaded without pickle."""

from collections import Counter, OrderedDict
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from wsod_mm.utils.plain import PlainValueError, from_plain, to_plain


class Level(IntEnum):
    LOW = 3


def through_file(value, folder):
    torch.save(to_plain(value), folder / 'x.pth')
    return from_plain(torch.load(folder / 'x.pth', weights_only=True))


@pytest.mark.parametrize(
    'value',
    [
        None,
        True,
        3,
        2.5,
        'text',
        b'bytes',
        [1, (2, 'a')],
        {'a': {1: [None]}},
        {3, 1, 2},
        range(2, 9, 3),
        Counter({2: 1, 5: 3}),
        OrderedDict(b=1, a=2),
    ],
)
def test_round_trip(value, tmp_path):
    back = through_file(value, tmp_path)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    'array',
    [
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.float32([1.5]),
        np.array([True, False]),
        np.array(['cat', 'dog']),
        np.uint16([1, 65535]),
        np.array(3.0),
    ],
)
def test_arrays(array, tmp_path):
    back = through_file({'x': array}, tmp_path)['x']
    assert back.dtype == array.dtype and back.shape == array.shape
    assert (back == array).all()


def test_subclasses_become_their_base(tmp_path):
    given = ConfigDict(a=np.float64(0.5), b=Level.LOW, c=Path('x') / 'y', d=torch.float16)
    assert through_file(given, tmp_path) == {'a': 0.5, 'b': 3, 'c': 'x/y', 'd': 'torch.float16'}


def test_history_buffer_goes_on(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1], max_length=50)
    back = through_file({'loss': buffer}, tmp_path)['loss']
    assert isinstance(back, HistoryBuffer) and back.max_length == 50
    back.update(6.0)
    assert back.mean() == 3.0
    assert back.current() == 6.0


def test_state_dict_keeps_its_metadata(tmp_path):
    state = torch.nn.BatchNorm1d(3).state_dict()
    back = through_file(state, tmp_path)
    assert back._metadata == state._metadata
    assert all(torch.equal(back[k], state[k]) for k in state)


def test_error_says_where():
    with pytest.raises(PlainValueError, match=r'optimizer\.groups\[1\]\.rule is a .*function'):
        to_plain({'groups': [0, {'rule': lambda: 0}]}, 'optimizer')
