"""Ids, names, parts and boxes of VOC image sets."""

import re

import numpy as np
import pytest
from mmdet.datasets import VOCDataset

from wsod_mm.datasets import PoolPart, VOCPool
from wsod_mm.registry import DATASETS

CLASSES = ('cat', 'dog')


def make(kit, **options):
    options = dict(classes=CLASSES, data_root=str(kit.root)) | options
    return DATASETS.build(dict(type='VOCPool', **options))


def test_ids_follow_the_lists(years):
    pool = make(years[0])
    assert pool.names == ['000007', '000005', '000009', '2008_000001', '2008_000002'] and len(pool) == 5
    assert pool.parts == [PoolPart('07', 0, 3), PoolPart('12', 3, 2)] and pool.parts[1].stop == 5
    assert [pool.part_index(i) for i in range(5)] == [0, 0, 0, 1, 1]
    assert pool.image(3) == dict(img_path=str(years[1].voc / 'JPEGImages/2008_000001.jpg'), img_id='2008_000001')
    for i in (-1, 5):
        with pytest.raises(IndexError, match=rf'0\.\.4, got {i}'):
            pool.record(i, False)


def test_boxes_equal_those_of_mmdet(shared_data):
    root = shared_data / 'voc2012_20cls_native'
    theirs = VOCDataset(
        data_root=str(root),
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        test_mode=True,
    )
    ours = VOCPool(str(root), ['VOC2007/ImageSets/Main/trainval.txt'])
    assert ours.metainfo['classes'] == theirs.metainfo['classes'] and len(ours.metainfo['palette']) == 20
    assert len(ours) == len(theirs) == 45
    for i in range(len(ours)):
        info, record = theirs.get_data_info(i), ours.record(i, labeled=True)
        assert all(record[key] == info[key] for key in ('img_id', 'height', 'width', 'instances', 'img_path'))
    flags = [o['ignore_flag'] for i in range(len(ours)) for o in ours.instances(i)]
    assert set(flags) == {0, 1}


def test_fractions_are_cut_off_as_in_mmdet(years):
    years[0].xml('000007', [('cat', 0, (45.7, 1.2, 50.99999, 40.5)), ('cat', 0, (0.5, 1, 5, 5))])
    theirs = VOCDataset(
        data_root=str(years[0].root),
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=CLASSES),
        test_mode=True,
    )
    assert make(years[0]).instances(0) == theirs.get_data_info(0)['instances']
    assert make(years[0]).instances(0)[0]['bbox'] == [44, 0, 49, 39]


def test_record_of_an_unlabeled_image_opens_no_annotation(years):
    pool = make(years[0])
    labeled = [pool.record(i, True) for i in range(5)]
    unlabeled = [pool.record(i, False) for i in range(5)]
    assert unlabeled == [{**record, 'instances': []} for record in labeled]
    assert [len(record['instances']) for record in labeled] == [2, 3, 0, 1, 1]
    for kit in years:
        for path in (kit.voc / 'Annotations').iterdir():
            path.unlink()
        (kit.voc / 'Annotations').rmdir()
    pool = make(years[0])
    assert [pool.record(i, False) for i in range(5)] == unlabeled
    with pytest.raises(FileNotFoundError, match=r"'000005' \(id 1\).*no annotation .*000005\.xml; annotate"):
        pool.record(1, True)


def test_size_is_that_of_the_image_not_of_the_annotation(years):
    years[0].xml('000007', [('cat', 0, (1, 1, 5, 5))], width=1000, height=0)
    pool = make(years[0])
    for labeled in (True, False):
        record = pool.record(0, labeled)
        assert (record['height'], record['width']) == (40, 60)


def test_wrong_annotations_name_file_and_fix(years):
    pool = make(years[0])
    years[0].xml('000007', [('zebra', 0, (1, 1, 5, 5)), ('cat', 0, (1, 1, 5, 5))])
    with pytest.raises(ValueError, match=r"000007\.xml: class 'zebra'.*unknown='ignore'"):
        pool.instances(0)
    assert [o['bbox_label'] for o in make(years[0], unknown='ignore').instances(0)] == [0]
    years[0].xml('000007', [('cat', 0, (5, 5, 5, 9)), ('dog', 0, (5, 5, 6, 6))])
    with pytest.raises(ValueError, match=r"000007\.xml: the box of 'cat' has no area.*degenerate='drop'"):
        pool.instances(0)
    assert [o['bbox_label'] for o in make(years[0], degenerate='drop').instances(0)] == [1]
    years[0].xml('000007', [('cat', 1, (5, 5, 5, 9))])
    assert pool.instances(0)[0]['ignore_flag'] == 1  # no target is computed from it
    for box in ((9, 1, 5, 5), ('nan', 1, 5, 5)):
        years[0].xml('000007', [('cat', 1, box)])
        with pytest.raises(ValueError, match='no area'):
            pool.instances(0)
    assert pool.record(0, False)['instances'] == []


def test_names_are_unique_where_lists_share_them(years):
    old, new = years
    new.image('000005')
    pool = make(old, lists=[old.split('one', ['000005']), new.split('one', ['000005', '2008_000001'])])
    assert pool.names == ['VOC2007/000005', 'VOC2012/000005', 'VOC2012/2008_000001']
    assert [pool.image(i)['img_id'] for i in range(3)] == ['000005', '000005', '2008_000001']
    assert pool.parts[1] == PoolPart('12', 1, 2, 'VOC2012/')
    assert pool.annotation_path(1).endswith('VOC2012/Annotations/000005.xml')
    two = make(old, lists=[old.split('a', ['000005']), old.split('b', ['000009'])])
    assert [part.name for part in two.parts] == ['07_a', '07_b'] and two.names == ['000005', '000009']


def test_part_of_another_devkit_has_its_name(tmp_path):
    from .conftest import Year

    kit = Year(tmp_path, 'my pets')
    kit.image('a')
    pool = make(kit, lists=kit.split('all', ['a']))
    assert pool.parts == [PoolPart('my_pets', 0, 1)]


def test_wrong_lists(years):
    old, new = years
    with pytest.raises(ValueError, match="'000005' is listed twice.*one.txt"):
        make(old, lists=[old.split('one', ['000005', '000007', '000005'])])
    with pytest.raises(ValueError, match=r"'000005' is listed twice: in .*two\.txt and in .*trainval\.txt"):
        make(old, lists=[old.split('two', ['000005']), 'VOC2007/ImageSets/Main/trainval.txt'])
    with pytest.raises(ValueError, match='no images in .*none.txt'):
        make(old, lists=[old.split('none', [])])
    with pytest.raises(FileNotFoundError, match=re.escape("has the sets ['none', 'one', 'trainval', 'two']")):
        make(old, lists=['VOC2007/ImageSets/Main/val.txt'])
    gone = [old.split('gone', ['000005', '8'])]
    with pytest.raises(FileNotFoundError, match=r'1 of the 2 images .*8\.jpg; correct data_root'):
        make(old, lists=gone)
    assert make(old, lists=gone, check_files=False).missing_images() == [1]


def test_other_endings(years):
    years[0].image('000005').rename(years[0].voc / 'JPEGImages/x.png')
    pool = make(years[0], lists=[years[0].split('png', ['x'])], img_suffix='.png')
    assert pool.record(0, False)['width'] == 60


def test_classes(years):
    assert len(VOCPool(str(years[0].root)).metainfo['classes']) == 20
    one = make(years[0], classes=['cat'], unknown='ignore')
    assert one.metainfo['classes'] == ('cat',) and one.metainfo['palette'] == [VOCDataset.METAINFO['palette'][7]]
    assert [o['bbox_label'] for o in one.instances(1)] == [0]
    assert 'palette' not in make(years[0], classes=('cat', 'unicorn')).metainfo
    given = make(years[0], classes=None, metainfo=dict(classes=('dog', 'cat'), palette=[(1, 2, 3), (4, 5, 6)]))
    assert given.metainfo['palette'] == [(1, 2, 3), (4, 5, 6)]
    assert given.instances(0)[0]['bbox_label'] == 0
    for options, message in (
        (dict(classes='cat'), r"the string 'cat'; for a single class write classes=\('cat',\)"),
        (dict(classes=()), 'needs classes'),
        (dict(classes=('cat', 'cat')), r"\['cat'\] more than once"),
        (dict(metainfo=dict(classes=('cat',))), 'both in classes and in metainfo'),
        (dict(unknown='drop'), 'unknown must be one of'),
        (dict(degenerate='clip'), 'degenerate must be one of'),
    ):
        with pytest.raises(ValueError, match=message):
            make(years[0], **options)


def test_list_relative_to_the_working_folder(years, monkeypatch):
    monkeypatch.chdir(years[0].voc)
    pool = VOCPool(lists=['ImageSets/Main/trainval.txt'], classes=CLASSES)
    assert pool.parts[0].name == '07' and len(pool.instances(1)) == 3


def test_default_lists_of_voc_give_the_ids_of_the_public_code(tmp_path, goldens_dir):
    from wsod_mm.active.pool import initial_split, split_by_dataset

    from .conftest import Year

    for folder, size in (('VOC2007', 5011), ('VOC2012', 11540)):
        Year(tmp_path, folder).split('trainval', [f'{folder[-2:]}{i:06d}' for i in range(size)])
    pool = VOCPool(str(tmp_path), check_files=False)
    assert [(part.name, part.start, part.size) for part in pool.parts] == [('07', 0, 5011), ('12', 5011, 11540)]
    golden = np.load(goldens_dir / 'miaod/init_split_case0.npz')
    labeled = initial_split(len(pool), len(pool) // 20).labeled
    assert np.array_equal(labeled, golden['X_L_0'])
    local = split_by_dataset(labeled, [part.size for part in pool.parts])
    for part, positions in zip(pool.parts, local, strict=True):
        assert np.array_equal(positions, golden[f'L{part.name}_local'])
