"""Transforms of images together with label maps and soft label maps."""

import pickle

import numpy as np
import pytest
from mmcv.transforms import Compose
from PIL import Image

from wsod_mm.datasets.soft_label_file import SoftLabels, write_soft_labels
from wsod_mm.datasets.transforms import (
    ColorJitter,
    ContainerCrop,
    LoadLabelMap,
    LoadRGBImage,
    LoadSoftLabels,
    NormalizeImage,
    PackSegInputs,
    RandomMirror,
    RandomRescale,
    RandomResizeLong,
    ResizeLong,
    SoftLabelsToMap,
)
from wsod_mm.functional.color_jitter import color_jitter
from wsod_mm.registry import TRANSFORMS
from wsod_mm.utils.label_png import write_label_png

IMAGE = np.random.RandomState(0).randint(1, 256, (20, 30, 3), np.uint8)
LABEL = np.random.RandomState(1).randint(0, 3, (20, 30)).astype(np.uint8)
MEAN = (123.675, 116.28, 103.53)


def results(soft=True, **extra):
    out = dict(img=IMAGE.copy(), gt_seg_map=LABEL.copy(), img_id='a', img_path='x/a.png', **extra)
    if soft:
        one_hot = (LABEL == np.arange(3)[:, None, None]).astype(np.float32)
        out.update(la_map=one_hot, ha_map=one_hot.copy(), label_keys=np.array([0, 5, 9]))
    return out


def test_files_of_an_image(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / 'a.png')
    out = LoadRGBImage()(dict(img_path=str(tmp_path / 'a.png'), img_id='a'))
    np.testing.assert_array_equal(out['img'], IMAGE)
    assert out['img_shape'] == out['ori_shape'] == (20, 30) and out['img'].flags.writeable
    write_label_png(tmp_path / 'm' / 'a.png', LABEL)
    np.testing.assert_array_equal(LoadLabelMap(str(tmp_path / 'm'))(out)['gt_seg_map'], LABEL)
    soft = results()
    write_soft_labels(tmp_path / 's' / 'a.npz', SoftLabels(soft['la_map'], soft['ha_map'], soft['label_keys']))
    out = LoadSoftLabels(str(tmp_path / 's'))(out)
    for name in ('la_map', 'ha_map', 'label_keys'):
        np.testing.assert_array_equal(out[name], soft[name])
    out['img'] = IMAGE[:10]
    with pytest.raises(ValueError, match=r'a\.png is \(20, 30\).*is \(10, 30\)'):
        LoadLabelMap(str(tmp_path / 'm'))(out)
    with pytest.raises(ValueError, match=r'a\.npz is \(20, 30\)'):
        LoadSoftLabels(str(tmp_path / 's'))(out)
    assert LoadLabelMap(str(tmp_path / 'm'), check_size=False)(out)['gt_seg_map'].shape == (20, 30)


def test_bad_and_turned_images(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = str(tmp_path / 'a.png')
    Image.fromarray(IMAGE).save(path, exif=exif)
    assert LoadRGBImage()(dict(img_path=path))['img_shape'] == (20, 30)
    assert LoadRGBImage(apply_exif=True)(dict(img_path=path))['img_shape'] == (30, 20)
    for bad in (str(tmp_path / 'none.png'), __file__):
        with pytest.raises((FileNotFoundError, ValueError), match='image'):
            LoadRGBImage()(dict(img_path=bad))
        assert LoadRGBImage(ignore_empty=True)(dict(img_path=bad)) is None


def test_resizing():
    out = ResizeLong(15)(results(soft=False))
    assert out['img'].shape == (10, 15, 3) and out['gt_seg_map'].shape == out['img_shape'] == (10, 15)
    assert out['scale_factor'] == (0.5, 0.5) and set(np.unique(out['gt_seg_map'])) <= {0, 1, 2}
    rng = np.random.RandomState(0)
    sides = {RandomResizeLong(10, 13, rng=rng)(results(soft=False))['img'].shape[1] for _ in range(60)}
    assert sides == {10, 11, 12, 13}
    heights = [RandomRescale(0.5, 1.5, rng=rng)(results(soft=False))['img'].shape[0] for _ in range(60)]
    assert 10 <= min(heights) < 13 and 27 < max(heights) <= 30
    for transform in (ResizeLong(15), RandomRescale(), RandomResizeLong()):
        with pytest.raises(ValueError, match='soft label maps, which are not resized'):
            transform(results())


@pytest.mark.parametrize('placement', ['random', 'center', 'topleft'])
@pytest.mark.parametrize('size', [16, (32, 16), (24, 40)])
def test_crop_moves_everything_together(placement, size):
    crop = ContainerCrop(size, placement, fill=0, rng=np.random.RandomState(3))
    height, width = crop.crop_size
    for _ in range(8):
        out = crop(results())
        assert out['img'].shape == (height, width, 3) and out['img'].dtype == np.uint8
        assert out['gt_seg_map'].shape == out['img_shape'] == (height, width) and out['gt_seg_map'].dtype == np.uint8
        outside = ~out['img'].any(2)  # the image has no black pixel
        assert (out['gt_seg_map'][outside] == 255).all() and not out['la_map'][:, outside].any()
        np.testing.assert_array_equal(out['ha_map'].argmax(0)[~outside], out['gt_seg_map'][~outside])
        assert (~outside).sum() == min(20, height) * min(30, width)
        (ct, cb, cl, cr), (it, ib, il, ir) = out['crop_box']
        np.testing.assert_array_equal(out['img'][ct:cb, cl:cr], IMAGE[it:ib, il:ir])
        if placement == 'topleft':
            assert (ct, cl, it, il) == (0, 0, 0, 0)


def test_draws_horizontally_first_and_from_the_global_source():
    np.random.seed(4)
    offsets = np.random.randint(15), np.random.randint(5)  # of 30 - 16 and 20 - 16
    for rng in (None, np.random.RandomState(4)):
        np.random.seed(4)
        image_box = ContainerCrop(16, rng=rng)(results())['crop_box'].image
        assert (image_box[2], image_box[0]) == offsets


def test_mean_colour_or_black():
    """Normalising before the crop is filling with the mean."""
    norm, options = NormalizeImage(), dict(crop_size=40, placement='center')
    before = ContainerCrop(**options)(norm(results(soft=False)))['img']
    mean = norm(ContainerCrop(**options, fill=MEAN)(results(soft=False)))['img']
    black = norm(ContainerCrop(**options)(results(soft=False)))['img']
    np.testing.assert_allclose(mean, before, atol=1e-6)
    np.testing.assert_array_equal(before[0, 0], 0)
    np.testing.assert_allclose(black[0, 0], -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], rtol=1e-5)
    assert ContainerCrop(**options, label_fill=7)(results(soft=False))['gt_seg_map'][0, 0] == 7


def test_normalisation_order():
    rgb = NormalizeImage(mean=(1, 2, 3), std=(1, 1, 2))(results())['img']
    bgr = NormalizeImage(mean=(1, 2, 3), std=(1, 1, 2), bgr=True)(results())['img']
    np.testing.assert_allclose(rgb[0, 0], (IMAGE[0, 0] - np.array([1, 2, 3.0])) / [1, 1, 2])
    np.testing.assert_allclose(bgr[0, 0], (IMAGE[0, 0, ::-1] - np.array([1, 2, 3.0])) / [1, 1, 2])


def test_mirror():
    out = RandomMirror(prob=1)(results())
    np.testing.assert_array_equal(out['img'], IMAGE[:, ::-1])
    np.testing.assert_array_equal(out['gt_seg_map'], LABEL[:, ::-1])
    np.testing.assert_array_equal(out['la_map'].argmax(0), LABEL[:, ::-1])
    assert out['flip'] and out['ha_map'].flags.c_contiguous
    out = RandomMirror(prob=0)(results())
    np.testing.assert_array_equal(out['img'], IMAGE)
    assert not out['flip']
    half = RandomMirror(rng=np.random.RandomState(0))
    assert 60 < sum(half(results())['flip'] for _ in range(200)) < 140


def test_jitter_draws():
    one = [ColorJitter(rng=np.random.RandomState(s))(results())['img'] for s in (0, 0, 1)]
    np.testing.assert_array_equal(one[0], one[1])
    assert (one[0] != one[2]).any() and (one[0] != IMAGE).any()
    np.testing.assert_array_equal(ColorJitter(0, 0, 0, 0)(results())['img'], IMAGE)
    jitter = ColorJitter(rng=np.random.RandomState(0))
    np.testing.assert_array_equal(one[0], color_jitter(IMAGE, **jitter._draw()))
    for name, strength in (('brightness', 1), ('contrast', 1), ('saturation', 1), ('hue', 0.5)):
        only = dict.fromkeys(('brightness', 'contrast', 'saturation', 'hue'), 0) | {name: strength}
        assert (ColorJitter(**only, rng=np.random.RandomState(0))(results())['img'] != IMAGE).any()


def test_label_map_of_soft_maps():
    out = SoftLabelsToMap(stride=1)(results())
    np.testing.assert_array_equal(out['gt_seg_map'], np.array([0, 5, 9])[LABEL])
    assert out['gt_seg_map'].dtype == np.uint8 and not {'la_map', 'ha_map', 'label_keys'} & set(out)
    given = results()
    given['la_map'][:], given['la_map'][0] = 0, 1  # the strong background is everywhere
    out = SoftLabelsToMap(stride=1, ignore=77)(given)
    np.testing.assert_array_equal(out['gt_seg_map'], np.where(LABEL == 0, 0, 77))
    padded = SoftLabelsToMap()(ContainerCrop((24, 48), 'topleft')(results()))['gt_seg_map']
    assert padded.shape == (3, 6) and (padded[:, 4:] == 255).all() and (padded[:, :4] != 255).all()
    with pytest.raises(KeyError, match='LoadSoftLabels'):
        SoftLabelsToMap()(results(soft=False))


def test_whole_pipeline_from_the_registry():
    steps = [
        dict(type='ColorJitter'),
        dict(type='ContainerCrop', crop_size=32),
        dict(type='RandomMirror'),
        dict(type='SoftLabelsToMap'),
        dict(type='PackSegInputs'),
    ]
    pipeline = pickle.loads(pickle.dumps(Compose([TRANSFORMS.build(step) for step in steps])))
    given = results(test_mode=False, num_classes=3, image_labels=[1], img_shape=(20, 30))
    packed = pipeline(given)
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 32, 32) and sample.gt_sem_seg.sem_seg.shape == (1, 4, 4)
    assert sample.gt_label.score.tolist() == [0, 1, 0] and sample.gt_sem_seg.sem_seg.dtype.is_signed
    assert 'crop_size=(32, 32)' in repr(pipeline)
    without = PackSegInputs()(results(test_mode=False, num_classes=3, image_labels=[1]) | dict(gt_seg_map=LABEL))
    assert without['data_samples'].gt_sem_seg.sem_seg.shape == (1, 20, 30)


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: ResizeLong(0), 'long_side must be positive'),
        (lambda: RandomResizeLong(5, 4), 'min_long <= max_long'),
        (lambda: RandomRescale(0, 1), '0 < min_scale'),
        (lambda: ContainerCrop(0), 'crop_size must be'),
        (lambda: ContainerCrop(5, 'left'), 'placement must be one of'),
        (lambda: RandomMirror(1.5), 'prob must lie'),
        (lambda: ColorJitter(hue=0.6), 'hue not above .5'),
        (lambda: NormalizeImage(std=(1, 1, 0)), 'no std of 0'),
        (lambda: SoftLabelsToMap(0), 'stride must be positive'),
    ],
)
def test_wrong_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()
