"""Every file of ours loads with weights_only=True."""

import pickle
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import HistoryBuffer

from tests.engine.runs import last_checkpoint, train
from wsod_mm.engine.hooks import PlainCheckpointHook
from wsod_mm.utils.plain import PlainValueError


def test_stock_files_need_pickle_and_ours_do_not(tmp_path):
    train(tmp_path / 'stock', **{'default_hooks.plain_checkpoint': dict(_delete_=True, type='IterTimerHook')})
    with pytest.raises(pickle.UnpicklingError):
        last_checkpoint(tmp_path / 'stock')
    train(tmp_path / 'ours', **{'optim_wrapper.clip_grad': dict(max_norm=1.0)})
    for path in (tmp_path / 'ours').glob('*.pth'):
        torch.load(path, weights_only=True)


def test_the_log_goes_on_after_resuming(tmp_path):
    train(tmp_path, **{'train_cfg.max_epochs': 1})
    train(tmp_path, resume='auto')
    checkpoint = last_checkpoint(tmp_path)
    PlainCheckpointHook().after_load_checkpoint(None, checkpoint)
    loss = checkpoint['message_hub']['log_scalars']['train/loss']
    assert isinstance(loss, HistoryBuffer)
    assert len(loss.data[0]) == 33


def test_foreign_run_time_information_is_left_out_with_a_warning():
    warnings = []
    runner = SimpleNamespace(logger=SimpleNamespace(warning=warnings.append))
    hub = dict(log_scalars={'loss': HistoryBuffer([1.0], [1])}, runtime_info={'epoch': 3, 'handle': object()})
    checkpoint = dict(state_dict={'w': torch.ones(1)}, message_hub=hub)
    PlainCheckpointHook().before_save_checkpoint(runner, checkpoint)
    assert checkpoint['message_hub']['runtime_info'] == {'epoch': 3}
    assert 'message_hub.runtime_info.handle is a builtins.object' in warnings[0]
    with pytest.raises(PlainValueError, match='optimizer.state'):
        PlainCheckpointHook().before_save_checkpoint(runner, dict(optimizer={'state': {0: object()}}))
