"""The state of an experiment."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from wsod_mm.active.results import read_experiment
from wsod_mm.active.state import PHASES, ExperimentState, config_hash, file_hash


def make(**changes):
    entry = dict(cycle=0, n_labeled=4, n_unlabeled=4, metrics={'pascal_voc/mAP': 0.5}, checkpoint='cycle0/epoch_4.pth')
    options = dict(seed=666, n_images=12, strategy='MIAODStrategy', config='abc', cycles=[entry], metric=None)
    return ExperimentState(**options | changes)


@pytest.mark.parametrize('phase', PHASES)
def test_round_trip(tmp_path, phase):
    state = make(phase=phase, cycle=3, sets={'X_L_0.npy': 'a'}, metric='mAP')
    state.save(tmp_path / 'al_state.json')
    assert ExperimentState.load(tmp_path / 'al_state.json') == state
    assert [path.name for path in tmp_path.iterdir()] == ['al_state.json']


def test_read_by_the_report(tmp_path):
    make(phase='score', metric='pascal_voc/mAP').save(tmp_path / 'al_state.json')
    found = read_experiment(tmp_path)
    assert (found.label, found.seed, found.n_images, found.phase) == ('MIAOD', 666, 12, 'score')
    assert [(result.n_labeled, result.mAP) for result in found.cycles] == [(4, 50.0)]


def test_damaged(tmp_path):
    path = tmp_path / 'al_state.json'
    make().save(path)
    data = json.loads(path.read_text())
    for text in (path.read_text()[:40], '', '[1]', '7', json.dumps({k: v for k, v in data.items() if k != 'sets'})):
        path.write_text(text)
        with pytest.raises(ValueError, match='al_state.json is damaged .*; restore it'):
            ExperimentState.load(path)
    path.write_text(json.dumps(data | {'version': 2}))
    with pytest.raises(ValueError, match='has version 2, this wsod_mm reads 1'):
        ExperimentState.load(path)
    path.write_text(json.dumps(data | {'phase': 'eat'}))
    with pytest.raises(ValueError, match="unknown phase 'eat'"):
        ExperimentState.load(path)
    with pytest.raises(FileNotFoundError):
        ExperimentState.load(tmp_path / 'gone.json')


def test_changed_sets(tmp_path):
    names = ['X_L_0.npy', 'X_U_0.npy']
    for name in names:
        np.save(tmp_path / name, np.arange(3))
    state = make(sets={name: file_hash(tmp_path / name) for name in names})
    state.check_sets(tmp_path)
    np.save(tmp_path / names[0], np.arange(4))
    with pytest.raises(ValueError, match='X_L_0.npy changed since'):
        state.check_sets(tmp_path)
    (tmp_path / names[1]).unlink()
    with pytest.raises(ValueError, match='X_L_0.npy, X_U_0.npy changed since'):
        state.check_sets(tmp_path)


def test_hash_of_a_config():
    def digest(**changes):
        config = Config(
            dict(
                model=dict(type='A', sizes=(1, 2)),
                active_learning=dict(budget=3, cycles=2),
                randomness=dict(seed=1),
            )
        )
        config.merge_from_dict(changes)
        return config_hash(config)

    assert len(digest()) == 16 and digest() == digest()
    for key in ('work_dir', 'resume', 'launcher', 'log_level', 'active_learning.cycles', 'active_learning.flush_every'):
        assert digest(**{key: 'other'}) == digest(), key
    for key in ('model.type', 'active_learning.budget', 'randomness.seed', 'load_from', 'active_learning.pool'):
        assert digest(**{key: 'other'}) != digest(), key
    # a config that was read and one that was dumped and read again
    assert digest(**{'model.sizes': [1, 2]}) == digest()
