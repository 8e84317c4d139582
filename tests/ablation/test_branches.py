"""Rows that start from other rows, and rows that are a further branch of one."""

import json

import numpy as np
import pytest

from tests.ablation._grids import grid_file
from tests.ablation.test_stages import keys_of
from wsod_mm.ablation import cli
from wsod_mm.ablation.grid import GridError, load_grid
from wsod_mm.ablation.rows import measure_row
from wsod_mm.ablation.stages import Run, grid_stages
from wsod_mm.demo.derive import derive_config, with_dump
from wsod_mm.evaluation import DetectionFile
from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.utils.paths import config_dir

MINI = config_dir() / 'mini'
GRID = MINI / 'ablation_collaborative_minivoc.yaml'
RUN = [Run(0, 0)]
ROW = 'data0/seed0/'


def test_shipped_grid(tmp_path):
    grid = load_grid(GRID)
    by_key = {row.key: row for row in grid.rows}
    assert len(by_key) == 10 and by_key['cl_weak'].detector == 'cl' and by_key['cl_weak'].branch == 'weak'
    assert {row.start for row in grid.rows if row.of is None} == {None, 'wsddn'}
    stages = {stage.name: stage for stage in grid_stages(grid, tmp_path, RUN)}
    assert stages[f'{ROW}wsddn'].needs[-1] == f'{ROW}classifier'
    assert stages[f'{ROW}cl'].needs[-1] == stages[f'{ROW}cascade'].needs[-1] == f'{ROW}wsddn'
    assert stages[f'{ROW}pairwise_reference'].params['config']['model']['rpn_weight_order'] == 'reference'
    assert f'{ROW}cl_weak' not in stages and f'{ROW}cl_weak_test' not in stages
    needs = tuple(f'{ROW}cl{ending}' for ending in ('', '_test', '_corloc'))
    assert stages[f'{ROW}cl_row'].needs == stages[f'{ROW}cl_weak_row'].needs == needs
    assert 'predictions_weak.npz' in stages[f'{ROW}cl_corloc'].outputs
    assert stages[f'{ROW}wsddn_test'].outputs == ('predictions.npz', 'run/results.json')
    # those that a row needs come along
    some = grid_stages(grid, tmp_path, RUN, ['cl_weak'])
    names = {stage.name for stage in some if stage.name.endswith('_row')}
    assert names == {f'{ROW}{key}_row' for key in ('wsddn', 'cl', 'cl_weak')}
    assert keys_of(some).items() < keys_of(stages.values()).items()


def test_wsddn_is_that_of_the_familys_grid(tmp_path):
    family, grid = load_grid(MINI / 'ablation_minivoc.yaml'), load_grid(GRID)
    theirs, ours = (keys_of(grid_stages(each, tmp_path, RUN, ['wsddn'])) for each in (family, grid))
    names = [f'{ROW}wsddn{ending}' for ending in ('', '_test', '_corloc')]
    assert all(theirs[name] == ours[name] for name in names)


def test_animals():
    grid = load_grid(MINI / 'ablation_collaborative_animals6.yaml')
    assert [row.key for row in grid.rows] == ['wsddn', 'cl', 'cl_weak']


def test_list(tmp_path, capsys):
    assert cli.main([str(GRID), '--work-dir', str(tmp_path), '--data-seeds', '0', '--rows', 'cl_weak', '--list']) == 0
    assert '| cl_weak: CL_W |' in capsys.readouterr().out


def test_dumps_of_both_branches(tmp_path):
    config = derive_config(MINI / 'collaborative_minicnn_1xb4-3e_minivoc.py', tmp_path, tmp_path / 'p.npz', 0)
    paths = [metric['dump_path'] for metric in with_dump(config, tmp_path / 'predictions.npz').test_evaluator]
    assert paths == [str(tmp_path / name) for name in ('predictions.npz', 'predictions_weak.npz')]
    assert 'dump_path' not in config.test_evaluator[0]


def test_a_branch_is_measured(tmp_path):
    box = np.array([[0, 0, 9, 9]], np.float32)
    for split in ('test', 'corloc'):
        for ending, shift in (('', 0), ('_weak', 20)):
            table = BoxTable(np.zeros(1, int), np.zeros(1, int), box + shift, np.ones(1))
            truth = BoxTable(np.zeros(1, int), np.zeros(1, int), box, difficult=np.zeros(1, bool))
            file = DetectionFile(('cat',), ('1',), ('1.jpg',), table, table, truth)
            file.save(tmp_path / f'cl_{split}' / f'predictions{ending}.npz')
    run = tmp_path / 'cl' / 'run'
    run.mkdir(parents=True)
    (run / 'results.json').write_text(json.dumps({'train': {'seconds': 7.0}}))
    strong = measure_row(tmp_path, 'cl', 'CL_S', 0, 0)
    weak = measure_row(tmp_path, 'cl_weak', 'CL_W', 0, 0, detector='cl', branch='weak')
    assert (strong['mAP_11pt'], strong['CorLoc'], weak['mAP_11pt'], weak['CorLoc']) == (100, 100, 0, 0)
    assert weak['key'] == 'cl_weak' and weak['train_seconds'] == 7


def _rows(*changes):
    first = {'key': 'iw', 'config': str(MINI / 'wsddn_minicnn_1xb4-3e_minivoc.py')}
    second = {'key': 'cl', 'config': str(MINI / 'collaborative_minicnn_1xb4-3e_minivoc.py'), 'start': 'iw'}
    return [first, {**second, **changes[0]}, *changes[1:]]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        (_rows({'start': 'iww'}), "'cl' has start='iww'; name a row that stands before it; did you mean 'iw'"),
        (_rows({'start': 'cl'}), "has start='cl'; name a row that stands before it"),
        (_rows({}, {'key': 'w', 'of': 'cll', 'branch': 'weak'}), "of='cll'; name a row .* did you mean 'cl'"),
        (_rows({}, {'key': 'w', 'of': 'cl'}), 'has no branch; add branch='),
        (_rows({}, {'key': 'w', 'of': 'cl', 'branch': 'week'}), r"branch='week' of 'cl'.* reads \['weak'\]"),
        (_rows({}, {'key': 'w', 'of': 'iw', 'branch': 'weak'}), 'reads no further branch'),
        (_rows({}, {'key': 'w', 'of': 'cl', 'branch': 'weak', 'overrides': {}}), "has 'overrides'"),
    ],
)
def test_mistakes(tmp_path, rows, message):
    with pytest.raises(GridError, match=message):
        load_grid(grid_file(tmp_path, rows=rows, compare=[]))


def test_a_branch_of_a_branch_is_the_detectors(tmp_path):
    rows = _rows({}, {'key': 'w', 'of': 'cl', 'branch': 'weak'}, {'key': 'again', 'of': 'w', 'branch': 'weak'})
    more = {'key': 'late', 'config': rows[1]['config'], 'start': 'w'}
    grid = load_grid(grid_file(tmp_path, rows=[*rows, more], compare=[]))
    assert grid.row('again').detector == 'cl' and grid.row('late').start == 'cl'
