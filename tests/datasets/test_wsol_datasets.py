"""wsolevaluation's text files, parts of data sets, and the transforms that feed classifiers."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

import wsod_mm.datasets.transforms  # noqa: F401  registers
from wsod_mm.datasets import WSOLMetaDataset, image_subset, read_wsol_metadata
from wsod_mm.registry import DATASETS, TRANSFORMS

FILES = {
    'image_ids': 'v/1.png\nv/2.png\nv/3.png\n',
    'class_labels': 'v/1.png,2\nv/2.png,0\nv/3.png,2\n',
    'image_sizes': 'v/1.png,40,30\nv/2.png,20,30\nv/3.png,10,10\n',
    'localization': 'v/1.png,0,1,40,29\nv/1.png,3,4,10,12\nv/2.png,1,1,9,9\nv/3.png,0,0,4,4\n',
}


@pytest.fixture
def split(tmp_path):
    (tmp_path / 'images/v').mkdir(parents=True)
    (tmp_path / 'meta').mkdir()
    for name, text in FILES.items():
        (tmp_path / f'meta/{name}.txt').write_text(text)
    for k, size in enumerate([(40, 30), (20, 30), (10, 10)], 1):
        Image.new('RGB', size, (k, 0, 0)).save(tmp_path / f'images/v/{k}.png')
    return tmp_path


def build(root, **options):
    init_default_scope('wsod_mm')
    options = {'serialize_data': False, 'pipeline': [dict(type='LoadRGBImage'), dict(type='PackWSOLInputs')], **options}
    return WSOLMetaDataset('meta', data_root=str(root), data_prefix=dict(img='images'), **options)


def test_boxes_are_read_in_test_mode_only(split):
    test = build(split, test_mode=True)
    assert test.metainfo['classes'] == ('0', '1', '2') and len(test) == 3
    sample = test[0]['data_samples']
    assert sample.img_id == 'v/1.png' and sample.gt_label.score.tolist() == [0, 0, 1]
    assert sample.gt_instances.bboxes.tolist() == [[0, 1, 40, 29], [3, 4, 10, 12]]  # as written, x1 = W too
    assert sample.gt_instances.labels.tolist() == [2, 2]
    (split / 'meta/localization.txt').unlink()
    train = build(split, num_classes=5)
    sample = train[1]['data_samples']
    assert 'gt_instances' not in sample and sample.gt_label.score.tolist() == [1, 0, 0, 0, 0]
    with pytest.raises(FileNotFoundError, match='localization'):
        build(split, test_mode=True)
    with pytest.raises(ValueError, match='v/1.png.* is of class 2, but there are 2'):
        build(split, num_classes=2)
    named = build(split, metainfo=dict(classes=('x', 'y', 'z')))
    assert named.metainfo['classes'] == ('x', 'y', 'z') and named.get_cat_ids(0) == [2]


def test_masks(split):
    (split / 'meta/localization.txt').write_text('v/1.png,a/m1.png,a/ign.png\nv/1.png,a/m2.png,\nv/2.png,b.png\n')
    (split / 'meta/image_sizes.txt').unlink()
    data = build(split, test_mode=True, mask_root='masks')
    first, second = (data[k]['data_samples'] for k in (0, 1))
    assert first.mask_paths == [str(split / 'masks/a/m1.png'), str(split / 'masks/a/m2.png')]
    assert first.ignore_path == str(split / 'masks/a/ign.png')
    assert second.mask_paths == [str(split / 'masks/b.png')] and 'ignore_path' not in second
    assert 'gt_instances' not in first and first.ori_shape == (30, 40)
    elsewhere = build(split, test_mode=True, mask_root='/masks')
    assert elsewhere[1]['data_samples'].mask_paths == ['/masks/b.png']
    plain = build(split, test_mode=True, pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')])
    assert 'mask_paths' not in plain[0]['data_samples']


@pytest.mark.parametrize(
    'name, text, match',
    [
        ('image_ids', '', 'empty'),
        ('image_ids', 'v/1.png\nv/1.png\n', 'twice'),
        ('class_labels', 'v/1.png,2\n', 'lacks 2 images'),
        ('class_labels', 'v/1.png,cat\n', "class_labels.txt:1: 'cat' is not a number"),
        ('class_labels', 'v/1.png\n', 'expected an image id and 1'),
        ('class_labels', 'v/1.png,-1\n', 'negative'),
        ('image_sizes', 'v/9.png,3,3\n', 'not in image_ids'),
        ('localization', 'v/1.png,1,2,3\n', '1 or 2 or 4'),
    ],
)
def test_wrong_files(split, name, text, match):
    (split / f'meta/{name}.txt').write_text(text)
    with pytest.raises(ValueError, match=match):
        read_wsol_metadata(split / 'meta')
    (split / f'meta/{name}.txt').unlink()
    if name != 'image_sizes':
        with pytest.raises(FileNotFoundError, match=name):
            read_wsol_metadata(split / 'meta')


def test_parts_of_a_data_set(split):
    def ids(**options):
        data = DATASETS.build(dict(type='ImageSubset', dataset=build(split), **options))
        assert isinstance(data, WSOLMetaDataset)
        return [data.get_data_info(k)['img_id'][2] for k in range(len(data))]

    assert ids() == ['1', '2', '3']
    assert ids(share=(0, 0.67)) == ['1', '2'] and ids(share=(0.67, 1)) == ['3']
    for seed in range(3):
        assert sorted(ids(share=(0, 0.67), seed=seed) + ids(share=(0.67, 1), seed=seed)) == ['1', '2', '3']
    assert len({tuple(ids(share=(0, 0.34), seed=seed)) for seed in range(9)}) > 1
    data = build(split)
    data.data_list[0]['image_labels'] = [0, 2]
    data.data_list[1]['image_labels'] = []
    assert [info['img_id'] for info in image_subset(data, single_label=True).data_list] == ['v/3.png']
    for share in ((0.5, 0.5), (0, 1.5), (0, 0.1)):
        with pytest.raises(ValueError, match='share'):
            image_subset(build(split), share=share)


def picture(height=37, width=61):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def transform(image, **config):
    return TRANSFORMS.build(config)(dict(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2]))


def test_resize():
    image = picture()
    for size, target in ((24, (24, int(24 * 61 / 37))), ((20, 30), (20, 30)), (74, (74, 122))):
        out = transform(image, type='ClassifierResize', size=size)
        expected = Image.fromarray(image).resize(target[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(out['img'], np.asarray(expected))
        assert out['img_shape'] == target
        assert out['scale_factor'] == (target[1] / 61, target[0] / 37)
        np.testing.assert_allclose(out['homography_matrix'] @ [61, 37, 1], [*target[::-1], 1], rtol=1e-6)
    other = transform(image, type='ClassifierResize', size=(20, 30), backend='cv2')['img']
    nearest = transform(image, type='ClassifierResize', size=(20, 30), interpolation='nearest')['img']
    assert not np.array_equal(other, transform(image, type='ClassifierResize', size=(20, 30))['img'])
    assert set(nearest.reshape(-1, 3)[:, 0]) <= set(image.reshape(-1, 3)[:, 0])
    for options in (dict(size=0), dict(size=(4, 0)), dict(size=4, backend='tf')):
        with pytest.raises(ValueError, match='size|backend'):
            transform(image, type='ClassifierResize', **options)


def test_center_crop():
    image = picture()
    out = transform(image, type='TracedCenterCrop', size=(20, 30))
    top, left = round((37 - 20) / 2), round((61 - 30) / 2)
    np.testing.assert_array_equal(out['img'], image[top : top + 20, left : left + 30])
    assert out['img_shape'] == (20, 30)
    np.testing.assert_array_equal(out['homography_matrix'] @ [left, top, 1], [0, 0, 1])
    assert transform(image, type='TracedCenterCrop', size=50)['img'].shape[:2] == (37, 50)
    with pytest.raises(ValueError, match='positive'):
        transform(image, type='TracedCenterCrop', size=0)


def test_random_resized_crop():
    y, x = np.mgrid[:64, :96]
    image = np.stack([x * 2, y * 2, x * 0], axis=2).astype(np.uint8)
    shares = []
    for seed in range(30):
        rng = np.random.RandomState(seed)
        out = transform(image, type='RandomResizedCrop', size=(16, 24), rng=rng, area=(0.1, 0.5))
        assert out['img'].shape == (16, 24, 3) and out['img_shape'] == (16, 24)
        # a pixel knows where it was: as the homography says
        back = np.linalg.inv(out['homography_matrix'])
        x, y = (back @ [12, 8, 1])[:2] - 0.5
        np.testing.assert_allclose(out['img'][7:9, 11:13, :2].mean((0, 1)) / 2, [x, y], atol=1)
        width, height = 24 * back[0, 0], 16 * back[1, 1]
        shares.append(width * height / (64 * 96))
        assert 0.7 < width / height < 1.42
    assert 0.08 < min(shares) < 0.2 and 0.4 < max(shares) < 0.55
    whole = transform(image, type='RandomResizedCrop', size=16, area=(1, 1), ratio=(9, 9.5))  # fits nowhere
    assert whole['img'].shape == (16, 16, 3)
    for options in (dict(size=0), dict(size=4, area=(0.5, 0.1)), dict(size=4, ratio=(0, 1))):
        with pytest.raises(ValueError, match='size'):
            transform(image, type='RandomResizedCrop', **options)
