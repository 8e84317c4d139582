"""Two processes: they score half the images each, select as one does, and stay equal."""

import json
import shutil
import traceback
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from tests.active.scoring_case import LIMIT
from tests.distributed.dist_runs import free_port
from tests.engine.runs import assert_identical
from wsod_mm.engine.runners import ActiveLearningRunner

from .experiment import outcome, run, state, toy_config


def _work(rank, port, queue, config, work_dir, resume):
    with pytest.MonkeyPatch.context() as patch:
        environment = dict(WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=port, CUDA_VISIBLE_DEVICES='')
        for name, value in {**environment, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}.items():
            patch.setenv(name, value)
        torch.set_num_threads(1)
        trained = {}
        release = ActiveLearningRunner._release

        def keep(runner):
            if runner._runner is not None:
                trained[runner.state.cycle] = runner._model(runner.state.cycle).state_dict()
            release(runner)

        patch.setattr(ActiveLearningRunner, '_release', keep)
        try:
            runner = run(config, work_dir, resume, 'pytorch')
            weights = {name: value.numpy() for name, value in trained[runner.state.cycle].items()}
            queue.put((rank, (runner.state.phase, weights)))
        except Exception as error:
            traceback.print_exc()
            queue.put((rank, (type(error).__name__, str(error))))


def two_processes(config, work_dir, resume=None):
    """Results of both ranks."""
    context = get_context('fork')
    queue, port = context.Queue(), free_port()
    jobs = [context.Process(target=_work, args=(r, port, queue, config, work_dir, resume)) for r in (0, 1)]
    for job in jobs:
        job.start()
    try:
        results = dict(queue.get(timeout=LIMIT) for _ in jobs)
        for job in jobs:
            job.join(LIMIT)
    finally:
        for job in jobs:
            job.kill()
    return [results[rank] for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize('strategy', ['MIAOD', 'CoreSet'])
def test_same_selection_and_equal_ranks(devkit, tmp_path, strategy):
    """One process trains cycle 0; then one and two go on from there."""
    options = dict(strategy=dict(type=f'{strategy}Strategy'))
    one, two = tmp_path / 'one', tmp_path / 'two'
    run(toy_config(devkit, **options), one)
    two.mkdir()
    shutil.copytree(one / 'cycle0', two / 'cycle0')
    for name in ('uncertainty_0.npy', 'selected_0.txt'):
        (two / 'cycle0' / name).unlink()
    for name in ('X_L_0.npy', 'X_U_0.npy'):
        shutil.copy(one / name, two)
    found = state(one)
    first = dict(cycle=0, phase='score', cycles=found['cycles'][:1])
    first['sets'] = {name: digest for name, digest in found['sets'].items() if '_0' in name}
    (two / 'al_state.json').write_text(json.dumps(found | first))
    results = two_processes(toy_config(devkit, **options), two, 'auto')
    assert [phase for phase, _ in results] == ['done', 'done'], results
    ours, theirs = outcome(two), outcome(one)
    same = [key for key in theirs if key not in ('summary', 'cycle1/metrics.json', 'cycle0/metrics.json')]
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    weights = [{name: torch.from_numpy(np.array(value)) for name, value in values.items()} for _, values in results]
    assert_identical(*weights)


def test_first_cycle_and_refusal_in_two_processes(devkit, tmp_path):
    """Rank 1 may look for the state when rank 0 has already written it."""
    work = tmp_path / 'work'
    results = two_processes(toy_config(devkit, cycles=1), work)
    assert [phase for phase, _ in results] == ['done', 'done'], results
    before = outcome(work)
    for kind, text in two_processes(toy_config(devkit, cycles=1), work):
        assert kind == 'UsageError' and 'go on with it with --resume' in text
    assert outcome(work) == before
    for kind, text in two_processes(toy_config(devkit, initial_size=13), tmp_path / 'large'):
        assert kind == 'UsageError' and 'the pool has 12 images' in text
