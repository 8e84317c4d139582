"""What an experiment writes, that it can be repeated, and how it goes on."""

import copy
import csv
import json
import shutil
from pathlib import Path

import mmcv
import mmdet
import mmengine
import numpy as np
import pytest
import torch

from tests.engine.runs import assert_identical
from wsod_mm.active.pool import initial_split, select_next
from wsod_mm.apis.config import UsageError
from wsod_mm.apis.train import prepare_training

from .experiment import NAMES, outcome, run, state, toy_config, tree, weights, write_devkit, write_xml

BASELINE = {
    'model.type': 'SingleStageDetector',
    'model.bbox_head.type': 'RetinaHead',
    'train_cfg': dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=1, val_interval=1),
}


def copy_of(finished, tmp_path):
    """The finished experiment, to be changed."""
    return Path(shutil.copytree(finished.folder, tmp_path / 'copy', symlinks=True))


def change_state(folder, **changes):
    (folder / 'al_state.json').write_text(json.dumps(state(folder) | changes))


def test_files(finished):
    """Section 9 of the specification."""
    folder = finished.folder
    names = {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}
    lists = {f'trainval_{which}_{part}.txt' for which in 'LU' for part in ('07', '12')}
    per_cycle = lists | {'epoch_4.pth', 'last_checkpoint', 'metrics.json', 'results.json', 'toy_config.py'}
    expected = {'al_state.json', 'summary.csv', 'latest.pth', 'X_L_0.npy', 'X_U_0.npy', 'X_L_1.npy', 'X_U_1.npy'}
    expected |= {f'cycle{c}/{name}' for c in (0, 1) for name in per_cycle}
    expected |= {'cycle0/uncertainty_0.npy', 'cycle0/selected_0.txt'}
    (log,) = folder.glob('*.log')
    expected |= {log.name, f'{log.name}.json'}
    rest = {name for name in names - expected if name.split('/')[-2].startswith('2') or '/vis_data/' in name}
    assert names - rest == expected
    # what MMEngine's runner writes lies in a folder of its own, that of its cycle
    assert {name.split('/')[0] for name in rest if name.endswith('scalars.json')} == {'cycle0', 'cycle1'}


def test_sets_and_selection(finished):
    folder, n = finished.folder, len(NAMES)
    first = initial_split(n, 4, 666)
    scores = np.load(folder / 'cycle0/uncertainty_0.npy')
    second = select_next(scores, first.labeled, 2, 666)
    for cycle, sets in enumerate((first, second)):
        for which, ids in (('L', sets.labeled), ('U', sets.unlabeled)):
            stored = np.load(folder / f'X_{which}_{cycle}.npy')
            assert stored.dtype == np.int64 and stored.tolist() == ids.tolist()
            for part, start, stop in (('07', 0, 8), ('12', 8, 12)):
                lines = (folder / f'cycle{cycle}/trainval_{which}_{part}.txt').read_text().split()
                assert lines == [NAMES[i] for i in ids if start <= i < stop]
    assert scores.dtype == np.float32 and np.flatnonzero(np.isnan(scores)).tolist() == first.labeled.tolist()
    assert (folder / 'cycle0/selected_0.txt').read_text().split() == [NAMES[i] for i in second.selected]


def test_numbers(finished):
    folder = finished.folder
    found = state(folder)
    assert (found['phase'], found['cycle'], found['seed'], found['n_images']) == ('done', 1, 666, 12)
    rows = list(csv.DictReader((folder / 'summary.csv').open()))
    assert [(row['cycle'], row['n_labeled'], row['percent']) for row in rows] == [
        ('0', '4', '33.33'),
        ('1', '6', '50.00'),
    ]
    for cycle, (entry, row) in enumerate(zip(found['cycles'], rows, strict=True)):
        assert json.loads((folder / f'cycle{cycle}/metrics.json').read_text()) == entry
        value = json.loads((folder / f'cycle{cycle}/results.json').read_text())['val']['metrics']['pascal_voc/mAP']
        assert entry['metrics']['pascal_voc/mAP'] == value and row['mAP'] == f'{100 * value:.2f}'
        assert (folder / entry['checkpoint']).is_file() and entry['n_unlabeled'] == entry['n_labeled']
    link = folder / 'latest.pth'
    assert link.is_symlink() and str(link.readlink()) == 'cycle1/epoch_4.pth'
    (log,) = folder.glob('*.log.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:] if '"env_info"' not in line]
    assert [(line['cycle'], line['global_epoch']) for line in lines if line['mode'] == 'val'] == [(0, 4), (1, 4)]
    assert 'INFO - cycle 1: mAP ' in log.with_suffix('').read_text()


def test_checkpoints_need_no_pickle(finished):
    for cycle in (0, 1):
        assert torch.load(finished.folder / f'cycle{cycle}/epoch_4.pth', weights_only=True)['meta']['epoch'] == 4


def test_nothing_is_written_elsewhere(devkit, tmp_path, monkeypatch):
    here = tmp_path / 'here'
    here.mkdir()
    monkeypatch.chdir(here)
    packages = [Path(module.__file__).parent for module in (mmcv, mmengine, mmdet)]
    others = [devkit, here, *packages]
    before = [tree(folder) for folder in others]
    config = toy_config(devkit, cycles=1)
    run(config, tmp_path / 'first')
    run(toy_config(devkit, cycles=1), 'relative')
    (here / 'relative').rename(tmp_path / 'moved')
    assert [tree(folder) for folder in others] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ['first', 'here', 'moved']


def test_same_seed_same_experiment(devkit, finished, tmp_path):
    run(toy_config(devkit), tmp_path / 'again')
    assert outcome(tmp_path / 'again') == outcome(finished.folder)
    assert_identical(weights(tmp_path / 'again', 1), weights(finished.folder, 1))
    run(toy_config(devkit, cycles=1, seed=3), tmp_path / 'other')
    assert outcome(tmp_path / 'other')['X_L_0.npy'] != outcome(finished.folder)['X_L_0.npy']
    # the seed of the sets is not that of the training
    assert state(tmp_path / 'other')['seed'] == 3


@pytest.mark.parametrize('strategy', ['Random', 'Entropy', 'LeastConfidence', 'Margin', 'CoreSet', 'LearningLoss'])
def test_strategies(devkit, tmp_path, strategy):
    """One selection of each with a plain detector, and training with what was chosen."""
    options = copy.deepcopy(BASELINE)
    if strategy == 'LearningLoss':
        options |= {
            'model.type': 'LearningLossDetector',
            'model.loss_head': dict(type='LossPredictionHead', in_channels=[8, 8], feat_channels=4),
        }
    run(toy_config(devkit, strategy=dict(type=f'{strategy}Strategy'), **options), tmp_path)
    scores = tmp_path / 'cycle0/uncertainty_0.npy'
    assert scores.is_file() == (strategy != 'Random')
    if scores.is_file():
        missing = 0 if strategy == 'CoreSet' else 4
        assert np.isnan(np.load(scores).reshape(12, -1)).any(axis=1).sum() == missing
    labeled = np.load(tmp_path / 'X_L_1.npy')
    chosen = (tmp_path / 'cycle0/selected_0.txt').read_text().split()
    assert len(labeled) == 6 and len(chosen) == 2 and set(chosen) <= {NAMES[i] for i in labeled}
    assert state(tmp_path)['phase'] == 'done'


def test_strategy_that_cannot_score_the_model(devkit, tmp_path):
    with pytest.raises(ValueError, match='MIAODStrategy needs a detector with uncertainty'):
        run(toy_config(devkit, **copy.deepcopy(BASELINE)), tmp_path)


def test_same_labeled_images_same_numbers(devkit, finished, tmp_path):
    """A cycle is a function of its images: it can be run alone, and under any strategy."""
    files = dict(labeled_file=str(finished.folder / 'X_L_1.npy'), unlabeled_file=str(finished.folder / 'X_U_1.npy'))
    config = toy_config(devkit, start_cycle=1, strategy=dict(type='RandomStrategy'), **files)
    run(config, tmp_path / 'work')
    assert state(tmp_path / 'work')['cycles'] == state(finished.folder)['cycles'][1:]
    assert_identical(weights(tmp_path / 'work', 1), weights(finished.folder, 1))
    assert not list(tmp_path.glob('work/X_?_0.npy')) and not (tmp_path / 'work/cycle0').exists()
    # the files are needed once only
    config = toy_config(devkit, strategy=dict(type='RandomStrategy'), cycles=3)
    assert run(config, tmp_path / 'work', 'auto').state.cycle == 2
    other = toy_config(devkit, start_cycle=1, strategy=dict(type='RandomStrategy'), cycles=3, **files)
    assert run(other, tmp_path / 'work', 'auto').state.phase == 'done'
    other.active_learning.labeled_file = str(finished.folder / 'X_L_0.npy')
    with pytest.raises(UsageError, match='did not begin with cycle 1 and the images of .*X_L_0.npy'):
        run(other, tmp_path / 'work', 'auto')


def test_unlabeled_images_of_a_given_set_are_drawn(devkit, finished, tmp_path):
    """With the seed of the experiment, as after a selection."""
    files = dict(labeled_file=str(finished.folder / 'X_L_1.npy'))
    run(toy_config(devkit, start_cycle=1, **files), tmp_path)
    assert outcome(tmp_path)['X_U_1.npy'] == outcome(finished.folder)['X_U_1.npy']


def test_copied_experiment_goes_on_by_itself(devkit, finished, tmp_path):
    """``last_checkpoint`` of the copy holds a path of the original."""
    work = copy_of(finished, tmp_path)
    checkpoint = torch.load(work / 'cycle1/epoch_4.pth', weights_only=True)
    for value in checkpoint['state_dict'].values():
        value.zero_()
    torch.save(checkpoint, work / 'cycle1/epoch_4.pth')
    before = tree(finished.folder)
    runner = run(toy_config(devkit, cycles=3, strategy=dict(type='MIAODStrategy')), work, 'auto')
    assert np.ptp(np.load(work / 'cycle1/uncertainty_1.npy')[runner._candidates(1)]) == 0
    assert tree(finished.folder) == before


def test_more_cycles(devkit, finished, tmp_path):
    work = copy_of(finished, tmp_path)
    before = tree(work / 'cycle0')
    run(toy_config(devkit, cycles=3), work, 'auto')
    assert [entry['n_labeled'] for entry in state(work)['cycles']] == [4, 6, 8]
    assert tree(work / 'cycle0') == before
    run(toy_config(devkit, cycles=3), tmp_path / 'whole')
    assert outcome(tmp_path / 'whole') == outcome(work)
    # and fewer: nothing is lost, nothing happens
    done = outcome(work)
    change_state(work, phase='train')
    assert run(toy_config(devkit, cycles=2), work, 'auto').state.cycle == 2
    assert outcome(work) == done


def test_a_finished_experiment_stays(devkit, finished, tmp_path):
    work = copy_of(finished, tmp_path)
    before = tree(work)
    run(toy_config(devkit), work, 'auto')
    assert tree(work) == before


def test_stop_after_selection(tmp_path, finished):
    """A person labels the images; until then the run refuses to go on."""
    kit = write_devkit(tmp_path / 'kit')
    labeled = {NAMES[i] for i in np.load(finished.folder / 'X_L_0.npy')}
    texts = {}
    for path in [*kit.glob('VOC*/Annotations/*.xml')]:
        if path.stem in NAMES and path.stem not in labeled:
            texts[path.stem] = (path, path.read_text())
            path.unlink()  # no annotation is needed but those of labeled images
    work = tmp_path / 'work'
    assert run(toy_config(kit, stop_after_selection=True), work).state.phase == 'annotate'
    chosen = (work / 'cycle0/selected_0.txt').read_text().split()
    assert chosen == (finished.folder / 'cycle0/selected_0.txt').read_text().split()
    for missing, name in ((2, chosen[0]), (1, chosen[1])):
        with pytest.raises(UsageError, match=f'{missing} images of cycle0/selected_0.txt are not labeled') as error:
            run(toy_config(kit, stop_after_selection=True), work, 'auto')
        assert 'Annotations' in str(error.value) and any(f'{n}.xml' in str(error.value) for n in chosen)
        texts[name][0].write_text(texts[name][1])
    write_xml(texts[chosen[1]][0], [('cow', (1, 1, 9, 9))])
    with pytest.raises(UsageError, match=f'{chosen[1]}.*cow'):
        run(toy_config(kit, stop_after_selection=True), work, 'auto')
    texts[chosen[1]][0].write_text(texts[chosen[1]][1])
    assert run(toy_config(kit, stop_after_selection=True), work, 'auto').state.phase == 'done'
    assert outcome(work) == outcome(finished.folder)


def test_refusals(devkit, finished, tmp_path):
    work = copy_of(finished, tmp_path)
    with pytest.raises(UsageError, match='holds an experiment: go on with it with --resume'):
        run(toy_config(devkit), work)
    for change in ({'optim_wrapper.optimizer.lr': 1}, {'budget': 3}, {'load_from': 'other.pth'}):
        with pytest.raises(UsageError, match='another config'):
            run(toy_config(devkit, **change), work, 'auto')
    with pytest.raises(UsageError, match='takes no checkpoint'):
        run(toy_config(devkit), work, str(work / 'latest.pth'))
    np.save(work / 'X_L_0.npy', np.arange(4))
    (work / 'X_U_1.npy').unlink()
    with pytest.raises(ValueError, match='X_L_0.npy, X_U_1.npy changed since'):
        run(toy_config(devkit), work, 'auto')
    text = (work / 'al_state.json').read_text()
    for damaged in (text[:100], '[]', '{"version": 1}', ''):
        (work / 'al_state.json').write_text(damaged)
        with pytest.raises(ValueError, match='al_state.json is damaged'):
            run(toy_config(devkit), work, 'auto')
    (work / 'al_state.json').unlink()
    with pytest.raises(UsageError, match=r'epoch_4.pth belongs to an experiment whose al_state.json is gone'):
        run(toy_config(devkit), work, 'auto')


def test_lists_that_have_grown(finished, tmp_path):
    kit = write_devkit(tmp_path / 'kit')
    work = tmp_path / 'work'
    run(toy_config(kit, cycles=1), work)
    (kit / 'VOC2012/ImageSets/Main/trainval.txt').write_text('2008_000001\n')
    with pytest.raises(UsageError, match='has 12 images, the pool has 9'):
        run(toy_config(kit), work, 'auto')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(initial_size=0), 'initial_size >= 1'),
        (dict(initial_size=13), 'initial_size is 13, but the pool has 12 images'),
        (dict(budget=-1), 'budget >= 0'),
        (dict(cycles=0), 'at least 1 cycle'),
        (dict(start_cycle=1), 'start_cycle and unlabeled_file need labeled_file'),
        ({'active_learning.bugdet': 3}, "active_learning: .*'bugdet'"),
        ({'active_learning.score_dataloader': None}, 'set active_learning.score_dataloader'),
        ({'randomness.seed': None}, 'set seed, or randomness.seed'),
    ],
)
def test_mistakes_in_settings(devkit, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        run(toy_config(devkit, **options), tmp_path / 'work')
    assert not (tmp_path / 'work').exists()


def test_config_without_what_is_needed(devkit, tmp_path):
    config = toy_config(devkit)
    config.pop('active_learning')
    with pytest.raises(UsageError, match='ActiveLearningRunner needs active_learning'):
        prepare_training(config, str(tmp_path))
