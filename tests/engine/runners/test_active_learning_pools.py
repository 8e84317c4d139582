"""Pools and sets of awkward size: no StopIteration, and no experiment that ends in the middle of the night."""

import numpy as np
import pytest

from wsod_mm.apis.config import UsageError

from .experiment import NAMES, run, state, toy_config, with_pool, write_devkit, write_xml


def sizes(work):
    """Numbers of labeled and unlabeled images, by cycle."""
    return [(entry['n_labeled'], entry['n_unlabeled']) for entry in state(work)['cycles']]


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(initial_size=8, budget=2), [(8, 4), (10, 2)]),  # fewer unlabeled images than labeled ones
        (dict(initial_size=9, budget=99, cycles=4), [(9, 3), (12, 0)]),  # all that are left, and it ends
        (dict(initial_size=12, budget=2), [(12, 0)]),  # nothing to choose from
        (dict(initial_size=4, budget=0, cycles=3), [(4, 4)]),
        (dict(initial_size=1, budget=1), [(1, 1), (2, 2)]),
        (dict(initial_size=3, budget=2, unlabeled_size=1), [(3, 1), (5, 1)]),
        (dict(initial_size=3, budget=4, unlabeled_size=0), [(3, 0), (7, 0)]),
        (dict(initial_size=4, budget=3, candidates=2), [(4, 4), (6, 6)]),  # no more than candidates
        (dict(initial_size=4, budget=3, candidates=0.25), [(4, 4), (7, 5)]),
    ],
)
def test_sizes(devkit, tmp_path, options, expected):
    runner = run(toy_config(devkit, **options), tmp_path)
    assert sizes(tmp_path) == expected and runner.state.phase == 'done'
    for cycle, (_, unlabeled) in enumerate(expected):
        labeled, rest = (np.load(tmp_path / f'X_{which}_{cycle}.npy') for which in 'LU')
        assert len(rest) == unlabeled and rest.dtype == np.int64 and not set(labeled) & set(rest)
        stages = (tmp_path / f'cycle{cycle}').glob('*/*.log')
        assert any(('stages "min" and "max" are skipped' in log.read_text()) == (unlabeled == 0) for log in stages)
    if options.get('candidates'):
        scores = np.load(tmp_path / 'cycle0/uncertainty_0.npy')
        assert np.isfinite(scores).sum() == (2 if options['candidates'] == 2 else 3)


def test_message_of_the_last_cycle(devkit, tmp_path, capsys):
    run(toy_config(devkit, initial_size=12), tmp_path / 'all')
    run(toy_config(devkit, budget=0), tmp_path / 'none')
    text = capsys.readouterr().out
    assert 'no image is left to choose from: this was the last cycle' in text
    assert 'the budget is 0: this was the last cycle' in text


def test_nothing_left_and_more_cycles_wanted(devkit, tmp_path):
    run(toy_config(devkit, initial_size=12), tmp_path)
    assert run(toy_config(devkit, initial_size=12, cycles=5), tmp_path, 'auto').state.phase == 'done'
    assert sizes(tmp_path) == [(12, 0)]


@pytest.fixture(scope='module')
def strange_kit(tmp_path_factory):
    """Most images are without objects, as the annotations say."""
    kit = write_devkit(tmp_path_factory.mktemp('strange'))
    for path in kit.glob('VOC*/Annotations/*.xml'):
        if path.stem in NAMES and int(path.stem[-2:]) % 4 != 1:
            write_xml(path, [])
    return kit


def test_images_without_objects(strange_kit, tmp_path):
    """Whatever batch they are in: of the images here two come first, then a batch of nothing else."""
    np.save(tmp_path / 'ids.npy', np.arange(12))
    options = dict(labeled_file=str(tmp_path / 'ids.npy'), cycles=1)
    run(toy_config(strange_kit, **options), tmp_path / 'all')
    np.save(tmp_path / 'ids.npy', np.array([1, 2]))
    run(toy_config(strange_kit, **options), tmp_path / 'none')
    assert sizes(tmp_path / 'all') == [(12, 0)] and sizes(tmp_path / 'none') == [(2, 2)]


def test_one_class(devkit, tmp_path):
    config = toy_config(devkit, **{'model.bbox_head.num_classes': 1})
    with_pool(config, metainfo=dict(classes=('cat',)), unknown='ignore')
    config.val_dataloader.dataset.metainfo = dict(classes=('cat',))
    run(config, tmp_path)
    assert sizes(tmp_path) == [(4, 4), (6, 6)]


def test_one_image(devkit, tmp_path):
    lists = ['VOC2007/ImageSets/Main/one.txt']
    kit = write_devkit(tmp_path / 'kit')
    (kit / lists[0]).write_text('000003\n')
    run(with_pool(toy_config(kit, initial_size=1), lists=lists), tmp_path / 'work')
    assert sizes(tmp_path / 'work') == [(1, 0)]
    with pytest.raises(UsageError, match='initial_size is 2, but the pool has 1 images'):
        run(with_pool(toy_config(kit, initial_size=2), lists=lists), tmp_path / 'more')


def test_given_sets(devkit, tmp_path):
    np.save(tmp_path / 'none.npy', np.zeros(0, np.int64))
    np.save(tmp_path / 'large.npy', np.array([3, 12]))
    np.save(tmp_path / 'some.npy', np.array([5, 3]))
    with pytest.raises(UsageError, match='none.npy has no image; training needs at least one'):
        run(toy_config(devkit, labeled_file=str(tmp_path / 'none.npy')), tmp_path / 'work')
    with pytest.raises(ValueError, match=r'large.npy: 1 ids are not in 0..11'):
        run(toy_config(devkit, labeled_file=str(tmp_path / 'large.npy')), tmp_path / 'work')
    with pytest.raises(FileNotFoundError, match='gone.npy'):
        run(toy_config(devkit, labeled_file=str(tmp_path / 'gone.npy')), tmp_path / 'work')
    files = dict(labeled_file=str(tmp_path / 'some.npy'), unlabeled_file=str(tmp_path / 'none.npy'))
    run(toy_config(devkit, cycles=1, **files), tmp_path / 'work')
    assert sizes(tmp_path / 'work') == [(2, 0)]
