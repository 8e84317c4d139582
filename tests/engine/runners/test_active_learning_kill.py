"""An experiment that is killed again and again ends as if nothing had happened."""

import random

import pytest

from tests.engine.runs import assert_identical

from .experiment import outcome, run, run_and_kill, state, toy_config, weights

LOOP = 'wsod_mm.engine.loops.miaod_train_loop:MIAODTrainLoop.run_pair'
RUNNER = 'wsod_mm.engine.runners.active_learning_runner'


def in_stage(stage, cycle, first=1):
    """From this call on, in a stage of a cycle."""

    def when(number, loop, idx, labeled, unlabeled):
        return loop.locate(loop.epoch).stage == stage and f'cycle{cycle}' in loop.runner.work_dir and idx >= first

    return when


# in the order in which an experiment comes to them; each once for itself would have to run it from the start
MOMENTS = [
    (LOOP, in_stage('label', 0), False),
    (LOOP, in_stage('min', 0), False),
    (LOOP, in_stage('max', 0), True),
    ('mmengine.runner:ValLoop.run', None, False),  # the last checkpoint of the cycle is there, its numbers are not
    (f'{RUNNER}:write_json', None, True),  # metrics.json is there, the state does not know
    ('wsod_mm.active.strategies:MIAODStrategy.score', lambda number, *_: number == 4, True),  # half of the images
    (f'{RUNNER}:write_uncertainty', None, True),
    (f'{RUNNER}:write_selected', None, False),
    (f'{RUNNER}:write_split', None, True),  # the sets of the next cycle are there, the state does not know
    ('wsod_mm.active.state:ExperimentState.save', lambda number, now, path: now.cycle == 1, True),
    (LOOP, in_stage('min', 1), True),
    (LOOP, in_stage('label', 1), False),
    ('wsod_mm.active.state:ExperimentState.save', lambda number, now, path: now.phase == 'done', False),
]


@pytest.mark.slow
def test_killed_at_all_points(devkit, finished, tmp_path):
    work = tmp_path / 'work'
    config = toy_config(devkit)
    for target, when, after in MOMENTS:
        assert run_and_kill(config, work, target, when, after), f'{target} was not reached'
    assert not run_and_kill(config, work)
    _assert_as_uninterrupted(work, finished)


@pytest.mark.slow
def test_killed_at_random_writes(devkit, finished, tmp_path):
    """Before or after a file gets its name, wherever that is."""
    work, rng, kills = tmp_path / 'work', random.Random(5), 0
    config = toy_config(devkit)
    while kills < 8:
        at, after = rng.randint(2, 9), rng.random() < 0.5
        if not run_and_kill(config, work, 'os:replace', lambda number, *_, at=at, **__: number == at, after):
            break
        kills += 1
    assert kills >= 4
    assert not run_and_kill(config, work)
    _assert_as_uninterrupted(work, finished)


def test_scores_are_not_computed_twice(devkit, finished, tmp_path):
    """``flush_every`` is 2: of five scored images four are on disk."""
    work = tmp_path / 'work'
    config = toy_config(devkit)
    score = 'wsod_mm.active.strategies:MIAODStrategy.score'
    assert run_and_kill(config, work, score, lambda number, *_: number == 5, after=True)
    assert state(work)['phase'] == 'score' and (work / 'cycle0/partial_scores').is_dir()
    # eight candidates, four are left: the fourth of them is the last
    assert run_and_kill(config, work, score, lambda number, *_: number == 4, after=True)
    assert not run_and_kill(config, work, score, lambda number, *_: number == 3)
    assert not (work / 'cycle0/partial_scores').exists()
    assert outcome(work) == outcome(finished.folder)


def test_finished_training_is_not_repeated(devkit, finished, tmp_path):
    work = tmp_path / 'work'
    config = toy_config(devkit, cycles=1)
    assert run_and_kill(config, work, f'{RUNNER}:link_latest')
    assert state(work)['phase'] == 'train'
    assert not run_and_kill(config, work, LOOP)  # no step is made
    assert run(toy_config(devkit), work, 'auto').state.phase == 'done'
    _assert_as_uninterrupted(work, finished)


def _assert_as_uninterrupted(work, finished):
    assert outcome(work) == outcome(finished.folder)
    for cycle in (0, 1):
        assert_identical(weights(work, cycle), weights(finished.folder, cycle))
    assert state(work) == state(finished.folder)
