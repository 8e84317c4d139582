"""Any detection dataset as a pool."""

from unittest.mock import Mock

import pytest

from wsod_mm.datasets import DatasetPool, PoolPart, VOCPool

CLASSES = ('cat', 'dog')


def voc(kit, kind='VOCDataset', split='trainval', **options):
    year = kit.voc.name
    return dict(
        type=kind,
        data_root=str(kit.root),
        ann_file=f'{year}/ImageSets/Main/{split}.txt',
        data_prefix=dict(sub_data_root=f'{year}/'),
        metainfo=dict(classes=CLASSES),
        pipeline=[dict(type='LoadImageFromFile')],
        serialize_data=False,
        **options,
    )


@pytest.mark.parametrize('kind', ['VOCDataset', 'WeakVOCDataset'])
@pytest.mark.parametrize('concat', [False, True])
def test_equals_the_pool_of_the_format(years, kind, concat):
    configs = [voc(kit, kind, filter_cfg=dict(filter_empty_gt=True, min_size=50)) for kit in years]
    pool = DatasetPool(dict(type='ConcatDataset', datasets=configs) if concat else configs)
    other = VOCPool(str(years[0].root), classes=CLASSES)
    assert pool.names == other.names and pool.parts == other.parts and pool.min_size == 32
    assert pool.metainfo['classes'] == CLASSES
    for i in range(5):
        for labeled in (True, False):
            assert pool.record(i, labeled) == other.record(i, labeled)


def test_coco(coco):
    options = coco(images=[(7, '7.jpg')], annotations=[dict(image_id=7, category_id=1, bbox=[1, 2, 5, 6], area=30)])
    pool = DatasetPool(
        dict(
            type='CocoDataset',
            ann_file='train.json',
            data_root=options['data_root'],
            data_prefix=dict(img='img'),
            metainfo=dict(classes=('dog', 'cat')),
        )
    )
    assert pool.names == ['7'] and pool.parts == [PoolPart('train', 0, 1)]
    record = pool.record(0, True)
    assert record['img_id'] == 7 and record['instances'][0]['bbox'] == [1, 2, 6, 8]


def test_boxes_without_area(years):
    years[0].xml('000007', [('cat', 0, (5, 5, 5, 9))])
    with pytest.raises(ValueError, match=r"trainval\.txt, image 000007: the box of 'cat' has no area"):
        DatasetPool(voc(years[0])).instances(0)
    assert DatasetPool(voc(years[0]), degenerate='drop').instances(0) == []


def test_fewer_classes_than_labels(years):
    pool = DatasetPool(voc(years[0]), metainfo=dict(classes=('cat',)))
    with pytest.raises(ValueError, match=r'bbox_label 1 is not in 0\.\.0'):
        pool.instances(0)


def test_datasets_without_boxes(root):
    pool = DatasetPool(dict(type='WeakFolderDataset', data_root=str(root / 'img')))
    assert len(pool) == 3 and pool.record(0, False)['instances'] == []
    with pytest.raises(ValueError, match='gives no boxes'):
        pool.record(0, True)


def test_refuses_what_is_no_plain_dataset(years):
    inner = voc(years[0])
    with pytest.raises(TypeError, match='a RepeatDataset repeats images.*wrap the PoolSubset'):
        DatasetPool(dict(type='RepeatDataset', times=2, dataset=inner))
    with pytest.raises(TypeError, match='must be the config'):
        DatasetPool([3])
    with pytest.raises(ValueError, match='dataset is empty'):
        DatasetPool([])
    with pytest.raises(TypeError, match='Mock is no detection dataset'):
        DatasetPool(dict(type=Mock))
    with pytest.raises(ValueError, match='differ in their classes'):
        DatasetPool([inner, voc(years[1]) | dict(metainfo=dict(classes=('dog', 'cat')))])
    with pytest.raises(ValueError, match='listed twice'):
        DatasetPool([inner, inner])
