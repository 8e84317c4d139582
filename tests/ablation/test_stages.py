"""Stages of a grid: those of the ladder where the configs are, byte by byte, and what each depends on."""

import pytest
from mmengine.config import Config

from tests.ablation._grids import SHIPPED, grid_file
from wsod_mm.ablation.grid import GridError, load_grid
from wsod_mm.ablation.stages import Run, grid_runs, grid_stages
from wsod_mm.demo.derive import on_training_images, widest_limits
from wsod_mm.demo.ladder import ladder_stages
from wsod_mm.demo.options import LadderOptions, quick_options
from wsod_mm.utils.paths import config_dir


def keys_of(stages):
    keys = {}
    for stage in stages:
        keys[stage.name] = stage.key(keys)
    return keys


@pytest.mark.parametrize('quick', [False, True])
def test_data_and_classifier_are_the_ladders(tmp_path, quick):
    grid = load_grid(SHIPPED)
    mine = keys_of(grid_stages(grid, tmp_path, grid_runs(grid, [0, 2], [0, 1]), quick=quick))
    ladder = keys_of(ladder_stages((quick_options if quick else LadderOptions)(), tmp_path, [0, 2], [0, 1]))
    names = [f'data{d}/{name}' for d in (0, 2) for name in ('minivoc', 'proposals', 'recall', 'baselines')]
    names += [f'data{d}/seed{s}/classifier' for d in (0, 2) for s in (0, 1)]
    for name in names:
        assert mine[name] == ladder[name], name
    assert set(mine) - set(ladder) >= {f'data2/seed1/{key}_row' for key in ('wsddn', 'oicr')}


def test_given_data_are_the_ladders_too(tmp_path, shared_data):
    root = shared_data / 'voc2012_animals'
    names = {
        rung: next((config_dir() / 'mini').glob(f'{rung}_*_animals6.py')) for rung in ('classifier', 'wsddn', 'oicr')
    }
    rows = [{'key': key, 'config': str(names[key])} for key in ('wsddn', 'oicr')]
    options = {'rows': rows, 'classifier': str(names['classifier']), 'compare': []}
    data = {'kind': 'voc', 'data_root': str(root)}
    grid = load_grid(grid_file(tmp_path, data=data, **options))
    runs = grid_runs(grid, None, [3])
    mine = keys_of(grid_stages(grid, tmp_path, runs))
    ladder = keys_of(ladder_stages(LadderOptions(configs=names, data_root=root), tmp_path, [0], [3]))
    assert {name: key for name, key in mine.items() if not name.endswith('_row')}.items() <= ladder.items()
    with pytest.raises(GridError, match='one seed'):
        grid_runs(grid, [0, 1], [0])

    # proposals that are there are not made
    proposals = tmp_path / 'p.npz'
    grid = load_grid(grid_file(tmp_path, data={**data, 'proposal_file': str(proposals)}, **options))
    with pytest.raises(FileNotFoundError, match='p.npz does not exist'):
        grid_stages(grid, tmp_path, runs)
    proposals.touch()
    stages = {stage.name: stage for stage in grid_stages(grid, tmp_path, runs)}
    assert 'data0/proposals' not in stages and stages['data0/recall'].needs == ()
    assert stages['data0/seed3/oicr'].needs == ('data0/seed3/classifier',)
    assert keys_of(stages.values())['data0/recall'] != mine['data0/recall']


def test_rows_and_what_they_depend_on(tmp_path):
    grid = load_grid(SHIPPED)
    runs = [Run(0, 0)]
    base = keys_of(grid_stages(grid, tmp_path, runs))
    some = keys_of(grid_stages(grid, tmp_path, runs, ['oicr']))
    assert some.items() < base.items() and 'data0/seed0/wsddn' not in some and 'data0/seed0/oicr_row' in some
    with pytest.raises(GridError, match="no row 'oicer'"):
        grid_stages(grid, tmp_path, runs, ['oicer'])

    rows = [{'key': row.key, 'name': row.name, 'config': str(row.config)} for row in grid.rows]
    rows[1]['overrides'] = {'optim_wrapper.optimizer.lr': 1e-9}
    changed = keys_of(grid_stages(load_grid(grid_file(tmp_path, rows=rows)), tmp_path, runs))
    assert {name for name in base if base[name] != changed[name]} == {
        f'data0/seed0/{rows[1]["key"]}{ending}' for ending in ('', '_test', '_corloc', '_row')
    }
    rows[1]['overrides'] = {'optim_wrapper.optimiser.lr': 1e-9}
    with pytest.raises(GridError, match='has no optim_wrapper.optimiser; there are: .*optimizer'):
        grid_stages(load_grid(grid_file(tmp_path, rows=rows)), tmp_path, runs)


def test_proposals_are_enough_for_every_row():
    configs = [
        {'type': 'LoadWeakProposals', 'min_size': size, 'max_num': count}
        for size, count in ((20, 200), (10, 300), (0, 5))
    ]

    fakes = [Config({'test_dataloader': {'dataset': {'pipeline': [config]}}}) for config in configs]
    assert widest_limits(fakes[:1]) == {'min_size': 20, 'max_num': 200}
    assert widest_limits(fakes[:2]) == {'min_size': 10, 'max_num': 300}
    assert widest_limits(fakes) == {'min_size': None, 'max_num': 300}


def test_configs_as_they_are(tmp_path):
    path = config_dir() / 'oicr' / 'oicr_vgg16-s8_1xb1-accum2-70k_voc07.py'
    values = dict(rows=[{'key': 'oicr', 'config': str(path)}], data=None, classifier=None, compare=[])
    grid = load_grid(grid_file(tmp_path, tta=True, **values))
    runs = grid_runs(grid, None, [0, 1])
    stages = {stage.name: stage for stage in grid_stages(grid, tmp_path, runs)}
    assert list(stages)[:4] == ['seed0/oicr', 'seed0/oicr_test', 'seed0/oicr_corloc', 'seed0/oicr_row']
    train, test, corloc = (stages[f'seed1/oicr{ending}'].params for ending in ('', '_test', '_corloc'))
    assert train['config']['randomness']['seed'] == 1 and train['config']['load_from'] == 'weights/vgg16_caffe.pth'
    assert train['config']['train_dataloader']['dataset']['data_root'] == 'data/VOCdevkit/'
    assert test['options'] == corloc['options'] == ['--tta']
    dataset = test['config']['test_dataloader']['dataset']
    assert dataset['ann_file'].endswith('test.txt') and dataset['proposal_file'] == 'proposals/voc07_test.npz'
    dataset = corloc['config']['test_dataloader']['dataset']
    assert dataset['ann_file'].endswith('trainval.txt') and dataset['proposal_file'] == 'proposals/voc07_trainval.npz'
    assert dataset['test_mode'] and dataset['pipeline'] == test['config']['test_dataloader']['dataset']['pipeline']
    with pytest.raises(GridError, match='--quick needs data'):
        grid_stages(grid, tmp_path, runs, quick=True)
    with pytest.raises(GridError, match='no data seeds'):
        grid_runs(grid, [0], [0])


def test_training_images_need_an_ann_file():
    with pytest.raises(ValueError, match='train_dataloader.dataset has no ann_file'):
        on_training_images(Config({'train_dataloader': {'dataset': {}}}))
