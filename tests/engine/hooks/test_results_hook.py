"""``results.json``, and validations that a killed run owes."""

import json

from tests.engine.runs import train
from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.utils.io import write_json


def test_training_writes_results(tmp_path):
    train(tmp_path)
    results = json.loads((tmp_path / 'results.json').read_text())
    assert results['config'] == 'toy_config.py' and results['seed'] == 0
    assert results['versions']['mmengine'] and results['versions']['wsod_mm']
    state = results['train']
    assert state['finished'] and (state['epoch'], state['iter']) == (3, 33)
    assert [e['epoch'] for e in results['val_history']] == [1, 2, 3]
    assert results['val']['metrics'] == results['val_history'][-1]['metrics']
    assert results['val']['details']['toy']['per_class'].keys() == {'cat', 'dog', 'bird'}
    assert results['val']['images'] == 22 and results['val']['seconds'] > 0


def test_pending_validation(tmp_path):
    train(tmp_path)
    whole = read_results(tmp_path)
    steps = (tmp_path / 'progress').stat().st_size
    # as if the run had been killed in its last validation
    write_json({**whole, 'val_history': whole['val_history'][:2]}, tmp_path / 'results.json')
    train(tmp_path, resume='auto')
    owed = read_results(tmp_path)
    assert (tmp_path / 'progress').stat().st_size == steps
    assert owed['train']['seconds'] > whole['train']['seconds']

    def numbers(results):
        return [(e['epoch'], e['iter'], e['metrics']) for e in results['val_history']]

    assert numbers(owed) == numbers(whole)
    # and when nothing is owed, nothing is validated
    seconds = [e['seconds'] for e in owed['val_history']]
    train(tmp_path, resume='auto')
    assert [e['seconds'] for e in read_results(tmp_path)['val_history']] == seconds


def test_fresh_run_in_the_same_folder_starts_anew(tmp_path):
    train(tmp_path)
    train(tmp_path, **{'train_cfg.max_epochs': 1})
    assert [e['epoch'] for e in read_results(tmp_path)['val_history']] == [1]


def test_damaged_file_reads_as_empty(tmp_path):
    (tmp_path / 'results.json').write_text('{"a": ')
    assert read_results(tmp_path) == {} == read_results(tmp_path / 'nothing')
