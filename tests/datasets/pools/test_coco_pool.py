"""COCO files as pools."""

import json

import numpy as np
import pytest
from mmdet.datasets import CocoDataset

from wsod_mm.datasets import CocoPool, PoolPart

IMAGES = [(7, 'b/7.jpg'), (3, '3.jpg'), (5, '5.jpg')]


def box(image_id, category_id=11, bbox=(2, 3, 10, 20), **more):
    return dict(image_id=image_id, category_id=category_id, bbox=list(bbox), area=bbox[2] * bbox[3], **more)


def test_equals_mmdet_but_for_the_order_of_classes(coco):
    annotations = [
        box(3),
        box(7, 1, iscrowd=1),
        box(3, 1, (0.5, 0.25, 5.5, 4)),
        box(3, 11, (1, 1, 0.5, 9)),
        box(5, 1, (70, 5, 9, 9)),
        box(5, 1, (3, 3, 9, 9), ignore=1),
        box(7),
    ]
    options = coco(images=IMAGES, annotations=annotations)
    pool = CocoPool(**options)
    theirs = CocoDataset(
        ann_file='train.json',
        data_prefix=dict(img='img'),
        data_root=options['data_root'],
        metainfo=dict(classes=('dog', 'cat')),
        test_mode=True,
    )
    assert pool.names == ['b/7.jpg', '3.jpg', '5.jpg'] and pool.parts == [PoolPart('train', 0, 3)]
    for i in range(3):
        info, record = theirs.get_data_info(i), pool.record(i, True)
        for instance in info['instances']:
            instance['bbox_label'] = 1 - instance['bbox_label']
        assert all(record[key] == info[key] for key in ('img_id', 'img_path', 'height', 'width', 'instances'))
    assert [len(pool.instances(i)) for i in range(3)] == [2, 2, 0]
    strict = CocoPool(**options, degenerate='error')
    for i, name in ((1, '3.jpg'), (2, '5.jpg')):
        with pytest.raises(ValueError, match=rf"train\.json, image {i * 2 + 1} \({name}\): the box.*degenerate='drop'"):
            strict.instances(i)


def test_images_without_annotations(coco):
    options = coco(images=IMAGES, annotations=None)
    pool = CocoPool(**options)
    assert pool.record(0, False)['instances'] == [] and pool.record(1, False)['img_id'] == 3
    with pytest.raises(FileNotFoundError, match=r'image 3 \(3\.jpg\).*has no "annotations"'):
        pool.record(1, True)
    with pytest.raises(ValueError, match='which filter_empty_gt needs'):
        CocoPool(**options, filter_empty_gt=True)
    pool = CocoPool(**coco(images=IMAGES, annotations=[]))
    assert [pool.record(i, True)['instances'] for i in range(3)] == [[], [], []]


def test_filter_empty_gt_defines_the_pool(coco):
    options = coco(images=IMAGES, annotations=[box(7, 1), box(5)])
    assert CocoPool(**options).names == ['b/7.jpg', '3.jpg', '5.jpg']
    pool = CocoPool(**options, filter_empty_gt=True)
    assert pool.names == ['b/7.jpg', '5.jpg'] and [len(pool.instances(i)) for i in range(2)] == [1, 1]
    only_dogs = CocoPool(**{**options, 'classes': ('dog',)}, unknown='ignore', filter_empty_gt=True)
    assert only_dogs.names == ['b/7.jpg']


def test_some_of_the_categories(coco):
    options = coco(images=IMAGES, annotations=[box(7, 1), box(7)]) | dict(classes=('dog',))
    with pytest.raises(ValueError, match=r"train\.json, image 7 .*class 'cat'.*unknown='ignore'"):
        CocoPool(**options).instances(0)
    assert [o['bbox_label'] for o in CocoPool(**options, unknown='ignore').instances(0)] == [0]
    with pytest.raises(ValueError, match=r"has no category 'cow' \(1 of the 2"):
        CocoPool(**{**options, 'classes': ('dog', 'cow')})


def test_several_files(coco):
    first = coco('a.json', IMAGES[:2], [box(3)], 'one')
    coco('b.json', [(3, '3.jpg')], None, 'two', sizes=False)
    options = first | dict(ann_file=['a.json', 'b.json'])
    pool = CocoPool(**options | dict(data_prefix=[dict(img='one'), 'two']))
    assert pool.names == ['a/b/7.jpg', 'a/3.jpg', 'b/3.jpg']
    assert pool.parts == [PoolPart('a', 0, 2, 'a/'), PoolPart('b', 2, 1, 'b/')]
    assert 'height' not in pool.image(2) and pool.record(2, False)['height'] == 40
    with pytest.raises(FileNotFoundError, match='b.json'):
        pool.instances(2)
    with pytest.raises(ValueError, match='2 files but data_prefix 1 folders'):
        CocoPool(**options | dict(data_prefix=['one']))


def test_default_classes_are_those_of_coco(coco):
    options = coco(images=IMAGES, annotations=None)
    assert len(CocoPool(**options | dict(classes=None)).metainfo['classes']) == 80


def test_broken_annotation_matters_only_where_it_is_used(coco):
    pool = CocoPool(**coco(images=IMAGES, annotations=[dict(image_id=7, category_id=1), box(3, 99), box(5)]))
    assert [len(pool.record(i, False)['instances']) for i in range(3)] == [0, 0, 0]
    with pytest.raises(ValueError, match=r'image 7 .*no "bbox"'):
        pool.instances(0)
    with pytest.raises(ValueError, match=r'image 3 .*category_id is not in'):
        pool.instances(1)
    assert len(pool.instances(2)) == 1


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ([], 'not in COCO format'),
        (dict(annotations=[]), 'not in COCO format'),
        (dict(images=3), 'not in COCO format'),
        (dict(images=[dict(id=1)]), r'an entry of "images" lacks'),
        (dict(images=[dict(id=1, file_name='a')], annotations=[{}]), r'an entry of "annotations" lacks'),
        (dict(images=[dict(id=1, file_name='a'), dict(id=1, file_name='b')]), 'the same "id"'),
        (dict(images=[dict(id=1, file_name='a'), dict(id=2, file_name='a')]), "'a' is listed twice"),
        (dict(images=[]), 'no images'),
        (
            dict(
                images=[dict(id=1, file_name='a')],
                categories=[dict(id=1, name='cat')],
                annotations=[dict(image_id='1', category_id=1)],
            ),
            "image_id is for instance '1'",
        ),
    ],
)
def test_wrong_files(tmp_path, data, message):
    (tmp_path / 'x.json').write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        CocoPool('x.json', data_root=str(tmp_path), classes=('cat',), check_files=False)


def test_missing_files(tmp_path, coco):
    options = coco(images=IMAGES, annotations=None)
    with pytest.raises(FileNotFoundError, match=r"no COCO file .*val\.json; .* has \['train\.json'\]"):
        CocoPool(**options | dict(ann_file='val.json'))
    (tmp_path / 'img/3.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of the 3 images .*3\.jpg'):
        CocoPool(**options)
    (tmp_path / 'train.json').write_text('{')
    with pytest.raises(ValueError, match='not valid JSON'):
        CocoPool(**options)


def test_large_files_are_kept_in_arrays(coco):
    options = coco(images=[(i, f'{i}.jpg') for i in range(4)], annotations=[box(i % 4) for i in range(4000)])
    file = CocoPool(**options)._files[0]
    assert file.starts.tolist() == [0, 1000, 2000, 3000, 4000] and isinstance(file.boxes, np.ndarray)


def test_area_may_be_missing(coco):
    annotations = [
        dict(image_id=7, category_id=1, bbox=[1, 2, 5, 6]),
        dict(image_id=3, category_id=1, bbox=[1, 2, 0, 6]),
    ]
    pool = CocoPool(**coco(images=IMAGES, annotations=annotations))
    assert [len(pool.instances(i)) for i in range(3)] == [1, 0, 0]
