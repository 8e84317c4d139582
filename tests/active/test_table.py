"""Curves over seeds: what is trained on what, the tables, and a whole grid whose tools are played."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from tests.active.experiment_case import N, PicturePool, write_experiment
from wsod_mm import cli as commands
from wsod_mm.active import table
from wsod_mm.active import table_stages as table_stages_module
from wsod_mm.active.results import CycleResult, Experiment
from wsod_mm.active.table_stages import (
    TableOptions,
    _progress,
    experiment_config,
    mini_experiments,
    quick_table_options,
    table_stages,
)
from wsod_mm.pipeline import training
from wsod_mm.pipeline.run import StageRun
from wsod_mm.utils.io import write_json
from wsod_mm.utils.walk import each_dict

ROOT = Path(__file__).resolve().parents[2]


def experiment(values, n_images=100):
    cycles = tuple(
        CycleResult(c, 10 * (c + 1), 10.0 * (c + 1) if n_images else None, value) for c, value in enumerate(values)
    )
    return Experiment(Path('x'), 'x', 0, n_images, len(values), 'done', cycles)


def test_tables():
    text = table.active_table(
        {
            ('random', 0, 5): experiment([10.0, 20.0]),
            ('miaod', 0, 5): experiment([12.0, 26.0]),
            ('random', 1, 5): experiment([20.0, 40.0]),
            ('miaod', 1, 5): experiment([23.0]),
            ('entropy', 0, 5): experiment([]),
        }
    )
    assert '|  | 10 (10.0 %) | 20 (20.0 %) | mean of the curve |' in text
    assert '| random | 15.0 ± 7.1 | 30.0 ± 14.1 | 22.5 ± 10.6 |' in text
    assert '| miaod | 17.5 ± 7.8 | 26.0 (1) | 19.0 (1) |' in text
    assert '| miaod − random | +2.5 ± 0.7 | +6.0 (1) | +4.0 (1) |' in text
    assert '| entropy | – | – | – |' in text and 'entropy −' not in text
    assert '2 runs (2 data seeds × 1 seeds' in text
    one = table.active_table({('random', 0, 5): experiment([10.0], n_images=None)})
    assert '|  | 10 | mean of the curve |' in one and 'One run per curve' in one and 'Difference' not in one
    assert table.active_table({}) == 'No cycle is evaluated yet.'


def test_every_image_set_is_the_runs_and_the_classifier_saw_others(tmp_path):
    configs = {name: path for name, path in mini_experiments().items() if name in ('random', 'miaod')}
    assert list(configs) == ['random', 'miaod'] and list(mini_experiments())[0] == 'random'
    options = TableOptions(configs=configs, data_seeds=(0, 3), seeds=(1, 2))
    stages = {stage.name: stage for stage in table_stages(options, tmp_path)}
    assert list(stages)[:5] == [
        'data0/minivoc',
        'data0/other_minivoc',
        'data0/classifier',
        'data0/seed1/random',
        'data0/seed1/miaod',
    ]
    assert len(stages) == 2 * (3 + 4)
    assert (stages['data3/minivoc'].params['seed'], stages['data3/other_minivoc'].params['seed']) == (3, 1003)
    assert stages['data3/classifier'].needs == ('data3/other_minivoc',)

    def roots(name):
        found = set()
        # of a classifier's config a variable may say something else
        config = {key: value for key, value in stages[name].params['config'].items() if key != 'data_root'}
        each_dict(config, lambda entry: found.add(entry['data_root']) if 'data_root' in entry else None)
        return found

    assert roots('data3/classifier') == {str(tmp_path / 'data3/other_minivoc/devkit')}
    assert roots('data3/seed2/miaod') == {str(tmp_path / 'data3/minivoc/devkit')}
    for name in ('data3/seed2/miaod', 'data3/seed2/random'):
        assert stages[name].needs == ('data3/minivoc', 'data3/classifier')
        assert stages[name].params['config']['randomness']['seed'] == 2
        assert stages[name].params['config']['active_learning']['cycles'] > 2


def test_quick_configs_and_mistakes(tmp_path):
    staged = experiment_config(mini_experiments()['miaod'], tmp_path, 0, quick=True)
    plain = experiment_config(mini_experiments()['random'], tmp_path, 0, quick=True)
    assert staged.train_cfg.epoch_ratio == [1, 1] and plain.train_cfg.max_epochs == 1
    assert staged.active_learning.cycles == plain.active_learning.cycles == 2
    assert plain.train_dataloader.dataset.times == staged.train_cfg.unlabeled_dataloader.dataset.times == 1
    with pytest.raises(FileNotFoundError, match='none.py does not exist'):
        experiment_config(tmp_path / 'none.py', tmp_path, 0)
    (tmp_path / 'other.py').write_text('model = 1')
    with pytest.raises(ValueError, match='has no active_learning'):
        experiment_config(tmp_path / 'other.py', tmp_path, 0)


def test_progress_of_a_whole_experiment():
    parse = _progress(4)
    assert parse('07/01 - INFO - cycle 1: training with 45 of 600 images labeled').fraction == 0.25
    found = parse('Epoch(train)  [5][10/20]  lr: 1e-3  loss: 1.5', 10)
    assert found.fraction == pytest.approx((1 + 0.45) / 4) and found.text.startswith('cycle 1, epoch 5/10')
    assert parse('Epoch(val) [13][5/8]   time: 0.1', 10).fraction is None
    assert parse('scoring:  50%|#####', 10).fraction is None
    assert parse('INFO - cycle 1: mAP 43.21, trained with 45 labeled images').text == 'mAP 43.2 with 45 labeled'
    assert parse('hello') is None


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Plays the tools; gives the commands, and the experiments whose training is to be killed."""
    calls, killed = [], set()
    PicturePool(tmp_path / 'pictures')

    def command(self, arguments, *rest, **options):
        words = [str(word) for word in arguments]
        calls.append([Path(words[0]).name, self.name])
        if words[0].endswith('make_minivoc.py'):
            devkit = Path(words[1])
            shutil.copytree(tmp_path / 'pictures', devkit / 'VOC2007/JPEGImages')
            lists = devkit / 'VOC2007/ImageSets/Main'
            lists.mkdir(parents=True)
            (lists / 'trainval.txt').write_text(''.join(f'{i:06d}\n' for i in range(N)))
            for name in ('minivoc.json', 'parts.json'):
                (devkit / name).write_text('{}')
            return
        folder = Path(words[words.index('--work-dir') + 1])
        if self.name.endswith('classifier'):
            write_json({'train': {'finished': True}}, folder / 'results.json')
            (folder / 'epoch_1.pth').write_text('weights')
            (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
            return
        assert '--resume' in words
        assert Config.fromfile(words[1]).load_from == str(self.root / 'data0/classifier/run/epoch_1.pth')
        shutil.rmtree(folder, ignore_errors=True)
        stop = self.name in killed
        write_experiment(folder, 'RandomStrategy', 0, finished=1 if stop else 2, cycles=2)
        state = json.loads((folder / 'al_state.json').read_text())
        write_json({**state, 'config': 'x', 'sets': {}, 'metric': None}, folder / 'al_state.json')
        (folder / 'summary.csv').write_text('cycle,n_labeled,percent,mAP\n')
        if stop:
            raise OSError('no space left')

    def dump(config, path):  # MMEngine's lays the file out nicely, which takes seconds
        path.write_text(''.join(f'{key} = {value!r}\n' for key, value in config.to_dict().items()))

    monkeypatch.setattr(StageRun, 'command', command)
    for module in (table_stages_module, training):
        monkeypatch.setattr(module, 'dump_config', dump)
    return calls, killed


def test_grid_from_nothing_and_again(tmp_path, tools, capsys, monkeypatch):
    calls, killed = tools
    root = tmp_path / 'work'
    arguments = ['--quick', '--work-dir', str(root), '--data-seeds', '0', '--only', 'random', 'miaod', '--workers', '1']
    killed.add('data0/seed0/miaod')
    assert table.main(arguments) == 1
    assert "stage 'data0/seed0/miaod' failed: OSError: no space left" in capsys.readouterr().err
    # tables of what there is
    text = (root / 'table.md').read_text()
    assert 'A quick look' in text and '| miaod |' in text and (root / 'curves.png').is_file()
    assert 'cycle 1, train' in (root / 'report.html').read_text()

    killed.clear()
    calls.clear()
    monkeypatch.setattr(sys, 'argv', [])
    with pytest.raises(SystemExit) as end:
        commands.main(['active-table', *arguments])
    assert end.value.code == 0 and calls == [['train.py', 'data0/seed0/miaod']]
    text = capsys.readouterr().out
    assert '| miaod − random | +0.0 | +0.0 | +0.0 |' in text and '6 (10.0 %)' in text
    assert 'data:image/jpeg' in (root / 'report.html').read_text()

    # what was made with other settings is left out
    calls.clear()
    assert table.main([*arguments[1:], '--tables-only']) == 0
    assert 'No cycle is evaluated yet' in capsys.readouterr().out and not calls
    assert not (root / 'curves.png').exists() and not (root / 'report.html').exists()


def test_mistakes_are_one_line(tmp_path, capsys):
    assert table.main(['--work-dir', str(tmp_path), '--only', 'coffee']) == 1
    assert 'no curve coffee; there are random' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        table.main(['--config', 'x.py'])
    assert table.main(['--work-dir', str(tmp_path), '--config', f'mine={tmp_path}/x.py', '--only', 'mine']) == 1
    assert 'x.py does not exist' in capsys.readouterr().err and not list(tmp_path.iterdir())
    assert quick_table_options().quick and json.dumps(dict(quick_table_options().minivoc))
    assert np.isfinite(len(TableOptions().runs()))
