"""Experiments are read from what the runner leaves, whole or not."""

import json

import numpy as np
import pytest

from tests.active.experiment_case import write_experiment
from wsod_mm.active.results import (
    CurvePoint,
    learning_curves,
    main_metric,
    read_experiment,
    write_summary,
)


def test_finished_experiment(tmp_path):
    experiment = read_experiment(write_experiment(tmp_path / 'a', 'MIAODStrategy', 3, finished=5))
    assert (experiment.label, experiment.name, experiment.seed) == ('MIAOD', 'MIAOD, seed 3', 3)
    assert (experiment.n_images, experiment.cycle, experiment.phase) == (60, 4, 'done')
    assert [result.n_labeled for result in experiment.cycles] == [6, 12, 18, 24, 30]
    assert [result.percent for result in experiment.cycles] == [10, 20, 30, 40, 50]
    for result in experiment.cycles:
        assert result.mAP == 100 * result.metrics['pascal_voc/mAP'] and 40 < result.mAP < 80
        assert set(result.metrics) == {'pascal_voc/mAP', 'pascal_voc/AP50'}  # no NaN, no list
    assert {cycle: len(ids) for cycle, ids in experiment.labeled_ids().items()} == {c: 6 * c + 6 for c in range(5)}
    names = experiment.selected_names()
    assert list(names) == [0, 1, 2, 3, 4] and all(len(part) == 6 for part in names.values())
    scores = experiment.scores(0)
    first = int(names[0][0][-6:])
    assert scores.shape == (60,) and scores[first] == np.nanmax(scores)
    assert experiment.scores(7) is None


def test_unfinished_experiments(tmp_path):
    running = read_experiment(write_experiment(tmp_path / 'a', 'RandomStrategy', 0, finished=2))
    assert (running.cycle, running.phase, len(running.cycles)) == (2, 'train', 2)
    assert list(running.labeled_ids()) == [0, 1, 2] and list(running.selected_names()) == [0, 1]
    begun = read_experiment(write_experiment(tmp_path / 'b', {'type': 'wsod_mm.CoreSetStrategy'}, 0, finished=0))
    assert (begun.label, begun.cycles, begun.selected_names()) == ('CoreSet', (), {})


def test_ten_cycles_are_in_order(tmp_path):
    for cycle in (10, 9, 2, 0):
        np.save(tmp_path / f'X_L_{cycle}.npy', np.arange(cycle + 1))
    (tmp_path / 'al_state.json').write_text('{}')
    assert list(read_experiment(tmp_path).labeled_ids()) == [0, 2, 9, 10]


def test_summary_alone(tmp_path):
    folder = write_experiment(tmp_path / 'a', 'MIAODStrategy', 0, finished=3)
    before = read_experiment(folder)
    write_summary(before.cycles, folder / 'summary.csv')
    assert (folder / 'summary.csv').read_text().splitlines()[:2] == [
        'cycle,n_labeled,percent,mAP',
        f'0,6,10.00,{before.cycles[0].mAP:.2f}',
    ]
    (folder / 'al_state.json').unlink()
    after = read_experiment(folder, label='ours')
    assert (after.label, after.seed, after.phase) == ('ours', None, None)
    assert [(r.cycle, r.n_labeled, r.percent) for r in after.cycles] == [(0, 6, 10.0), (1, 12, 20.0), (2, 18, 30.0)]
    np.testing.assert_allclose([r.mAP for r in after.cycles], [r.mAP for r in before.cycles], atol=0.005)


def test_empty_cells_of_a_summary(tmp_path):
    (tmp_path / 'summary.csv').write_text('cycle,n_labeled,percent,mAP\n0,6,,\n')
    (result,) = read_experiment(tmp_path).cycles
    assert (result.percent, result.mAP) == (None, None)
    write_summary([result], tmp_path / 'summary.csv')
    assert (tmp_path / 'summary.csv').read_text().splitlines()[1] == '0,6,,'


def test_metric_can_be_chosen(tmp_path):
    folder = write_experiment(tmp_path / 'a', 'MIAODStrategy', 0, finished=1)
    usual, chosen = (read_experiment(folder, metric=m).cycles[0].mAP for m in (None, 'pascal_voc/AP50'))
    assert chosen == pytest.approx(usual + 1)
    assert read_experiment(folder, metric='nothing').cycles[0].mAP is None
    assert main_metric({'voc/mAP_11pt': 47.18}) == 47.18
    assert main_metric({'coco/bbox_mAP': 0.073}) == pytest.approx(7.3)
    assert main_metric({'mAP': 50.0, 'pascal_voc/mAP': 0.4}) == 50.0


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('al_state.json', '{"cycles": [', 'is damaged'),
        ('al_state.json', '{"cycles": [{"cycle": 0}]}', 'must have "cycle", "n_labeled"'),
        ('al_state.json', '{"cycles": [0]}', 'must have "cycle", "n_labeled"'),
        ('summary.csv', 'cycle,mAP\n0,3\n', 'must have the columns cycle, n_labeled, percent, mAP'),
        ('summary.csv', 'cycle,n_labeled,percent,mAP\n0,six,10,3\n', 'must have the columns'),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        read_experiment(tmp_path)
    assert name in str(error.value)


def test_foreign_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='give the work_dir of an active-learning run'):
        read_experiment(tmp_path)
    (tmp_path / 'al_state.json').write_text(json.dumps({}))
    (tmp_path / 'X_L_0.npy').write_bytes(b'')
    with pytest.raises(ValueError, match='X_L_0.npy is no array'):
        read_experiment(tmp_path).labeled_ids()


def test_learning_curves(tmp_path):
    folders = [
        write_experiment(tmp_path / 'r0', 'RandomStrategy', 0, finished=1),
        write_experiment(tmp_path / 'm0', 'MIAODStrategy', 0, finished=3),
        write_experiment(tmp_path / 'm1', 'MIAODStrategy', 1, finished=2),
        write_experiment(tmp_path / 'c0', 'CoreSetStrategy', 1, finished=0),
    ]
    experiments = [read_experiment(folder) for folder in folders]
    curves = learning_curves(experiments)
    assert list(curves) == ['Random', 'MIAOD', 'CoreSet'] and curves['CoreSet'] == []
    assert [(p.n_labeled, p.percent, len(p.values)) for p in curves['MIAOD']] == [(6, 10, 2), (12, 20, 2), (18, 30, 1)]
    assert curves['MIAOD'][1].values == tuple(e.cycles[1].mAP for e in experiments[1:3])
    point = CurvePoint(6, 10.0, (1.0, 2.0, 6.0))
    assert point.mean == 3.0 and point.spread == pytest.approx(7**0.5)
    assert CurvePoint(6, 10.0, (1.0,)).spread is None
