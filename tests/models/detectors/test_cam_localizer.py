"""CAMLocalizer: boxes lie where the bright patch is, whatever the pipeline did to the image."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from PIL import Image

from wsod_mm.evaluation import WeakVOCMetric
from wsod_mm.functional.box_rule import BOX_PRESETS, box_rule
from wsod_mm.functional.scoremap_boxes import boxes_from_scoremap
from wsod_mm.registry import MODELS, TRANSFORMS

from .cam_model import build_cam, pack, picture, predict

RESIZE = dict(type='ClassifierResize', size=64)
CROP = dict(type='TracedCenterCrop', size=64)


def iou(box, truth):
    """Of inclusive corners with a half-open box."""
    a, b = np.asarray(box, float) + [0, 0, 1, 1], np.asarray(truth, float)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = np.prod(sides.clip(min=0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


@pytest.mark.parametrize(
    'transforms',
    [[], [RESIZE], [dict(type='ClassifierResize', size=(64, 64))], [RESIZE, CROP], [CROP, RESIZE]]
    + [[dict(type='Resize', scale=(150, 70), keep_ratio=True)], [dict(type='ShortSideResize', short_sides=90)]],
)
@pytest.mark.parametrize('shape', [(96, 160), (160, 96)])
def test_a_box_covers_the_bright_patch(transforms, shape):
    height, width = shape
    # off the middle, and inside of all crops
    truth = (width // 2 - 16, height // 2 - 4, width // 2 + 12, height // 2 + 24)
    sample = pack(picture(height, width, (1, *truth)), *copy.deepcopy(transforms))
    for preset in ('default', 'cvpr16', 'blog', 'wsol_v1'):
        # cells of 2 pixels, so that nothing but the mapping decides; half of the range is the edge of the patch
        threshold = 127 if preset == 'blog' else 0.5
        model = build_cam(2, 32 if preset == 'default' else 1, box_preset=preset, box_rule=dict(threshold=threshold))
        (out,) = predict(model, copy.deepcopy(sample))
        assert out.pred_label.label.tolist() == [1] and out.pred_instances.labels.tolist() == [1]
        assert out.pred_cam.cam.shape == (1, *shape) and out.pred_cam.labels == (1,)
        assert iou(out.pred_instances.bboxes[0].tolist(), truth) > 0.8, preset
        score, cam_score = out.pred_instances.scores[0], out.pred_instances.cam_scores[0]
        assert score == out.pred_label.score[1] and 0.5 < cam_score <= 1


def test_the_map_of_a_crop_is_zero_outside_and_stretched_only_on_request():
    image = picture(64, 128, (2, 72, 16, 88, 48))  # right of the middle, inside of the crop of columns 32 .. 95
    sample = pack(image, RESIZE, CROP)
    assert tuple(sample['inputs'].shape) == (3, 64, 64)
    exact = predict(build_cam(4), copy.deepcopy(sample))[0]
    assert not exact.pred_cam.cam[0, :, :32].any() and not exact.pred_cam.cam[0, :, 96:].any()
    assert iou(exact.pred_instances.bboxes[0].tolist(), (72, 16, 88, 48)) > 0.6
    blog = predict(build_cam(4, placement='stretch', box_preset='blog'), copy.deepcopy(sample))[0]
    box = blog.pred_instances.bboxes[0].tolist()
    assert iou(box, (72, 16, 88, 48)) < 0.4 and iou(box, (80, 16, 112, 48)) > 0.6  # the blog's shifted, wide box


@pytest.mark.parametrize('preset', sorted(BOX_PRESETS))
def test_presets_are_those_of_the_rules(preset):
    image = picture(48, 80, (0, 8, 8, 32, 24), (0, 56, 24, 64, 40))
    (out,) = predict(build_cam(box_preset=preset), pack(image))
    expected = boxes_from_scoremap(out.pred_cam.cam[0], box_rule(preset, score='mean'))
    shift = torch.tensor([0, 0, 1, 1]) * (BOX_PRESETS[preset].corners == 'outer')
    if preset != 'blog':  # its map has 256 levels
        assert torch.equal(out.pred_instances.bboxes + shift, expected.bboxes)
    assert len(out.pred_instances) == (1 if BOX_PRESETS[preset].contours == 'largest' else 2)


def test_which_classes_get_maps():
    image = picture(32, 32, (0, 0, 0, 24, 32), (2, 24, 8, 32, 24))
    expected = {
        'pred': (0,),
        'gt': (1, 2),
        'topk:2': (0, 2),
        'topk': (0, 2, 1),
        'all_above:0.3': (0,),
        'all_above:0.99': (),
        (2, 1): (2, 1),
    }
    for cam_class, labels in expected.items():
        (out,) = predict(build_cam(cam_class=cam_class), pack(image, labels=[1, 2]))
        assert out.pred_cam.labels == labels and out.pred_cam.cam.shape == (len(labels), 32, 32)
        # green is nowhere: a constant map has no box
        assert out.pred_instances.labels.tolist() == [k for k in labels if k != 1]
        assert set(out.pred_instances.keys()) == {'bboxes', 'labels', 'scores', 'cam_scores'}
    with pytest.raises(ValueError, match='needs gt_label'):
        predict(build_cam(cam_class='gt'), pack(image))
    with pytest.raises(ValueError, match='classes 0 to 2'):
        predict(build_cam(cam_class=[7]), pack(image))


def test_sizes_of_maps_and_switches():
    sample = pack(picture(48, 96, (0, 24, 16, 72, 32)), dict(type='ClassifierResize', size=(64, 64)))
    plain = predict(build_cam(), copy.deepcopy(sample))[0]
    for size, shape in (('input', (64, 64)), ((30, 40), (30, 40)), ('original', (48, 96))):
        out = predict(build_cam(cam_size=size), copy.deepcopy(sample))[0]
        assert out.pred_cam.cam.shape == (1, *shape)
        torch.testing.assert_close(out.pred_instances.bboxes, plain.pred_instances.bboxes, atol=4, rtol=0)
    half = predict(build_cam(half=True), copy.deepcopy(sample))[0]
    assert half.pred_cam.cam.dtype == torch.float16 and plain.pred_cam.cam.dtype == torch.float32
    product = predict(build_cam(box_score='product'), copy.deepcopy(sample))[0].pred_instances
    torch.testing.assert_close(product.scores, plain.pred_instances.scores * plain.pred_instances.cam_scores)
    # the darkest of this map is above 0
    grey = pack(picture(48, 48, (0, 0, 0, 48, 48)) // 2 + picture(48, 48, (0, 8, 8, 24, 24)) // 3)
    low, high = (predict(build_cam(normalize=n), copy.deepcopy(grey))[0].pred_cam.cam.min() for n in ('minmax', 'max'))
    assert low == 0 and high > 0.5
    with torch.no_grad():
        model = build_cam()
        data = model.data_preprocessor(pseudo_collate([copy.deepcopy(sample)]), False)
        (unscaled,) = model.predict(data['inputs'], data['data_samples'], rescale=False)
    assert unscaled.pred_cam.cam.shape == (1, 64, 64) and unscaled.pred_instances.bboxes[0, 3] > 40


@pytest.mark.parametrize(
    'test_cfg, match',
    [
        (dict(cam_classes='gt'), 'cam_classes'),
        (dict(cam_class='best'), 'cam_class'),
        (dict(cam_class='topk:0'), 'cam_class'),
        (dict(cam_class='all_above:2'), 'cam_class'),
        (dict(cam_class=[]), 'cam_class'),
        (dict(box_preset='blob'), 'blog'),
        (dict(box_rule=dict(tau=1)), 'tau'),
        (dict(normalize='sum'), 'minmax'),
        (dict(cam_size='small'), 'cam_size'),
        (dict(placement='left'), 'placement'),
        (dict(box_score='sum'), 'box_score'),
    ],
)
def test_wrong_options(test_cfg, match):
    with pytest.raises(ValueError, match=match):
        build_cam(**test_cfg)


def test_flips_are_refused():
    image = picture(32, 48, (0, 8, 8, 24, 24))
    flip = dict(type='RandomFlip', prob=1.0)
    with pytest.raises(ValueError, match='flips'):
        predict(build_cam(), pack(image, flip))
    sample = pack(image)
    sample['data_samples'].set_metainfo(dict(flip=True))
    with pytest.raises(ValueError, match='flip'):
        predict(build_cam(), sample)


@pytest.mark.parametrize('head', ['CAMHead', 'ACoLHead', 'SPGHead'])
def test_batch_equals_single(head):
    config = dict(
        CAMHead=None,
        ACoLHead=dict(type='ACoLHead', num_classes=3, in_channels=3, mid_channels=4),
        SPGHead=dict(type='SPGHead', num_classes=3, in_channels=(3, 3, 3), mid_channels=4, mask_size=(32, 32)),
    )[head]
    torch.manual_seed(0)
    model = build_cam(4, head=config, cam_class='all_above:0.2')
    images = [
        picture(32, 48, (0, 4, 4, 20, 20)),
        picture(32, 48, (1, 8, 8, 40, 30), (2, 0, 0, 8, 32)),
        picture(32, 48),
    ]
    together = predict(model, *map(pack, images))
    for image, out in zip(images, together, strict=True):
        (alone,) = predict(model, pack(image))
        assert alone.pred_cam.labels == out.pred_cam.labels
        torch.testing.assert_close(alone.pred_cam.cam, out.pred_cam.cam)
        torch.testing.assert_close(alone.pred_label.score, out.pred_label.score)
        assert torch.equal(alone.pred_instances.bboxes, out.pred_instances.bboxes)


def test_padding_of_a_batch_changes_nothing():
    images = [picture(24, 48, (0, 4, 4, 20, 20)), picture(40, 32, (1, 8, 8, 24, 24))]
    model = build_cam(4)
    for image, out in zip(images, predict(model, *map(pack, images)), strict=True):
        (alone,) = predict(model, pack(image))
        torch.testing.assert_close(alone.pred_cam.cam, out.pred_cam.cam)
        torch.testing.assert_close(alone.pred_label.score, out.pred_label.score)


def test_strange_maps():
    model = build_cam(box_preset='wsol_v2', cam_class='topk:3')
    (out,) = predict(model, pack(picture(16, 16)))  # constant
    assert not out.pred_cam.cam.any() and not len(out.pred_instances) and torch.isfinite(out.pred_label.score).all()
    negative = build_cam(normalize='max', cam_class='pred')
    with torch.no_grad():
        negative.cam_head.fc.weight.mul_(-1)
    (out,) = predict(negative, pack(picture(16, 24, (0, 0, 0, 24, 16), (1, 0, 0, 24, 16), (2, 0, 0, 24, 16))))
    assert not out.pred_cam.cam.any() and not len(out.pred_instances)
    (out,) = predict(build_cam(64), pack(picture(40, 30, (0, 0, 0, 20, 20))))  # one cell
    assert out.pred_cam.cam.shape == (1, 40, 30) and not len(out.pred_instances)


@pytest.mark.parametrize('kind', ['L', 'LA', 'RGBA', 'P', 'CMYK', 'I;16', 'exif'])
def test_images_of_any_kind(kind, tmp_path):
    white = Image.fromarray(picture(32, 64, *((k, 40, 8, 56, 24) for k in range(3))))
    path = tmp_path / ('a.jpg' if kind in ('CMYK', 'exif') else 'a.png')
    if kind == 'exif':
        exif = Image.Exif()
        exif[0x0112] = 6  # show it turned by a quarter
        white.save(path, exif=exif, quality=95)
    elif kind == 'I;16':
        Image.fromarray(np.asarray(white.convert('L')).astype(np.uint16) * 257).save(path)
    else:
        white.convert(kind).save(path)
    load = TRANSFORMS.build(dict(type='LoadRGBImage', apply_exif=kind == 'exif'))
    image = load(dict(img_path=str(path)))['img']
    (out,) = predict(build_cam(4), pack(image, RESIZE))
    truth = (8, 40, 24, 56) if kind == 'exif' else (40, 8, 56, 24)
    assert iou(out.pred_instances.bboxes[0].tolist(), truth) > 0.5


def test_as_a_weak_detector_beside_others():
    head = dict(type='CAMHead', num_classes=3, in_channels=3, loss='bce')
    model = build_cam(2, head=head, cam_class='all_above:0.6', top1_instances=True, box_rule=dict(threshold=0.5))
    metric = WeakVOCMetric(print_classes=False)
    metric.dataset_meta = dict(classes=('red', 'green', 'blue'))
    for shape, patches in (((48, 80), [(0, 8, 8, 40, 40), (2, 56, 16, 72, 40)]), ((64, 64), [(1, 16, 8, 48, 56)])):
        objects = [dict(bbox=[p[1], p[2], p[3] - 1, p[4] - 1], bbox_label=p[0], ignore_flag=0) for p in patches]
        sample = pack(picture(*shape, *patches), RESIZE, labels=[p[0] for p in patches], instances=objects)
        with torch.no_grad():
            model.cam_head.fc.bias.fill_(0.35)
        (out,) = predict(model, sample)
        assert out.pred_label.label.tolist() == [0, 1, 2]  # all above .5
        assert sorted(set(out.top1_instances.labels.tolist())) == sorted(p[0] for p in patches)
        metric.process(None, [out.to_dict()])
    numbers = metric.evaluate(2)
    assert numbers['voc/CorLoc'] == 100 and numbers['voc/mAP_area'] > 60


def test_loss():
    torch.manual_seed(0)
    model = build_cam().train()
    sample = [pack(picture(32, 32, (k, 0, 0, 16, 16)), labels=[k]) for k in (0, 2)]
    data = model.data_preprocessor(pseudo_collate(sample), True)
    losses = model(**data, mode='loss')
    logits = model(**data, mode='tensor')
    assert logits.shape == (2, 3) and losses['acc'] == 100
    torch.testing.assert_close(losses['loss_cls'], F.cross_entropy(logits, torch.tensor([0, 2])))
    maps = model.class_activation_maps(data['inputs'])
    assert maps.shape == (2, 3, 4, 4) and maps[0, 0].any() and not maps[0, 1].any()
    data['data_samples'][0].gt_label.score = torch.tensor([0.25, 0.75, 0.0])  # as CutMix leaves it
    assert model(**data, mode='loss')['acc'] == 50
    expected = -(torch.tensor([[0.25, 0.75, 0], [0, 0, 1]]) * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(model(**data, mode='loss')['loss_cls'], expected)
    for each in data['data_samples']:
        each.gt_label.score = torch.zeros(4)
    with pytest.raises(ValueError, match='labels 4 classes'):
        model(**data, mode='loss')
    multi = build_cam(head=dict(type='CAMHead', num_classes=3, in_channels=3, loss='bce')).train()
    labels = [pack(picture(32, 32), labels=[0, 1], ignore_labels=[2]), pack(picture(32, 32), labels=[])]
    data = multi.data_preprocessor(pseudo_collate(labels), True)
    losses = multi(**data, mode='loss')
    assert list(losses) == ['loss_cls'] and losses['loss_cls'] > 0
    with pytest.raises(ValueError, match='train_cfg'):
        MODELS.build(dict(type='CAMLocalizer', backbone={}, cam_head={}, train_cfg=dict(a=1)))


@pytest.mark.parametrize('head', ['CAMHead', 'ACoLHead', 'SPGHead'])
def test_bfloat16(head):
    kinds = dict(
        CAMHead=dict(type='CAMHead', num_classes=3, in_channels=3, conv_channels=4),
        ACoLHead=dict(type='ACoLHead', num_classes=3, in_channels=3, mid_channels=4, avg_pool=True),
        SPGHead=dict(type='SPGHead', num_classes=3, in_channels=(3, 3, 3), mid_channels=4, mask_size=(32, 32)),
    )
    model = MODELS.build(
        dict(
            type='CAMLocalizer',
            data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
            backbone=dict(type='ColourCells', cell=4),
            cam_head=kinds[head],
        )
    )
    model.cam_head.init_weights()
    samples = [pack(picture(32, 32, (k, 0, 0, 16, 16)), labels=[k]) for k in (0, 2)]
    data = model.train().data_preprocessor(pseudo_collate(samples), True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        assert all(torch.isfinite(v) and v.dtype == torch.float32 for v in losses.values())
        out = model.eval()(**data, mode='predict')
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.cam_head.parameters())
    assert all(sample.pred_cam.cam.dtype == torch.float32 for sample in out)


def test_head_with_a_convolution():
    torch.manual_seed(0)
    head = MODELS.build(dict(type='CAMHead', num_classes=4, in_channels=5, conv_channels=6))
    head.init_weights()
    x, ids = torch.randn(2, 5, 7, 6), torch.tensor([[3, 0], [1, 1]])
    features = F.relu(head.conv6(x))
    torch.testing.assert_close(head(x), head.fc(features.mean((2, 3))))
    maps = torch.einsum('kc,ncyx->nkyx', head.fc.weight, features)
    torch.testing.assert_close(head.class_cams(x, ids), maps[torch.arange(2)[:, None], ids])
    torch.testing.assert_close(head.activation_maps(x), maps.relu())
    torch.testing.assert_close(head.class_maps(x), maps + head.fc.bias.view(-1, 1, 1))
    assert head.conv6.weight.std() > 3 * head.fc.weight.std()
