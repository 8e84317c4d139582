"""VOC devkits, and what all weak datasets share."""

import re

import pytest
from mmengine.dataset import ConcatDataset
from mmengine.registry import DefaultScope

from wsod_mm.datasets import WeakVOCDataset
from wsod_mm.datasets.voc_files import read_voc_xml
from wsod_mm.registry import DATASETS

CLASSES = dict(classes=('cat', 'dog'))
TRAIN = 'VOC2007/ImageSets/Main/train.txt'


def make(kit, **kwargs):
    kwargs = {'metainfo': CLASSES, 'ann_file': TRAIN, 'data_root': str(kit.root), **kwargs}
    return WeakVOCDataset(**kwargs)


def labels(dataset):
    return [dataset.get_data_info(i)['image_labels'] for i in range(len(dataset))]


@pytest.mark.parametrize(
    'difficult, expected',
    [
        ('exclude', [[0], [], []]),
        ('include', [[0, 1], [0], []]),
        ('ignore', [[0], [], []]),
    ],
)
def test_difficult_policies(devkit, difficult, expected):
    dataset = make(devkit, difficult=difficult)
    assert labels(dataset) == expected
    ignored = [dataset.get_data_info(i).get('ignore_labels') for i in range(3)]
    assert ignored == ([[1], [0], None] if difficult == 'ignore' else [None] * 3)


@pytest.mark.parametrize('difficult', ['exclude', 'include', 'ignore'])
def test_image_sets_say_the_same_as_xml(devkit, difficult):
    devkit.split('cat_train', ['1  1', '2  0', '3 -1'])
    devkit.split('dog_train', ['1  0', '2 -1', '3 -1'])
    from_xml = make(devkit, difficult=difficult)
    for path in (devkit.voc / 'Annotations').iterdir():
        path.unlink()
    from_sets = make(devkit, difficult=difficult, label_source='imagesets')
    for i in range(3):
        assert from_sets.get_data_info(i) == from_xml.get_data_info(i)


def test_training_reads_no_boxes_and_test_does(devkit):
    assert all('instances' not in make(devkit).get_data_info(i) for i in range(3))
    info = make(devkit, test_mode=True).get_data_info(0)
    assert info['instances'] == [
        dict(bbox=[0, 0, 59, 39], bbox_label=0, ignore_flag=0),
        dict(bbox=[10, 5, 29, 24], bbox_label=1, ignore_flag=1),
    ]
    assert 'instances' in make(devkit, load_boxes=True).get_data_info(0)
    assert 'instances' not in make(devkit, load_boxes=False, test_mode=True).get_data_info(0)


def test_background_is_kept_or_dropped_in_training_only(devkit):
    assert len(make(devkit)) == 3
    assert [make(devkit, keep_background=False).get_data_info(0)['img_id']] == ['1']
    assert len(make(devkit, keep_background=False)) == 1
    assert len(make(devkit, keep_background=False, test_mode=True)) == 3
    assert len(make(devkit, filter_cfg=dict(filter_empty_gt=True))) == 1
    with pytest.raises(ValueError, match='none of the 3 images is left'):
        make(devkit, metainfo=dict(classes=('dog',)), unknown='ignore', keep_background=False)


def test_min_size_of_images_filters_and_box_filters_are_refused(devkit):
    devkit.image('3', 300, 300)
    devkit.xml('3', width=300, height=300)
    assert len(make(devkit, filter_cfg=dict(min_size=50))) == 1
    with pytest.raises(ValueError, match='bbox_min_size.*remove'):
        make(devkit, filter_cfg=dict(bbox_min_size=32))


def test_unknown_class(devkit):
    devkit.xml('2', [('zebra', 0, (1, 1, 5, 5)), ('cat', 0, (1, 1, 5, 5))])
    with pytest.raises(ValueError, match=r"2\.xml: class 'zebra'.*metainfo.*unknown='ignore'"):
        make(devkit)
    assert labels(make(devkit, unknown='ignore')) == [[0], [0], []]
    info = make(devkit, unknown='ignore', test_mode=True).get_data_info(1)
    assert [i['bbox_label'] for i in info['instances']] == [0]


def test_size_comes_from_the_image_header_when_the_xml_has_none(devkit):
    devkit.xml('1', [('cat', 0, (1, 1, 60, 40))], size=False)
    devkit.xml('2', width=0, height=0)
    dataset = make(devkit)
    for i in (0, 1):
        info = dataset.get_data_info(i)
        assert (info['height'], info['width']) == (40, 60)
    assert 'height' not in make(devkit, need_size=False).get_data_info(0)
    (devkit.voc / 'JPEGImages/1.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'1\.jpg has no readable image header'):
        make(devkit)


def test_box_outside_the_image(devkit):
    devkit.xml('1', [('cat', 0, (1, 1, 61, 40)), ('dog', 0, (70, 50, 80, 60))])
    assert labels(make(devkit))[0] == [0, 1]  # labels do not depend on boxes
    with pytest.raises(ValueError, match=r"1\.xml: box \[0.*\] of 'cat'.*60x40.*boxes_outside"):
        make(devkit, test_mode=True)
    clipped = make(devkit, test_mode=True, boxes_outside='clip').get_data_info(0)['instances']
    assert [i['bbox'] for i in clipped] == [[0, 0, 59, 39]]
    kept = make(devkit, test_mode=True, boxes_outside='ignore').get_data_info(0)['instances']
    assert [i['bbox'] for i in kept] == [[0, 0, 60, 39], [69, 49, 79, 59]]


def test_swapped_corners_are_an_error(devkit):
    devkit.xml('1', [('cat', 0, (30, 1, 10, 40))])
    with pytest.raises(ValueError, match='not inside'):
        make(devkit, test_mode=True)


def test_damaged_xml(devkit):
    path = devkit.voc / 'Annotations/2.xml'
    path.write_text('<annotation><object>')
    with pytest.raises(ValueError, match=r'2\.xml is not valid XML'):
        make(devkit)
    path.write_text('<annotation><object><name>cat</name></object></annotation>')
    assert labels(make(devkit))[1] == [0]
    with pytest.raises(ValueError, match=r"2\.xml: <bndbox/xmin> is missing in object 'cat'"):
        read_voc_xml(path, with_boxes=True)
    path.write_text('<annotation><object><difficult>0</difficult></object></annotation>')
    with pytest.raises(ValueError, match='no <name>'):
        make(devkit)
    path.write_text('<annotation><object><name>cat</name><difficult>x</difficult></object></annotation>')
    with pytest.raises(ValueError, match="'x', not a number"):
        make(devkit)
    path.unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r'no annotation '
        r".*2\.xml.*label_source='imagesets'",
    ):
        make(devkit)


def test_label_source_none_needs_no_annotation(devkit):
    for path in (devkit.voc / 'Annotations').iterdir():
        path.unlink()
    info = make(devkit, label_source='none', test_mode=True).get_data_info(0)
    assert 'image_labels' not in info and 'instances' not in info and info['width'] == 60


def test_wrong_image_set_lists_what_is_there(devkit):
    devkit.split('val', ['1'])
    devkit.split('cat_val', ['1 1'])
    with pytest.raises(FileNotFoundError, match=re.escape("has the sets ['train', 'val']")):
        make(devkit, ann_file='VOC2007/ImageSets/Main/trainval.txt')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        make(devkit, ann_file='VOC2012/ImageSets/Main/train.txt')


def test_class_files_that_do_not_fit(devkit):
    with pytest.raises(FileNotFoundError, match=r"cat_train\.txt.*label_source='xml'"):
        make(devkit, label_source='imagesets')
    devkit.split('dog_train', ['1 1', '2 -1', '3 -1'])
    devkit.split('cat_train', ['1 1', '2 -1'])
    with pytest.raises(ValueError, match="lacks 1 of the 3 images.*'3'"):
        make(devkit, label_source='imagesets')
    devkit.split('cat_train', ['1 1', '2 maybe', '3 -1'])
    with pytest.raises(ValueError, match=r"cat_train\.txt:2: .*'2 maybe'"):
        make(devkit, label_source='imagesets')


def test_missing_and_duplicate_images(devkit):
    devkit.split('many', ['1', '8', '9', '10', '11', '12', '13'])
    for name in ('8', '9', '10', '11', '12', '13'):
        devkit.xml(name)
    with pytest.raises(FileNotFoundError, match=r'6 of 7 images .*8\.jpg.*12\.jpg, \.\.\.;'):
        make(devkit, ann_file='VOC2007/ImageSets/Main/many.txt')
    dataset = make(devkit, ann_file='VOC2007/ImageSets/Main/many.txt', check_files=False)
    assert len(dataset) == 7
    devkit.split('twice', ['1', '2', '1'])
    with pytest.raises(ValueError, match="image id '1' occurs twice"):
        make(devkit, ann_file='VOC2007/ImageSets/Main/twice.txt')
    devkit.split('nothing', [])
    with pytest.raises(ValueError, match='lists no images'):
        make(devkit, ann_file='VOC2007/ImageSets/Main/nothing.txt')


def test_options_are_checked(devkit):
    for name in ('difficult', 'unknown', 'boxes_outside', 'label_source'):
        with pytest.raises(ValueError, match=f"{name} must be one of .*got 'x'"):
            make(devkit, **{name: 'x'})
    with pytest.raises(ValueError, match="'cat'.*more than once"):
        make(devkit, metainfo=dict(classes=('cat', 'cat')))


def test_devkit_is_found_by_prefix_or_by_image_set(devkit):
    given = make(devkit, data_prefix=dict(sub_data_root='VOC2007/'))
    found = make(devkit)
    assert given.get_data_info(0)['img_path'] == found.get_data_info(0)['img_path']
    assert found.metainfo['dataset_type'] == 'VOC2007'


def test_proposals_supersets_missing_images_and_wrong_order(devkit):
    info = make(devkit, proposal_file='p.npz').get_data_info(1)
    assert info['proposals']['bboxes'].shape == (3, 4) and info['proposals']['scores'][0] == 3
    devkit.split('two', ['1', '2'])
    assert len(make(devkit, ann_file=TRAIN.replace('train', 'two'), proposal_file='p.npz')) == 2
    devkit.proposals({'1': [(0, 0, 5, 5)]}, 'a.npz')
    devkit.proposals({'2': [(0, 0, 6, 6)], '3': [(0, 0, 7, 7)]}, 'b.npz')
    with pytest.raises(ValueError, match="2 of 3 images have no proposals in .*a.npz: '2', '3'.*generate"):
        make(devkit, proposal_file='a.npz')
    both = make(devkit, proposal_file=['a.npz', 'b.npz'])
    assert [both.get_data_info(i)['proposals']['bboxes'][0, 2] for i in range(3)] == [5, 6, 7]
    # only images that stay need proposals
    assert len(make(devkit, proposal_file='a.npz', keep_background=False)) == 1
    devkit.proposals({i: [(0, 0, 39, 59), (5, 10, 34, 49)] for i in '123'}, 'swapped.npz')
    with pytest.raises(ValueError, match=r'swapped\.npz: 100 % of the boxes leave.*y1, x1'):
        make(devkit, proposal_file='swapped.npz')
    with pytest.raises(FileNotFoundError, match='no proposal file .*none.npz'):
        make(devkit, proposal_file='none.npz')


def test_concatenation_subset_and_category_ids(devkit):
    dataset = ConcatDataset([make(devkit), make(devkit, indices=[0])], ignore_keys=['dataset_type'])
    assert len(dataset) == 4 and dataset.get_data_info(3)['img_id'] == '1'
    assert make(devkit, difficult='include').get_cat_ids(0) == [0, 1]
    subset = make(devkit, proposal_file='p.npz').get_subset([1])
    assert subset.get_data_info(0)['img_id'] == '2' and 'proposals' in subset.get_data_info(0)


@pytest.mark.parametrize('name', ['voc2012_20cls_native', 'voc2012_animals', 'coco256_voc20'])
def test_real_devkits_load(shared_data, name):
    root = shared_data / name
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        cfg = dict(type='WeakVOCDataset', data_root=str(root))
        train = DATASETS.build(dict(cfg, ann_file='VOC2007/ImageSets/Main/trainval.txt'))
        test = DATASETS.build(dict(cfg, ann_file='VOC2007/ImageSets/Main/test.txt', test_mode=True))
    lines = (root / 'VOC2007/ImageSets/Main/trainval.txt').read_text().split()
    assert [train.get_data_info(i)['img_id'] for i in range(len(train))] == lines
    for i in range(0, len(train), 9):
        text = (root / f'VOC2007/Annotations/{lines[i]}.xml').read_text()
        objects = re.findall(r'<name>(\w+)</name>.*?<difficult>(\d)</difficult>', text, re.S)
        sure = {n for n, d in objects if d == '0'}
        assert {train.classes[k] for k in train.get_data_info(i)['image_labels']} == sure
        assert 'instances' not in train.get_data_info(i)
    assert any(test.get_data_info(i)['instances'] for i in range(len(test)))


def test_background_list_of_real_images(shared_data):
    cfg = dict(
        data_root=str(shared_data / 'coco256_voc20'),
        ann_file='VOC2007/ImageSets/Main/background.txt',
    )
    dataset = WeakVOCDataset(**cfg)
    assert len(dataset) == 45 and not any(labels(dataset))
