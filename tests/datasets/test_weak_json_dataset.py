"""Labels from a JSON file."""

import json

import pytest

from wsod_mm.datasets import WeakJSONDataset

from ._formats import CLASSES, infos, labels


def js(root, data, **kwargs):
    (root / 'l.json').write_text(data if isinstance(data, str) else json.dumps(data))
    kwargs = {'metainfo': CLASSES, 'data_prefix': dict(img='img'), **kwargs}
    return WeakJSONDataset(ann_file='l.json', data_root=str(root), **kwargs)


def test_json_both_layouts(root):
    entries = [
        dict(img_path='a/1.jpg', labels=['dog'], difficult=['cat']),
        dict(img_path='b/3.png', labels=[], img_id='z', height=5, width=6),
    ]
    assert labels(js(root, entries)) == {'1': [1], 'z': []}
    assert labels(js(root, entries, difficult='include')) == {'1': [0, 1], 'z': []}
    dataset = js(root, dict(metainfo=dict(classes=['dog', 'cat']), data_list=entries), metainfo=None)
    assert labels(dataset) == {'1': [0], 'z': []} and infos(dataset)[1]['height'] == 5


def test_json_boxes_only_at_test(root):
    entry = dict(
        img_path='a/1.jpg',
        labels=['cat'],
        instances=[dict(bbox=[0, 1, 29, 19], label='cat', difficult=True)],
    )
    assert 'instances' not in infos(js(root, [entry]))[0]
    assert infos(js(root, [entry], test_mode=True))[0]['instances'] == [
        dict(bbox=[0, 1, 29, 19], bbox_label=0, ignore_flag=1)
    ]
    entry['instances'][0]['bbox'] = [1, 2]
    js(root, [entry])
    with pytest.raises(ValueError, match=r'l\.json, entry 0: instance .*"bbox"'):
        js(root, [entry], test_mode=True)


@pytest.mark.parametrize(
    'data, message',
    [
        ('[{', r'l\.json is not valid JSON'),
        ('3', r'l\.json has a int; expected .*data_list'),
        ({'images': []}, r"has keys \['images'\]"),
        ([dict(img_path='a/1.jpg')], r"entry 0 has keys \['img_path'\]"),
        (['a/1.jpg'], "entry 0 has 'a/1.jpg'"),
        ([dict(img_path='a/1.jpg', labels='cat')], '"labels" is \'cat\'; give a list'),
        ([dict(img_path='a/1.jpg', labels=['lion'])], "entry 0: class 'lion'"),
        ([], 'lists no images'),
    ],
)
def test_bad_json(root, data, message):
    with pytest.raises(ValueError, match=message):
        js(root, data)
