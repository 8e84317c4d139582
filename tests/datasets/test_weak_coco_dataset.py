"""Labels from a COCO file, with and without boxes in it."""

import json

import pytest

from wsod_mm.datasets import WeakCocoDataset

from ._formats import CLASSES, infos, labels


def coco(root, annotations, **kwargs):
    data = dict(
        images=[
            dict(id=7, file_name='a/1.jpg', width=30, height=20),
            dict(id=8, file_name='a/2.jpg', width=30, height=20),
        ],
        categories=[dict(id=3, name='cat'), dict(id=1, name='dog')],
        annotations=annotations,
    )
    (root / 'c.json').write_text(json.dumps(data))
    kwargs = {'metainfo': CLASSES, 'data_prefix': dict(img='img'), **kwargs}
    return WeakCocoDataset(ann_file='c.json', data_root=str(root), **kwargs)


def test_coco_labels_and_boxes(root):
    annotations = [
        dict(id=1, image_id=7, category_id=1, bbox=[2, 3, 10, 5], iscrowd=0),
        dict(id=2, image_id=7, category_id=3, bbox=[0, 0, 30, 20], iscrowd=1),
    ]
    assert labels(coco(root, annotations)) == {'7': [1], '8': []}
    assert labels(coco(root, annotations, difficult='include')) == {'7': [0, 1], '8': []}
    assert infos(coco(root, annotations, test_mode=True))[0]['instances'] == [
        dict(bbox=[2, 3, 11, 7], bbox_label=1, ignore_flag=0),
        dict(bbox=[0, 0, 29, 19], bbox_label=0, ignore_flag=1),
    ]


def test_coco_without_boxes_trains_and_says_what_test_needs(root):
    annotations = [dict(id=1, image_id=7, category_id=3)]
    dataset = coco(root, annotations)
    assert labels(dataset) == {'7': [0], '8': []} and 'instances' not in infos(dataset)[0]
    with pytest.raises(ValueError, match=r'c\.json, image 7: annotation 1 has bbox None'):
        coco(root, annotations, test_mode=True)


def test_bad_coco(root):
    with pytest.raises(ValueError, match="no category 'lion'"):
        coco(root, [], metainfo=dict(classes=('lion',)))
    with pytest.raises(ValueError, match="image 7: class 'dog'"):
        coco(root, [dict(id=1, image_id=7, category_id=1)], metainfo=dict(classes=('cat',)))
    with pytest.raises(ValueError, match='category_id 5 is not'):
        coco(root, [dict(id=1, image_id=7, category_id=5)])
    (root / 'd.json').write_text('[]')
    with pytest.raises(
        ValueError,
        match=r'd\.json is not in COCO format.*found '
        'list.*WeakJSONDataset',
    ):
        WeakCocoDataset(ann_file='d.json', data_root=str(root), metainfo=CLASSES)
    with pytest.raises(FileNotFoundError, match=r"has \['c.json', 'd.json'\]"):
        WeakCocoDataset(ann_file='e.json', data_root=str(root), metainfo=CLASSES)
