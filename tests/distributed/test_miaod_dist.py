"""MI-AOD's loop in two processes: what is frozen changes from stage to stage, and the ranks stay equal."""

import pytest
import torch

from tests.distributed.dist_runs import free_port
from tests.engine.loops.toy import CONFIG, TRACE, read_trace
from tests.engine.runs import assert_identical, start
from wsod_mm.active.schedule import cycle_stages, locate

STAGES = cycle_stages(1, (2, 1))  # label (2 epochs), min, max, label (2)
OPTIONS = {
    'train_cfg.epoch': 1,
    'train_cfg.epoch_ratio': [2, 1],
    'train_dataloader.batch_size': 1,
    'train_cfg.unlabeled_dataloader.batch_size': 1,
    'train_cfg.unlabeled_dataloader.dataset.blank': 2,
}


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    """Folder and traces of two gloo processes, forks of this one; rank r works in ``rank<r>``."""
    folder = tmp_path_factory.mktemp('two')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACE, str(folder / 'trace'))
        patch.setenv('CUDA_VISIBLE_DEVICES', '')
        for name, value in dict(WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port()).items():
            patch.setenv(name, value)
        processes = []
        for rank in ('0', '1'):
            patch.setenv('RANK', rank)
            patch.setenv('LOCAL_RANK', rank)
            work_dir = folder / f'rank{rank}'
            processes.append(start(work_dir, config=CONFIG, switches=dict(launcher='pytorch'), **OPTIONS))
        try:
            for rank, process in enumerate(processes):
                process.join(120)
                assert process.exitcode == 0, (folder / f'rank{rank}' / 'stdout.txt').read_text()[-3000:]
        finally:
            for process in processes:
                process.kill()  # one whose peer has failed waits for it
    return folder, [read_trace(folder / 'trace', rank) for rank in (0, 1)]


def test_ranks_are_equal_after_each_epoch(ranks):
    before = None
    for epoch in range(6):
        name = f'_{epoch + 1}.pth'
        first, second = (torch.load(next(ranks[0].glob(f'*/weights{r}{name}')), weights_only=True) for r in (0, 1))
        assert_identical(first, second)
        if before:
            stage = locate(STAGES, epoch).stage
            assert torch.equal(before['bbox_head.f_1_retina.weight'], first['bbox_head.f_1_retina.weight']) == (
                stage == 'min'
            )
            assert torch.equal(before['backbone.0.weight'], first['backbone.0.weight']) == (stage == 'max')
        before = first


def test_data_differ_and_the_gate_is_each_ranks_own(ranks):
    """A hard image switches the image loss off on its own rank, whose graph stays that of the other."""
    batches = [[line for line in lines if line['kind'] in 'LU'] for lines in ranks[1]]
    kinds = [''.join(line['kind'] for line in lines) for lines in batches]
    assert kinds == ['LLL' * 2 + 'LULULU' * 2 + 'LLL' * 2] * 2
    low = [[b for b in lines if b['kind'] == 'U' and b['stage'] == 'min'] for lines in batches]
    gates = [[batch['imgcls'] > 0 for batch in lines] for lines in low]
    assert any(a != b for a, b in zip(*gates, strict=True)), gates
    for lines in low:
        assert [batch['imgcls'] > 0 for batch in lines] == [batch['ids'][0] < 2 for batch in lines]
    # a pass of both ranks is one pass over all images
    assert sorted(batch['ids'][0] for lines in low for batch in lines[:2]) == [0, 1, 2, 3]


def test_wrapped_anew_where_the_trained_parts_change(ranks):
    for lines in ranks[1]:
        epochs = [line for line in lines if line['kind'] == 'epoch']
        assert [line['wrappers'] for line in epochs] == [1] * 6  # that before is gone, and its hooks with it
        assert [line['wrapped'] for line in epochs] == [1, 1, 2, 3, 4, 4]
