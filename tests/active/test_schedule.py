"""Stages of a cycle."""

import pytest
import torch
from mmengine.optim import LinearLR, MultiStepLR

from wsod_mm.active.schedule import Stage, cycle_stages, locate, num_epochs, stage_warmups


def names(stages):
    return [(stage.name, stage.epochs) for stage in stages]


def test_released_setting_and_options():
    label, low, high = ('label', 3), ('min', 1), ('max', 1)
    assert names(cycle_stages()) == [label, low, high, label, low, high, label]
    assert num_epochs(cycle_stages()) == 13
    assert names(cycle_stages(order='max_min')) == [label, high, low, label, high, low, label]
    assert names(cycle_stages(1, (5, 2))) == [('label', 5), ('min', 2), ('max', 2), ('label', 5)]
    assert names(cycle_stages(2, [3, 0])) == [label] * 3  # stages of their own: momentum begins anew
    assert names(cycle_stages(0)) == [label]


@pytest.mark.parametrize(
    'arguments', [(2, (3, 1), 'min'), (-1,), (2, (0, 1)), (2, (3, -1)), (2, (3,)), (2, (3, 1, 1)), (2, (3, 0.5))]
)
def test_stages_that_cannot_be(arguments):
    with pytest.raises(ValueError, match='order must be|epoch_ratio'):
        cycle_stages(*arguments)


def test_locate():
    stages = cycle_stages()
    found = [locate(stages, epoch) for epoch in range(13)]
    assert [p.stage for p in found] == ['label'] * 3 + (['min', 'max'] + ['label'] * 3) * 2
    assert [p.index for p in found] == [0, 0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6]
    assert [p.epoch for p in found] == [0, 1, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1, 2]
    assert all(p.begin + p.epoch == epoch and p.epochs == stages[p.index].epochs for epoch, p in enumerate(found))
    for epoch in (-1, 13):
        with pytest.raises(ValueError, match='epochs 0..12'):
            locate(stages, epoch)


def rates(stages, epoch_length, milestone, **warmup):
    """Learning rate of each iteration, as MMEngine's schedulers make it."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    by_iter = [
        LinearLR(optimizer, **{k: v for k, v in entry.items() if k != 'type'})
        for entry in stage_warmups(stages, epoch_length, **warmup)
    ]
    by_epoch = MultiStepLR(optimizer, milestones=[milestone])
    optimizer.step()
    result = []
    for _ in range(num_epochs(stages)):
        for _ in range(epoch_length):
            result.append(optimizer.param_groups[0]['lr'])
            for scheduler in by_iter:
                scheduler.step()
        by_epoch.step()
    return result


@pytest.mark.parametrize('iters', [1, 4, 7])
def test_warmup_of_every_stage(iters):
    """Each stage of n iterations has MMCV's linear warm-up; where it is too short, one of n iterations."""
    stages, length, start = [Stage('label', 2), Stage('min', 1), Stage('max', 1), Stage('label', 3)], 5, 0.1
    expected = []
    for stage in stages:
        n = stage.epochs * length
        warm = min(iters, n)
        expected += [start + (1 - start) * min(i / warm, 1) for i in range(n)]
    expected[-length:] = [0.1 * value for value in expected[-length:]]
    assert rates(stages, length, 6, iters=iters, start_factor=start) == pytest.approx(expected)


def test_warmup_entries():
    entries = stage_warmups(cycle_stages(), 1000)
    assert [entry['begin'] for entry in entries] == [0, 3000, 4000, 5000, 8000, 9000, 10000]
    assert all(entry['end'] - entry['begin'] == 501 and entry['start_factor'] == 0.001 for entry in entries)
    assert stage_warmups(cycle_stages(), 1000, iters=0) == []
    for wrong in (dict(epoch_length=0), dict(iters=-1), dict(start_factor=0.0), dict(start_factor=1.5)):
        with pytest.raises(ValueError, match='epoch_length'):
            stage_warmups(cycle_stages(), **{'epoch_length': 10, **wrong})
