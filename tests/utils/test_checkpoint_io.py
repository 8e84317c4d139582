"""Checkpoints that cannot be used are refused with the file's name and the fix."""

import os

import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from wsod_mm.utils.checkpoint_io import (
    UNSAFE_SWITCH,
    CheckpointError,
    compare_state,
    latest_checkpoint,
    load_plain,
)


@pytest.fixture
def pickled(tmp_path):
    """A file as stock MMEngine writes it."""
    path = tmp_path / 'stock.pth'
    torch.save({'message_hub': {'loss': HistoryBuffer([1.0], [1])}}, path)
    return path


def test_pickled_file_is_refused(pickled):
    with pytest.raises(CheckpointError) as error:
        load_plain(pickled)
    for part in (str(pickled), 'weights_only=True', 'HistoryBuffer', f'{UNSAFE_SWITCH}=1'):
        assert part in str(error.value)


def test_opt_in_loads_it(pickled, monkeypatch):
    monkeypatch.setenv(UNSAFE_SWITCH, '1')
    assert load_plain(pickled)['message_hub']['loss'].current() == 1.0
    monkeypatch.setenv(UNSAFE_SWITCH, '0')
    with pytest.raises(CheckpointError):
        load_plain(pickled)


def test_truncated_file(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save({'x': torch.zeros(10000)}, path)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(CheckpointError, match=r'epoch_1.pth \(20000 bytes\).*truncated'):
        load_plain(path)


def test_missing_file_names_its_neighbours(tmp_path):
    torch.save({}, tmp_path / 'epoch_3.pth')
    with pytest.raises(FileNotFoundError, match='epoch_4.pth does not exist.*epoch_3.pth'):
        load_plain(tmp_path / 'epoch_4.pth')


def test_compare_state():
    ours = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = {f'module.{k}': v for k, v in ours.state_dict().items() if 'num_batches' not in k}
    assert compare_state(ours, state) == ([], [], {}, 6)
    state['module.0.weight'] = torch.zeros(4, 2)
    state['extra'] = state.pop('module.0.bias')
    found = compare_state(ours, state)
    assert found == (['0.bias'], ['extra'], {'0.weight': ((4, 2), (3, 2))}, 4)


def test_latest_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    for epoch in (1, 2, 3):
        torch.save({'x': torch.zeros(100)}, tmp_path / f'epoch_{epoch}.pth')
        os.utime(tmp_path / f'epoch_{epoch}.pth', (epoch, epoch))
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/before/the/move/epoch_2.pth')
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')  # the folder was moved
    (tmp_path / 'last_checkpoint').write_text('')
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_3.pth')  # no pointer: the newest
    (tmp_path / 'epoch_3.pth').write_bytes((tmp_path / 'epoch_3.pth').read_bytes()[:100])
    os.utime(tmp_path / 'epoch_3.pth', (3, 3))
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_2.pth')  # half a file is passed over
