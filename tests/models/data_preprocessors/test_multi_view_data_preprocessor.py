"""Views: scales, flips and colours."""

import uuid

import numpy as np
import pytest
import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData, LabelData

from tests.datasets.transforms.test_weak_views import SIDES, loaded
from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.datasets.transforms import WeakViews
from wsod_mm.functional.photometric_tensor import photometric_distortion_tensor
from wsod_mm.models.data_preprocessors.multi_view_data_preprocessor import MultiViewDataPreprocessor, flip_sample
from wsod_mm.models.roi_heads.postprocess import restore_boxes
from wsod_mm.registry import MODELS

MEAN, STD = (102.9801, 115.9465, 122.7717), (1.0, 1.0, 1.0)
ALWAYS = dict(start_iter=0, prob=1.0)


@pytest.fixture
def hub():
    """The message hub that counts as the current one."""
    name = f'views-{uuid.uuid4()}'
    yield MessageHub.get_instance(name)
    MessageHub._instance_dict.pop(name)


def batch(shapes=((40, 60), (50, 45)), seed=0):
    """Two images at two scales, the shapes differing, collated."""
    samples = []
    for k, (height, width) in enumerate(shapes):
        np.random.seed(seed + k)
        samples.append(WeakViews(SIDES)(loaded(str(k), count=4 + k, height=height, width=width)))
    return pseudo_collate(samples)


def build(**kwargs):
    return MODELS.build(dict(dict(type='MultiViewDataPreprocessor', mean=MEAN, std=STD, pad_size_divisor=16), **kwargs))


def crop(images, sample):
    height, width = sample.img_shape
    return images[..., :height, :width]


def views(out, images=2):
    """(image, its sample, flipped image, its sample) of everything."""
    for group, samples in zip(out['inputs'], out['data_samples'], strict=True):
        for n in range(images):
            yield group[n], samples[n], group[n + images], samples[n + images]


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(
    'options', [{}, dict(bgr_to_rgb=True), dict(std=(58.0, 57.0, 57.5), photometric=ALWAYS)], ids=str
)
def test_mean_is_subtracted_exactly_once_from_both_views(hub, options, training):
    torch.manual_seed(0)
    plain = {k: v for k, v in options.items() if k != 'photometric'}
    data = batch()
    out = build(**options)(data, training)
    for image, sample, flipped, mirror in views(out):
        assert torch.equal(crop(flipped, mirror), crop(image, sample).flip(-1))
    if training and 'photometric' in options:
        return  # other colours; compared below
    reference = DetDataPreprocessor(mean=MEAN, std=plain.pop('std', STD), pad_size_divisor=16, **plain)
    for s in range(2):
        expected = reference(dict(inputs=data['inputs'][s], data_samples=data['data_samples'][s]))
        assert torch.equal(out['inputs'][s][:2], expected['inputs'])
        raw = data['inputs'][s][0].float() - torch.tensor(MEAN).view(3, 1, 1)
        if not options:
            assert torch.equal(crop(out['inputs'][s][0], out['data_samples'][s][0]), raw)


def test_mean_once_with_colours_too(hub):
    """The bug of the public code: with colours on, the mirrored view lost the mean a second time."""
    data = batch()
    out = build(
        photometric=dict(ALWAYS, brightness_delta=0, contrast_range=(1, 1), saturation_range=(1, 1), hue_delta=0)
    )(data, True)
    plain = build()(data, True)
    for a, b in zip(out['inputs'], plain['inputs'], strict=True):
        assert torch.equal(a, b)


def test_padding_is_per_group_and_after_the_flip():
    out = build(pad_value=7)(batch(), True)
    shapes = [tuple(group.shape) for group in out['inputs']]
    assert all(shape[:2] == (4, 3) and not shape[2] % 16 and not shape[3] % 16 for shape in shapes)
    assert shapes[0] != shapes[1]
    for image, sample, flipped, mirror in views(out):
        height, width = sample.img_shape
        assert sample.batch_input_shape == mirror.batch_input_shape == tuple(image.shape[1:])
        assert sample.img_shape == mirror.img_shape and sample.pad_shape == mirror.pad_shape
        for view in (image, flipped):  # padding lies right and below, in both
            assert (view[:, height:] == 7).all() and (view[:, :, width:] == 7).all()


def test_boxes_are_mirrored_and_come_back():
    out = build()(batch(), True)
    originals = [
        torch.from_numpy(loaded(str(k), 4 + k, *shape)['proposals']) for k, shape in enumerate(((40, 60), (50, 45)))
    ]
    for count, (_, sample, _, mirror) in enumerate(views(out)):
        boxes, mirrored = sample.proposals.bboxes, mirror.proposals.bboxes
        width = sample.img_shape[1]
        assert torch.equal(mirrored[:, 0], width - 1 - boxes[:, 2]) and torch.equal(mirrored[:, 1], boxes[:, 1])
        assert torch.equal(mirrored[:, 2], width - 1 - boxes[:, 0]) and torch.equal(mirrored[:, 3], boxes[:, 3])
        assert torch.equal(mirror.proposals.scores, sample.proposals.scores)
        assert (sample.flip, sample.flip_direction) == (False, None)
        assert (mirror.flip, mirror.flip_direction) == (True, 'horizontal')
        assert torch.equal(mirror.gt_label.score, sample.gt_label.score)
        for view in (sample, mirror):
            torch.testing.assert_close(
                restore_boxes(view.proposals.bboxes, view.metainfo), originals[count % 2], atol=1e-3, rtol=0
            )
            without = {k: v for k, v in view.metainfo.items() if k != 'homography_matrix'}
            torch.testing.assert_close(
                restore_boxes(view.proposals.bboxes, without), originals[count % 2], atol=1e-3, rtol=0
            )


def test_boxes_follow_the_pixels():
    """A lit rectangle stays under its box."""
    image = torch.zeros(3, 20, 31, dtype=torch.uint8)
    image[:, 4:13, 3:11] = 255
    sample = DetDataSample(metainfo=dict(img_shape=(20, 31), scale_factor=(1.0, 1.0)))
    sample.proposals = InstanceData(bboxes=torch.tensor([[3.0, 4, 10, 12]]))
    out = build(mean=None, std=None)(dict(inputs=[[image]], data_samples=[[sample]]), True)
    x1, y1, x2, y2 = out['data_samples'][0][1].proposals.bboxes[0].int().tolist()
    lit = out['inputs'][0][1, 0].nonzero()
    assert lit.amin(0).tolist() == [y1, x1] and lit.amax(0).tolist() == [y2, x2] == [12, 27]


def test_the_mirror_of_a_flipped_image_is_not_flipped():
    width = 31
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(20, width),
            scale_factor=(1.0, 1.0),
            flip=True,
            flip_direction='horizontal',
            homography_matrix=np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float32),
        )
    )
    twice = flip_sample(sample, width)
    assert not twice.flip and twice.flip_direction is None and 'proposals' not in twice
    np.testing.assert_array_equal(twice.homography_matrix, np.eye(3))
    assert twice.homography_matrix.dtype == np.float32
    again = flip_sample(twice, width)
    np.testing.assert_array_equal(again.homography_matrix, sample.homography_matrix)


def test_input_is_not_changed():
    data = batch()
    images = [[image.clone() for image in group] for group in data['inputs']]
    boxes = [[sample.proposals.bboxes.clone() for sample in group] for group in data['data_samples']]
    keys = set(data['data_samples'][0][0].metainfo_keys())
    build(photometric=ALWAYS)(data, True)
    for s in range(2):
        for n in range(2):
            assert torch.equal(data['inputs'][s][n], images[s][n]) and data['inputs'][s][n].dtype == torch.uint8
            assert torch.equal(data['data_samples'][s][n].proposals.bboxes, boxes[s][n])
    assert set(data['data_samples'][0][0].metainfo_keys()) == keys


def test_without_flip_there_are_only_the_scales():
    out = build(flip=False)(batch(), True)
    assert [len(g) for g in out['inputs']] == [len(g) for g in out['data_samples']] == [2, 2]
    assert not any(sample.flip for group in out['data_samples'] for sample in group)


def test_colours_start_at_their_iteration(hub):
    data = batch()
    plain, coloured = build(), build(photometric=dict(start_iter=10, prob=1.0))

    def same(training=True):
        pairs = zip(coloured(data, training)['inputs'], plain(data, training)['inputs'], strict=True)
        return all(torch.equal(a, b) for a, b in pairs)

    assert same()  # no iteration known yet
    hub.update_info('iter', 9)
    state = torch.get_rng_state()
    assert same() and torch.equal(torch.get_rng_state(), state)
    hub.update_info('iter', 10)
    assert not same()
    assert same(training=False)
    hub.update_info('iter', 44999)
    assert not same() and build(photometric={})._distorts_now() is False
    hub.update_info('iter', 45000)
    assert build(photometric={})._distorts_now() is True


def test_colours_are_drawn_per_image_and_scale_and_shared_with_the_flip(hub):
    # the same picture everywhere: what differs is the draw
    image = torch.randint(40, 200, (3, 20, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    sample = DetDataSample(metainfo=dict(img_shape=(20, 30)))
    data = dict(inputs=[[image, image], [image, image]], data_samples=[[sample, sample], [sample, sample]])
    model = build(photometric=ALWAYS, pad_size_divisor=1)
    torch.manual_seed(3)
    out = model(data, True)['inputs']
    normal = [out[0][0], out[0][1], out[1][0], out[1][1]]
    assert all(not torch.allclose(normal[i], normal[j], atol=0.5) for i in range(4) for j in range(i))
    for group in out:
        assert torch.equal(group[2:], group[:2].flip(-1))
    # on the pixel values, before the mean
    torch.manual_seed(3)
    strengths = model._draw()
    expected = photometric_distortion_tensor(image.float(), **strengths) - torch.tensor(MEAN).view(3, 1, 1)
    torch.testing.assert_close(out[0][0], expected)
    # a resumed run, which seeds torch by its iteration, repeats itself
    torch.manual_seed(3)
    assert all(torch.equal(a, b) for a, b in zip(model(data, True)['inputs'], out, strict=True))
    assert not torch.equal(model(data, True)['inputs'][0], out[0])


def test_strengths_keep_to_their_ranges():
    torch.manual_seed(0)
    model = build(photometric=dict(prob=0.5))
    draws = [model._draw() for _ in range(1000)]
    for name, still, low, high in (
        ('brightness', 0.0, -32, 32),
        ('contrast', 1.0, 0.5, 1.5),
        ('saturation', 1.0, 0.5, 1.5),
        ('hue', 0.0, -18, 18),
    ):
        values = np.array([draw[name] for draw in draws])
        moved = values[values != still]
        assert 400 < len(moved) < 600
        assert low <= moved.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < moved.max() <= high
    assert build(photometric=dict(prob=0))._draw() == dict(brightness=0.0, contrast=1.0, saturation=1.0, hue=0.0)


def test_rgb_models_get_the_same_colours(hub):
    data = batch()
    outs = []
    for swap in (False, True):
        torch.manual_seed(1)
        mean = MEAN[::-1] if swap else MEAN
        outs.append(build(photometric=ALWAYS, bgr_to_rgb=swap, mean=mean, pad_size_divisor=1)(data, True)['inputs'])
    for bgr, rgb in zip(*outs, strict=True):
        torch.testing.assert_close(bgr.flip(1), rgb)


@pytest.mark.parametrize('training', [True, False])
def test_single_views_are_left_to_the_parent(training):
    data = batch()
    data = {key: value[0] for key, value in data.items()}
    # training single images has no use for flips and colours
    ours = (build(flip=False) if training else build(photometric=ALWAYS))(data, training)
    theirs = DetDataPreprocessor(mean=MEAN, std=STD, pad_size_divisor=16)(data, training)
    assert torch.equal(ours['inputs'], theirs['inputs']) and len(ours['data_samples']) == 2
    for a, b in zip(ours['data_samples'], theirs['data_samples'], strict=True):
        assert a.metainfo_keys() == b.metainfo_keys() and torch.equal(a.proposals.bboxes, b.proposals.bboxes)
    stacked = dict(inputs=torch.zeros(2, 3, 20, 30))
    assert build()(stacked)['inputs'].shape == (2, 3, 32, 32)


@pytest.mark.parametrize('settings', [dict(flip=True), dict(flip=False, photometric=dict())])
def test_training_single_images_with_flips_or_colours_is_an_error(settings):
    with pytest.raises(ValueError, match='WeakViews'):
        build(**settings)({key: value[0] for key, value in batch().items()}, True)


def test_grey_images_are_mirrored_but_not_coloured(hub):
    sample = DetDataSample(metainfo=dict(img_shape=(4, 5)))
    sample.gt_label = LabelData(score=torch.ones(2))
    data = dict(inputs=[[torch.arange(20, dtype=torch.uint8).view(1, 4, 5)]], data_samples=[[sample]])
    grey = dict(mean=None, std=None, pad_size_divisor=1)
    assert build(**grey)(data, True)['inputs'][0][1, 0, 0].tolist() == [4, 3, 2, 1, 0]
    with pytest.raises(ValueError, match=r'\[1, 4, 5\]'):
        build(photometric=ALWAYS, **grey)(data, True)


def test_no_host_synchronisation(hub):
    data, model = batch(), build(photometric=ALWAYS)
    hub.update_info('iter', 1)
    with Trace() as trace:  # what the parent does then reads only a tensor of image sizes, which lives on the CPU
        model._views(data['inputs'][0], data['data_samples'][0], True)
    assert {'flip', 'remainder'} <= trace.names and not trace.names & SYNCHRONISE


def test_bad_batches_and_options():
    data = batch()
    for broken in (
        dict(inputs=data['inputs']),
        dict(inputs=data['inputs'], data_samples=data['data_samples'][:1]),
        dict(inputs=[data['inputs'][0], data['inputs'][1][:1]], data_samples=data['data_samples']),
    ):
        with pytest.raises(ValueError, match='same number of images'):
            build()(broken, True)
    sample = data['data_samples'][0][0]
    with pytest.raises(ValueError, match='pixels wide'):
        flip_sample(sample, 5)
    for direction in ('vertical', 'diagonal'):
        turned = sample.new()
        turned.set_metainfo(dict(flip=True, flip_direction=direction))
        with pytest.raises(ValueError, match=direction):
            flip_sample(turned, sample.img_shape[1])
    with pytest.raises(ValueError, match='BGR'):
        MultiViewDataPreprocessor(photometric={}, rgb_to_bgr=True)
    with pytest.raises(ValueError, match='prob'):
        MultiViewDataPreprocessor(photometric=dict(prob=2))
    with pytest.raises(TypeError, match='strength'):
        MultiViewDataPreprocessor(photometric=dict(strength=2))
