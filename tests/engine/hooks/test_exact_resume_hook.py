"""kill -9 inside an epoch, then --resume: bit-identical weights."""

import random

import pytest
import torch

from tests.engine.runs import assert_identical, last_checkpoint, train, train_and_kill
from wsod_mm.engine.hooks.exact_resume_hook import _ResumedBatches

SLOW = {'model.slow': 0.01}
ITERATIONS = {
    'train_cfg': dict(_delete_=True, type='IterBasedTrainLoop', max_iters=33, val_interval=10),
    'train_dataloader.sampler.type': 'InfiniteSampler',
    'default_hooks.checkpoint': dict(by_epoch=False, interval=5),
    'log_processor.by_epoch': False,
}
CASES = {
    'workers 0': {},
    'workers 2': {'train_dataloader.num_workers': 2},
    'persistent workers': {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True},
    # 11 batches per epoch: each odd epoch ends with a gradient that waits for its partner
    'pending gradients': {'optim_wrapper.accumulative_counts': 2, 'optim_wrapper.accumulation': 'sum'},
    'checkpoints inside the epoch': {
        'default_hooks.checkpoint': dict(by_epoch=False, interval=4),
        'train_dataloader.num_workers': 2,
    },
    'iterations': ITERATIONS,
    'iterations, workers 2': {**ITERATIONS, 'train_dataloader.num_workers': 2},
    'iterations, finite sampler': {**ITERATIONS, 'train_dataloader.sampler.type': 'DefaultSampler'},
}


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    """Final checkpoints of uninterrupted runs, one per case, made when first asked for."""
    made = {}

    def get(case):
        if case not in made:
            work_dir = tmp_path_factory.mktemp('whole')
            train(work_dir, **CASES[case])
            made[case] = last_checkpoint(work_dir)
        return made[case]

    return get


@pytest.mark.parametrize('case', CASES)
def test_resumed_run_ends_with_identical_weights(case, uninterrupted, tmp_path):
    whole = uninterrupted(case)
    steps = random.Random(case).randrange(13, 31)  # somewhere in the second or third of three epochs of 11 steps
    done = train_and_kill(tmp_path, steps, **CASES[case], **SLOW)
    assert done < 33
    train(tmp_path, resume='auto', **CASES[case])
    resumed = last_checkpoint(tmp_path)
    # the second process must not have repeated everything
    assert (tmp_path / 'progress').stat().st_size - done < 33 - 8
    assert resumed['meta']['iter'] == whole['meta']['iter'] == 33
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_identical(resumed[part], whole[part], part)


def test_kill_before_the_first_checkpoint(uninterrupted, tmp_path):
    train_and_kill(tmp_path, 5, **SLOW)
    train(tmp_path, resume='auto')
    assert_identical(last_checkpoint(tmp_path)['state_dict'], uninterrupted('workers 0')['state_dict'])


def test_weights_do_not_depend_on_workers(uninterrupted):
    weights = [uninterrupted(case)['state_dict'] for case in ('workers 0', 'workers 2', 'persistent workers')]
    assert_identical(weights[0], weights[1])
    assert_identical(weights[0], weights[2])


def test_same_command_twice_and_another_seed(uninterrupted, tmp_path):
    first = uninterrupted('workers 0')['state_dict']
    train(tmp_path / 'again')
    assert_identical(first, last_checkpoint(tmp_path / 'again')['state_dict'])
    train(tmp_path / 'other', **{'randomness.seed': 1})
    other = last_checkpoint(tmp_path / 'other')['state_dict']
    assert not torch.equal(first['head.weight'], other['head.weight'])


def test_resume_without_a_configured_seed(tmp_path):
    options = {'randomness.seed': None}
    train(tmp_path, **options)
    whole = last_checkpoint(tmp_path)
    # take the run back to its second epoch: the seed is known from the checkpoint alone
    (tmp_path / 'epoch_3.pth').unlink()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    train(tmp_path, resume='auto', **options)
    assert_identical(last_checkpoint(tmp_path)['state_dict'], whole['state_dict'])


def test_without_the_hook_a_resumed_run_differs(tmp_path):
    """The cases above would notice: without seeding by position the toy run is not repeatable."""
    off = {'default_hooks.exact_resume': dict(_delete_=True, type='IterTimerHook')}
    train(tmp_path / 'whole', **off)
    train_and_kill(tmp_path / 'killed', 17, **off, **SLOW)
    train(tmp_path / 'killed', resume='auto', **off)
    whole, resumed = (last_checkpoint(tmp_path / name)['state_dict'] for name in ('whole', 'killed'))
    assert not torch.equal(whole['head.weight'], resumed['head.weight'])


def test_past_batches_are_not_loaded_by_either_way_of_skipping():
    one_by_one, at_once = _ResumedBatches(range(2), 3), _ResumedBatches(range(2), 3)
    assert [next(one_by_one) for _ in range(3)] == [None] * 3  # MMEngine
    at_once.skip_iter(3)  # its onedl fork
    assert list(one_by_one) == list(at_once) == [0, 1]
