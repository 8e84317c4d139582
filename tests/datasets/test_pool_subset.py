"""Subsets of a pool as datasets: samples, filters, loaders, and that no label of an unlabeled image gets in."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from wsod_mm.active.files import write_ids
from wsod_mm.datasets import POOL_META_KEYS, PoolSubset, VOCPool, pool_subset
from wsod_mm.registry import DATA_SAMPLERS, DATASETS

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(120, 80), keep_ratio=True),
    dict(type='RandomFlip', prob=1.0),
    dict(type='PackDetInputs', meta_keys=POOL_META_KEYS),
]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('wsod_mm')


@pytest.fixture
def kit(devkit):
    """Seven images: 0 cat and difficult dog, 1 difficult cat, 2 empty, 3 portrait, 4 and 5 small, 6 landscape."""
    for name, size in (('4', (40, 60)), ('5', (31, 50)), ('6', (50, 31)), ('7', (60, 32))):
        devkit.image(name, *size)
        devkit.xml(name, [('dog', 0, (2, 2, 20, 20))], *size)
    devkit.split('all', [str(i) for i in range(1, 8)])
    return devkit


def pool(kit, **options):
    return dict(
        type='VOCPool',
        data_root=str(kit.root),
        lists=['VOC2007/ImageSets/Main/all.txt'],
        classes=('cat', 'dog'),
        **options,
    )


def make(kit, subset='labeled', ids=None, pipeline=PIPELINE, pool_options=None, **options):
    config = dict(type='PoolSubset', pool=pool(kit, **(pool_options or {})), subset=subset, ids=ids, pipeline=pipeline)
    return DATASETS.build({**config, **options})


def headers(monkeypatch):
    """Count the images whose header is opened."""
    opened = []
    original = pool_subset.read_image_size
    monkeypatch.setattr(pool_subset, 'read_image_size', lambda path: opened.append(path) or original(path))
    return opened


def equal(a, b):
    """Whether two samples are the same, bit for bit."""
    sample_a, sample_b = a['data_samples'], b['data_samples']
    return (
        torch.equal(a['inputs'], b['inputs'])
        and sample_a.metainfo == sample_b.metainfo
        and torch.equal(sample_a.gt_instances.bboxes.tensor, sample_b.gt_instances.bboxes.tensor)
        and torch.equal(sample_a.gt_instances.labels, sample_b.gt_instances.labels)
    )


def test_labeled_samples(kit):
    dataset = make(kit, ids=[6, 0, 2])
    assert len(dataset) == 3 and dataset.ids.tolist() == [6, 0, 2] and dataset.metainfo['classes'] == ('cat', 'dog')
    info = dataset.get_data_info(1)
    assert (info['labeled'], info['pool_id'], info['sample_idx'], info['img_id']) == (True, 0, 1, '1')
    sample = dataset[1]['data_samples']
    assert sample.metainfo['labeled'] is True and sample.metainfo['pool_id'] == 0
    # 60 x 40 to 120 x 80, flipped: (0, 0, 59, 39) becomes (2, 0, 120, 78)
    assert sample.gt_instances.bboxes.tensor.tolist() == [[2, 0, 120, 78]] and sample.gt_instances.labels.tolist() == [
        0
    ]
    assert sample.ignored_instances.labels.tolist() == [1]
    empty = dataset[2]['data_samples']
    assert (
        empty.labeled and empty.gt_instances.bboxes.shape == (0, 4) and empty.gt_instances.labels.dtype == torch.int64
    )


@pytest.mark.parametrize('subset', ['unlabeled', 'candidates'])
def test_unlabeled_samples_do_not_depend_on_annotations(kit, subset):
    before = make(kit, subset, ids=[0, 1, 2, 3])
    shutil.rmtree(kit.voc / 'Annotations')
    after = make(kit, subset, ids=[0, 1, 2, 3])
    for k in range(4):
        assert before.get_data_info(k) == after.get_data_info(k)
        assert equal(before[k], after[k])
        sample = after[k]['data_samples']
        assert sample.labeled is False and sample.pool_id == k
        assert sample.gt_instances.bboxes.shape == (0, 4) and sample.ignored_instances.bboxes.shape == (0, 4)
    with pytest.raises(FileNotFoundError, match=r'1\.xml; annotate the image'):
        make(kit, 'labeled', ids=[0])


def test_nothing_else_of_a_dataset_reaches_an_unlabeled_sample(kit):
    year = dict(ann_file='VOC2007/ImageSets/Main/all.txt', data_prefix=dict(sub_data_root='VOC2007/'))
    inner = dict(type='VOCDataset', data_root=str(kit.root), metainfo=dict(classes=('cat', 'dog')), **year)
    for subset in ('labeled', 'unlabeled', 'candidates'):
        dataset = PoolSubset(dict(type='DatasetPool', dataset=inner), subset, [0, 3])
        other = make(kit, subset, [0, 3])
        assert [dataset.get_data_info(k) for k in (0, 1)] == [other.get_data_info(k) for k in (0, 1)]


def test_annotations_of_labeled_images_are_checked_at_the_start(kit):
    kit.xml('2', [('cat', 0, (5, 5, 5, 9))])
    with pytest.raises(ValueError, match=r"2\.xml: the box of 'cat' has no area"):
        make(kit, ids=[0, 1])
    assert len(make(kit, ids=[0, 2])) == 2 and len(make(kit, 'unlabeled', ids=[0, 1])) == 2


def test_small_images_are_left_out_of_training_only(kit, monkeypatch):
    lines = []
    monkeypatch.setattr(pool_subset, 'print_log', lambda line, **_: lines.append(line))
    for subset in ('labeled', 'unlabeled'):
        dataset = make(kit, subset)
        assert dataset.ids.tolist() == [0, 1, 2, 3, 6]
        assert [dataset.get_data_info(k)['pool_id'] for k in range(5)] == [0, 1, 2, 3, 6]
        assert len(lines) == 1 and f'2 of 7 {subset} images have a side below 32' in lines[0]
        assert lines.pop().endswith('trained on: 5, 6')
    assert make(kit, 'candidates').ids.tolist() == list(range(7))
    assert make(kit, 'unlabeled', pool_options=dict(min_size=0)).ids.tolist() == list(range(7))
    assert make(kit, pool_options=dict(min_size=40)).ids.tolist() == [0, 1, 2, 3]
    assert len(make(kit, ids=[4, 5])) == 0


def test_images_are_opened_only_when_their_size_is_needed(kit, monkeypatch):
    opened = headers(monkeypatch)
    for subset, min_size in (('unlabeled', 0), ('candidates', 32)):
        dataset = make(kit, subset, pool_options=dict(min_size=min_size))
        assert opened == [] and len(dataset) == 7
        assert [dataset.get_data_info(5)[key] for key in ('height', 'width')] == [31, 50]
        assert dataset.get_data_info(-2)['sample_idx'] == 5 and len(opened) == 1  # the second time it is known
        opened.clear()
    dataset = make(kit, 'unlabeled')
    assert len(opened) == 7
    assert dataset.get_data_info(0)['width'] == 60 and len(opened) == 7


@pytest.mark.parametrize('subset', ['labeled', 'unlabeled', 'candidates'])
@pytest.mark.parametrize('workers', [0, 2])
def test_loader_with_aspect_ratios_and_repeats(kit, subset, workers):
    inner = dict(type='PoolSubset', pool=pool(kit), subset=subset, ids=[0, 3, 6, 1], pipeline=PIPELINE)
    dataset = DATASETS.build(dict(type='RepeatDataset', times=2, dataset=inner))
    sampler = DefaultSampler(dataset, shuffle=True, seed=0)
    batches = DATA_SAMPLERS.build(dict(type='AspectRatioBatchSampler', sampler=sampler, batch_size=2))
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=workers, collate_fn=pseudo_collate)
    seen = []
    for batch in loader:
        shapes = {tuple(image.shape[1:]) for image in batch['inputs']}
        assert len({height > width for height, width in shapes}) == 1
        seen += [sample.pool_id for sample in batch['data_samples']]
        assert all(sample.labeled is (subset == 'labeled') for sample in batch['data_samples'])
    assert sorted(seen) == [0, 0, 1, 1, 3, 3, 6, 6]


def test_pickles_without_the_pool(kit):
    names = [f'{i:06d}' for i in range(3000)]
    kit.split('many', [*names, '1'])
    options = dict(lists=['VOC2007/ImageSets/Main/many.txt'], check_files=False)
    whole = pool(kit) | options
    dataset = PoolSubset(whole, 'labeled', [3000], PIPELINE)
    assert len(pickle.dumps(dataset)) < 20_000 < len(pickle.dumps(DATASETS.build(whole)))
    again = pickle.loads(pickle.dumps(dataset))
    assert again.get_data_info(0) == dataset.get_data_info(0)
    assert equal(again[0], dataset[0])


@pytest.mark.parametrize('subset', ['labeled', 'unlabeled', 'candidates'])
@pytest.mark.parametrize('serialize', [True, False])
def test_no_images_and_one_image(kit, subset, serialize):
    none = make(kit, subset, ids=[], serialize_data=serialize)
    assert len(none) == 0 and none.ids.dtype == np.int64 and none.ids.shape == (0,)
    assert len(DATASETS.build(dict(type='RepeatDataset', times=2, dataset=none))) == 0
    one = make(kit, subset, ids=np.array([6]), serialize_data=serialize)
    assert len(one) == 1 and one[0]['data_samples'].pool_id == 6


def test_ids_from_a_file_and_wrong_ids(kit, tmp_path):
    path = tmp_path / 'X_L_0.npy'
    write_ids(path, [3, 0], 7)
    assert make(kit, ids=str(path)).ids.tolist() == [0, 3] and make(kit, ids=path).ids.tolist() == [0, 3]
    with pytest.raises(FileNotFoundError, match=r'X_L_1\.npy.*X_L_0\.npy'):
        make(kit, ids=str(tmp_path / 'X_L_1.npy'))
    for ids, message in (
        ([7], r'labeled PoolSubset: 1 ids are not in 0\.\.6'),
        ([1, 1], 'more than once'),
        ([0.0], 'ids must be integers'),
    ):
        with pytest.raises(ValueError, match=message):
            make(kit, ids=ids)


def test_broken_image_is_an_error_for_candidates_only(kit):
    """In training another image takes its place, as in all datasets of mmengine; scores must not be mixed up so."""

    def drop_first(info):
        return None if info['pool_id'] == 0 else info

    assert make(kit, 'labeled', [0, 1], [drop_first])[0]['pool_id'] == 1
    with pytest.raises(Exception, match='should not get `None`'):
        make(kit, 'candidates', [0, 1], [drop_first])[0]


def test_test_mode(kit):
    assert make(kit, 'candidates').test_mode and not make(kit, 'unlabeled').test_mode and not make(kit).test_mode
    assert make(kit, test_mode=True).test_mode


def test_pipeline_must_pass_on_what_is_labeled(kit):
    stock = [*PIPELINE[:-1], dict(type='PackDetInputs')]
    with pytest.raises(ValueError, match=r"PackDetInputs lacks \['labeled', 'pool_id'\].*POOL_META_KEYS"):
        make(kit, pipeline=stock)
    assert len(make(kit, pipeline=[])) == 5


def test_one_pool_for_several_subsets_and_wrong_pools(kit):
    shared = VOCPool(str(kit.root), ['VOC2007/ImageSets/Main/all.txt'], ('cat', 'dog'))
    assert len(PoolSubset(shared, 'labeled', [0])) == len(PoolSubset(shared, 'candidates', [1])) == 1
    with pytest.raises(TypeError, match="pool must be a pool .* got list; .*'DatasetPool'"):
        PoolSubset([1], 'labeled')
    with pytest.raises(ValueError, match='subset must be one of'):
        PoolSubset(shared, 'X_L')


def test_one_class(kit):
    pools = dict(pool(kit, unknown='ignore'), classes=('cat',))
    dataset = PoolSubset(pools, 'labeled', [0, 1], PIPELINE)
    assert dataset.metainfo['classes'] == ('cat',) and dataset[0]['data_samples'].gt_instances.labels.tolist() == [0]
    assert dataset.get_cat_ids(0) == [0]


def test_lazy_init_and_subset_of_a_subset(kit):
    dataset = make(kit, 'unlabeled', lazy_init=True)
    assert dataset.metainfo['classes'] == ('cat', 'dog') and len(dataset) == 5  # len() reads the entries
    part = dataset.get_subset([3, 1])
    assert part.ids.tolist() == [3, 1] and part.get_data_info(0)['width'] == 40
