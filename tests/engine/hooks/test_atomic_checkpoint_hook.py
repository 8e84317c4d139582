"""At every moment there is a checkpoint that ``last_checkpoint`` points at."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook
from mmengine.logging import MessageHub

from wsod_mm.engine.hooks import AtomicCheckpointHook


class Killed(BaseException):
    pass


class FakeRunner:
    """Writes empty checkpoints; ``die`` stops it at the next one."""

    def __init__(self, folder):
        self.work_dir = str(folder)
        self.message_hub = MessageHub(f'{folder}')
        self.logger = SimpleNamespace(info=lambda text: None, warning=lambda text: None)
        self.epoch = self.iter = 0
        self.die = False
        self.called = []

    def call_hook(self, name, **kwargs):
        self.called.append(name)

    def save_checkpoint(self, out_dir, filename, *args, **kwargs):
        if self.die:
            raise Killed
        (Path(out_dir) / filename).write_text('x')


def run(kind, folder, **options):
    runner, hook = FakeRunner(folder), kind(interval=1, max_keep_ckpts=1, **options)
    hook.before_train(runner)
    hook._save_checkpoint(runner)
    runner.epoch = 1
    return runner, hook


@pytest.mark.parametrize(('kind', 'left'), [(AtomicCheckpointHook, 1), (CheckpointHook, 0)])
def test_killed_while_saving(kind, left, tmp_path):
    """The stock hook has deleted its only checkpoint by then."""
    runner, hook = run(kind, tmp_path)
    runner.die = True
    with pytest.raises(Killed):
        hook._save_checkpoint(runner)
    assert len(list(tmp_path.glob('*.pth'))) == left
    assert Path((tmp_path / 'last_checkpoint').read_text()).exists() == bool(left)


def test_old_ones_go_after_the_new_one_is_written(tmp_path):
    runner, hook = run(AtomicCheckpointHook, tmp_path)
    hook._save_checkpoint(runner)
    assert [p.name for p in tmp_path.glob('*.pth')] == ['epoch_2.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_2.pth')
    assert runner.called == ['before_gather_checkpoint'] * 2
    assert runner.message_hub.get_info('keep_ckpt_ids') == [2]


def test_killed_while_saving_the_best(tmp_path):
    runner, hook = run(AtomicCheckpointHook, tmp_path, save_best='mAP')
    hook.after_val_epoch(runner, {'mAP': 1.0})
    runner.epoch, runner.die = 2, True
    with pytest.raises(Killed):
        hook.after_val_epoch(runner, {'mAP': 2.0})
    assert [p.name for p in tmp_path.glob('best*')] == ['best_mAP_epoch_1.pth']


def test_the_previous_best_goes(tmp_path):
    runner, hook = run(AtomicCheckpointHook, tmp_path, save_best='mAP')
    for epoch, value, best in ((1, 1.0, 1), (2, 2.0, 2), (3, 0.5, 2)):
        runner.epoch = epoch
        hook.after_val_epoch(runner, {'mAP': value})
        assert [p.name for p in tmp_path.glob('best*')] == [f'best_mAP_epoch_{best}.pth']
