"""The ladder's stages, configs and tables; the whole quick demo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsod_mm.demo import cli
from wsod_mm.demo.curves import read_scalars, smooth
from wsod_mm.demo.derive import class_names, derive_config, for_split, proposal_limits, with_dump
from wsod_mm.demo.ladder import ladder_stages, ladder_table
from wsod_mm.demo.ladder_stages import data_stages, run_stages
from wsod_mm.demo.options import LadderOptions, mini_configs, quick_options

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def config():
    return derive_config(mini_configs()['oicr'], Path('/data/x'), Path('/data/p.npz'), 7, {'train_cfg.max_epochs': 2})


def test_configs_point_to_the_runs_data(config):
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        assert loader.dataset.data_root == '/data/x' and loader.dataset.proposal_file == '/data/p.npz'
    assert config.randomness.seed == 7 and config.train_cfg.max_epochs == 2 and config.load_from is None
    classifier = derive_config(mini_configs()['classifier'], Path('/data/x'), Path('/data/p.npz'), 7)
    assert classifier.train_dataloader.dataset.proposal_file is None
    assert len(class_names(config)) == 6 and proposal_limits(config)['max_num'] > 10
    with pytest.raises(FileNotFoundError, match='nothing.py does not exist'):
        derive_config('nothing.py', Path('/'), Path('/'), 0)


def test_splits_and_dumps_leave_the_original_alone(config):
    other = with_dump(for_split(config, 'trainval'), Path('/out/predictions.npz'))
    assert other.test_dataloader.dataset.ann_file.endswith('Main/trainval.txt')
    assert config.test_dataloader.dataset.ann_file.endswith('Main/test.txt')
    assert other.test_evaluator.dump_path == '/out/predictions.npz'
    assert 'dump_path' not in config.test_evaluator and 'dump_path' not in other.val_evaluator


def test_stage_names_and_what_each_depends_on(tmp_path):
    def keys(**changes):
        options = LadderOptions(**changes)
        keys = {}
        for stage in data_stages(options, tmp_path) + run_stages(options, tmp_path):
            keys[stage.name] = stage.key(keys)
        return keys

    base = keys()
    assert list(base) == [
        'minivoc',
        'proposals',
        'recall',
        'baselines',
        'classifier',
        'wsddn',
        'oicr',
        'classifier_test',
        'wsddn_test',
        'wsddn_corloc',
        'oicr_test',
        'oicr_corloc',
        'summary',
        'report',
    ]

    def changed(**changes):
        return {name for name, key in keys(**changes).items() if key != base[name]}

    training = set(base) - {'minivoc', 'proposals', 'recall', 'baselines'}
    assert changed(seed=1) == training
    assert changed(data_seed=1) == set(base)
    assert changed(baseline_seeds=3) == {'baselines', 'summary', 'report'}
    assert changed(gallery=3) == {'report'}
    assert changed() == set()


def test_seeds_make_a_tree(tmp_path):
    names = [stage.name for stage in ladder_stages(quick_options(), tmp_path, [0, 4], [1, 2])]
    assert 'data4/minivoc' in names and 'data4/seed2/oicr' in names and len(names) == 2 * 4 + 4 * 10
    with pytest.raises(FileNotFoundError, match='holds no VOC devkit'):
        ladder_stages(quick_options(data_root=tmp_path), tmp_path, [0], [0])
    with pytest.raises(ValueError, match='generated'):
        ladder_stages(quick_options(data_root=tmp_path), tmp_path, [0, 1], [0])


def test_given_data_need_no_generator(tmp_path, shared_data):
    options = quick_options(data_root=shared_data / 'voc2012_animals')
    names = [stage.name for stage in data_stages(options, tmp_path) + run_stages(options, tmp_path)]
    assert 'minivoc' not in names and names[0] == 'proposals'


def _summary(seed, wsddn, oicr):
    methods = [
        {'key': key, 'name': key.upper(), 'mAP_11pt': value, 'mAP_area': value, 'CorLoc': None if key == 'x' else value}
        for key, value in (('x', 1.0), ('wsddn', wsddn), ('oicr', oicr))
    ]
    return {'seed': seed, 'data_seed': 0, 'methods': methods, 'classifier': {'mAP': 90.0}}


def test_table():
    table = ladder_table([_summary(0, 30.0, 34.0), _summary(1, 32.0, 37.0)])
    assert '| WSDDN | 31.0 ± 1.4 | 31.0 ± 1.4 | 31.0 ± 1.4 |' in table
    assert '| OICR − WSDDN, run by run | +4.5 ± 0.7 |' in table
    assert '| X | 1.0 ± 0.0 | 1.0 ± 0.0 | – |' in table and '2 runs (1 data seeds × 2 training seeds)' in table
    assert '±' not in ladder_table([_summary(0, 30.0, 34.0)]).split('Mean')[0]
    with pytest.raises(ValueError, match='no runs'):
        ladder_table([])


def test_curves_join_resumed_runs(tmp_path):
    for name, lines in (
        ('20260101_1', ['{"loss": 3.0, "iter": 1}', '{"loss": 2.5, "iter": 2}', '{"loss": 2.4, "it']),
        ('20260101_2', ['{"loss": 2.6, "iter": 2}', '{"voc/mAP": 3, "step": 1}', '{"loss": 1.0, "iter": 3}']),
    ):
        path = tmp_path / name / 'vis_data' / 'scalars.json'
        path.parent.mkdir(parents=True)
        path.write_text('\n'.join(lines))
    assert read_scalars(tmp_path) == ([1, 2, 3], [3.0, 2.6, 1.0])
    steps, values = smooth(list(range(1000)), [float(i) for i in range(1000)], 10)
    assert len(steps) == 10 and steps[-1] == 999 and values[0] == pytest.approx(49.5)


def test_command_line_names_mistakes(tmp_path, capsys):
    assert cli.demo_main(['--quick', '--work-dir', str(tmp_path), '--stages', 'coffee']) == 1
    assert 'no stage coffee' in capsys.readouterr().err
    assert cli.ladder_main(['--work-dir', str(tmp_path), '--data-root', str(tmp_path / 'none')]) == 1
    with pytest.raises(SystemExit):
        cli.ladder_main(['--config', 'soup=x.py'])


@pytest.mark.slow
def test_quick_demo_from_nothing_and_again(tmp_path):
    command = [sys.executable, str(ROOT / 'tools' / 'demo.py'), '--quick', '--work-dir', str(tmp_path / 'demo')]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    first = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert first.returncode == 0, first.stdout + first.stderr
    summary = json.loads((tmp_path / 'demo' / 'summary.json').read_text())
    assert [method['key'] for method in summary['methods']] == [
        'random',
        'centre',
        'classifier_centre',
        'wsddn',
        'oicr',
    ]
    for method in summary['methods']:
        assert 0 <= method['mAP_11pt'] <= 100 and 0 <= method['CorLoc'] <= 100
        assert len(method['ap_11pt']) == len(summary['classes'])
    assert summary['facts']['images to learn from'] == 32 and summary['facts']['test images'] == 8
    assert 'id="gallery"' in (tmp_path / 'demo' / 'report.html').read_text()
    second = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert second.returncode == 0 and 'done in' not in second.stdout
    there = next(line for line in second.stdout.splitlines() if line.startswith('already there:'))
    assert 'minivoc' in there and 'report' in there
