"""``tools/active_learning.py``."""

import numpy as np
import pytest

from tests.active.experiment_case import write_experiment
from tests.engine.runners.experiment import _fast, state, toy_config, write_devkit
from wsod_mm.active.cli import active_learning_main, apply_options, experiment_text
from wsod_mm.active.results import read_experiment
from wsod_mm.apis.config import UsageError


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """A config file with its data."""
    folder = tmp_path_factory.mktemp('cli')
    made = toy_config(write_devkit(folder / 'kit'))
    with _fast():
        (folder / 'toy.py').write_text('\n'.join(f'{k} = {v!r}' for k, v in made.to_dict().items()))
    return folder / 'toy.py'


def command(*arguments):
    with _fast():
        active_learning_main([str(argument) for argument in arguments])


def test_run_list_and_resume(config, tmp_path, capsys):
    work = tmp_path / 'work'
    command(config, '--work-dir', work, '--cycles', 2, '--stop-after-selection', '--strategy', 'random', '--seed', 3)
    found = state(work)
    assert (found['phase'], found['seed'], found['strategy']) == ('annotate', 3, 'RandomStrategy')
    capsys.readouterr()
    command('--list', '--work-dir', work)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith('work: Random, seed 3, 12 images, cycle 1, next: annotate')
    assert lines[1].split() == ['cycle', 'labeled', '%', 'mAP', 'selected']
    first = lines[2].split()
    assert first[:3] == ['0', '4', '33.33'] and float(first[3]) >= 0 and first[4] == '2'
    assert lines[3].split() == ['1', '6', '50.00', '-', '-']
    command(config, '--work-dir', work, '--resume', '--cycles', 2, '--strategy', 'RandomStrategy', '--seed', 3)
    assert state(work)['phase'] == 'done'
    with pytest.raises(SystemExit, match='go on with it with --resume'):
        command(config, '--work-dir', work)


def test_start_with_files(config, tmp_path):
    np.save(tmp_path / 'l.npy', np.array([1, 5, 9]))
    np.save(tmp_path / 'u.npy', np.array([2]))
    files = ['--X_L', tmp_path / 'l.npy', '--X_U', tmp_path / 'u.npy']
    command(config, '--work-dir', tmp_path / 'work', '--start-cycle', 3, '--cycles', 4, *files)
    (entry,) = state(tmp_path / 'work')['cycles']
    assert (entry['cycle'], entry['n_labeled'], entry['n_unlabeled']) == (3, 3, 1)


def test_options(config):
    made = toy_config('kit', seed=1)
    apply_options(made, strategy='CoreSet', seed=0)
    assert made.active_learning.strategy == dict(type='CoreSetStrategy')
    assert made.randomness.seed == 0 and 'seed' not in made.active_learning
    made.active_learning.strategy = dict(type='EntropyStrategy', k=5)
    apply_options(made, strategy='Entropy')
    assert made.active_learning.strategy.k == 5 and made.randomness.seed == 0
    apply_options(made)
    assert not made.active_learning.get('stop_after_selection') and made.active_learning.cycles == 2


def test_state_of_an_unfinished_experiment(tmp_path):
    text = experiment_text(read_experiment(write_experiment(tmp_path / 'e', 'MIAODStrategy', 1, 2)))
    assert 'MIAOD, seed 1, 60 images, cycle 2, next: train' in text and len(text.splitlines()) == 5
    done = experiment_text(read_experiment(write_experiment(tmp_path / 'd', 'MIAODStrategy', 1, 5)))
    assert 'cycle 4, finished' in done


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'give a config'),
        (['--list'], 'needs a config or --work-dir'),
        (['--list', '--work-dir', 'nowhere'], 'neither al_state.json nor summary.csv'),
        (['CONFIG', '--strategy', 'Best'], "no strategy 'Best'; there are CoreSetStrategy, EntropyStrategy"),
        (['CONFIG', '--start-cycle', '1'], 'need labeled_file'),
        (['CONFIG', '--X_L', 'gone.npy'], 'no file gone.npy'),
    ],
)
def test_mistakes(config, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        command(*[config if argument == 'CONFIG' else argument for argument in arguments])
    assert not list(tmp_path.rglob('al_state.json'))


def test_other_configs_are_refused():
    config = toy_config('kit')
    config.pop('runner_type')
    with pytest.raises(UsageError, match='is no config of active learning'):
        apply_options(config)
