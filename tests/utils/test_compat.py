"""One test per mend; where that is cheap, also that it is still needed."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed
from mmengine.config import ConfigDict
from mmengine.dist import utils as dist_utils
from mmengine.fileio import get_file_backend
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner.checkpoint import _load_checkpoint, save_checkpoint

import wsod_mm  # noqa: F401
from tests.distributed.dist_runs import environment, free_port
from wsod_mm.utils import compat
from wsod_mm.utils.checkpoint_io import CheckpointError

cpu_only = pytest.mark.skipif(compat.has_accelerator(), reason='about machines without a GPU')


def test_import_is_enough_and_twice_is_harmless():
    init = dist_utils._init_dist_pytorch
    compat.apply()
    assert dist_utils._init_dist_pytorch is init
    assert not hasattr(init.__wrapped__, '__wrapped__')


def test_plain_loader_is_mmengines_loader(tmp_path):
    torch.save({'x': torch.ones(2)}, tmp_path / 'good.pth')
    assert _load_checkpoint(str(tmp_path / 'good.pth'))['x'].sum() == 2
    torch.save({'x': HistoryBuffer([1.0], [1])}, tmp_path / 'bad.pth')
    with pytest.raises(CheckpointError, match='WSOD_MM_UNSAFE_CHECKPOINT'):
        _load_checkpoint(str(tmp_path / 'bad.pth'), map_location='cpu')


def test_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = str(tmp_path / 'epoch_1.pth')
    save_checkpoint({'x': torch.ones(3)}, path)

    def half(self, data):
        with open(self, 'wb') as handle:
            handle.write(data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, 'write_bytes', half)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint({'x': torch.zeros(3)}, path)
    assert torch.load(path, weights_only=True)['x'].sum() == 3
    assert os.listdir(tmp_path) == ['epoch_1.pth']


def test_text_files_and_cached_backends(tmp_path):
    backend = get_file_backend(str(tmp_path), enable_singleton=True)
    assert isinstance(backend, compat.AtomicLocalBackend)
    backend.put_text('größer', tmp_path / 'folder' / 'x.txt')
    assert (tmp_path / 'folder' / 'x.txt').read_text(encoding='utf-8') == 'größer'


class Tiny(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.layer(inputs)


@cpu_only
def test_process_group_and_model_wrapper_on_the_cpu(monkeypatch):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    for key, value in dict(RANK=0, WORLD_SIZE=1, LOCAL_RANK=0, MASTER_ADDR='127.0.0.1', MASTER_PORT=port).items():
        monkeypatch.setenv(key, str(value))
    with pytest.raises((AttributeError, RuntimeError, AssertionError)):  # what stock MMEngine does
        dist_utils._init_dist_pytorch.__wrapped__('nccl')
    dist_utils.init_dist('pytorch', backend='nccl', init_backend='torch')
    try:
        assert torch.distributed.get_backend() == 'gloo'
        with pytest.raises(ValueError, match='device_ids'):
            MMDistributedDataParallel.__init__.__wrapped__(
                MMDistributedDataParallel.__new__(MMDistributedDataParallel), module=Tiny(), device_ids=[0]
            )
        model = MMDistributedDataParallel(module=Tiny(), device_ids=[0], broadcast_buffers=False)
        assert model(torch.ones(3, 2)).shape == (3, 1)
    finally:
        torch.distributed.destroy_process_group()


def test_ssd_heads_predict():
    from mmdet.models.dense_heads import SSDHead

    from tests.models.miaod import SIZE, sample, ssd_head
    from wsod_mm import models  # noqa: F401  (the mend runs at its import)

    config = ssd_head()
    del config['type']
    features = [torch.zeros(1, 8, 4, 6), torch.zeros(1, 8, 2, 3)]
    head = SSDHead(**ConfigDict(config)).eval()
    assert head.predict(features, [sample(size=SIZE)])[0].scores.numel() > 0
    compat.predict_with_ssd()
    assert not hasattr(SSDHead.__init__.__wrapped__, '__wrapped__')

    class OwnLoss(SSDHead):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.loss_cls = torch.nn.Identity()

    assert isinstance(OwnLoss(**ConfigDict(config)).loss_cls, torch.nn.Identity)
    del head.loss_cls  # as MMDetection leaves it
    with pytest.raises(AttributeError, match='loss_cls'):
        head.predict(features, [sample(size=SIZE)])


def test_process_group_is_closed_at_exit():
    # functions run in reverse order at exit: this one, registered first, sees what the others left behind
    code = (
        'import atexit, torch.distributed as group\n'
        'atexit.register(lambda: print("open" if group.is_initialized() else "closed"))\n'
        'import wsod_mm\nfrom mmengine.dist import init_dist\n'
        'init_dist("pytorch", backend="nccl", init_backend="torch")\nassert group.is_initialized()\n'
    )
    job = dict(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1', MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port())
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment(**job), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.split()[-1] == 'closed', done.stdout + done.stderr
