"""Faster R-CNN, Cascade R-CNN, RetinaNet, FCOS and DETR from MMDetection's configs, and our RetinaNets."""

import pytest
import torch
from mmdet.structures import DetDataSample

from tests.models.miaod import detector as miaod_detector
from tests.models.stock_detectors import HEADS, scatter, stock_detector
from wsod_mm.explain import DetectionTarget, DetSample, GradCAM, RawDetections, make_cam, make_scorer
from wsod_mm.explain.scorers import DenseScorer, QueryScorer, RoIScorer

from .detectors import CLASSES, FILES, detector
from .toy import hooks, images, state

KINDS = dict(faster_rcnn=RoIScorer, cascade_rcnn=RoIScorer, retinanet=DenseScorer, fcos=DenseScorer, detr=QueryScorer)
SIZE = (64, 96)


@pytest.fixture(scope='module')
def models():
    return {name: detector(name) for name in FILES}


def samples(count=2, sizes=((64, 96), (64, 80))):
    meta = dict(ori_shape=SIZE, scale_factor=(1.0, 1.0), pad_shape=SIZE, batch_input_shape=SIZE)
    return [DetDataSample(metainfo=dict(meta, img_shape=size)) for size in sizes[:count]]


def best_rows(output: RawDetections, count: int = 2):
    """The rows that score most, as boxes to explain."""
    rows = output.logits.sort(descending=True).indices[:count]
    return output.boxes[rows], output.labels[rows], output.logits[rows]


@pytest.mark.parametrize('name', FILES)
def test_classes_and_boxes(models, name):
    model = models[name].train()
    before = state(model)
    inputs = images(2, SIZE)
    scorer = make_scorer(model)
    assert type(scorer) is KINDS[name] and scorer.default_layers() == ('neck',)
    cam = GradCAM(model)
    fixed = scorer.prepare(inputs, samples())
    maps = cam(inputs, [0, 2], fixed)
    assert maps.shape == (2, *SIZE) and 0 <= maps.min() and maps.max() <= 1 and not maps[1, :, 80:].any()
    raw = [cam.raw_maps(inputs, category, fixed) for category in range(CLASSES)]
    assert any(level.any() for level in raw[0])
    for other in raw[1:]:  # classes look elsewhere
        assert any(not torch.allclose(a, b, rtol=1e-3, atol=0) for a, b in zip(raw[0], other, strict=True))
    # detections: the fixed boxes' own rows
    outputs = cam.outputs
    targets = []
    for output in outputs:
        assert output.num_classes == CLASSES and not output.logits.requires_grad
        boxes, labels, logits = best_rows(output, 1)
        targets.append(DetectionTarget(boxes, labels))
        assert targets[-1](output) == pytest.approx(float(logits.sum()) + 1, abs=1e-3)
        assert DetectionTarget(boxes, labels, iou_weight=0)(output) == pytest.approx(float(logits.sum()), abs=1e-3)
        assert DetectionTarget(boxes, labels, score='prob', iou_weight=0)(output) <= 1
        far = boxes + 1000
        assert DetectionTarget(far, labels)(output) == 0
    assert cam(inputs, targets, fixed).any()
    assert cam(inputs, targets, fixed, aug_smooth=True).any()
    assert state(model) == before and hooks(model) == 0 and model.training


@pytest.mark.parametrize(
    ('name', 'method'),
    [
        ('faster_rcnn', 'AblationCAM'),
        ('retinanet', 'LayerCAM'),
        ('fcos', 'EigenCAM'),
        ('fcos', 'AblationCAM'),
        ('detr', 'ScoreCAM'),
        ('cascade_rcnn', 'FeatmapAM'),
    ],
)
def test_other_methods_without_gradients_around(models, name, method):
    inputs = images(1, SIZE)
    with torch.no_grad():
        cam = make_cam(method, models[name], 'backbone[-1]', batch_size=64)
        maps = cam(inputs, 1)
    assert maps.shape == (1, *SIZE) and maps.isfinite().all()
    assert maps.any() or method in ('ScoreCAM', 'AblationCAM', 'LayerCAM')


@pytest.mark.parametrize('name', FILES)
def test_rows_are_what_the_detector_finds(models, name):
    """Scores and boxes beside MMDetection's own predictions."""
    model, inputs = models[name].eval(), images(2, SIZE)
    if 'rcnn' in name:
        model.roi_head.test_cfg.score_thr = 0.0
    else:
        model.bbox_head.test_cfg.score_thr = 0.0
    scorer = make_scorer(model)
    found = scorer.detect(inputs, samples())
    outputs = scorer.forward(inputs, scorer.prepare(inputs, samples()))
    for instances, output in zip(found, outputs, strict=True):
        assert len(instances)
        for box, score, label in zip(instances.bboxes[:5], instances.scores[:5], instances.labels[:5], strict=True):
            near = ((output.boxes - box).abs().amax(dim=1) < 1e-2) & (output.labels == label)
            assert near.any()
            if 'rcnn' not in name:  # there, boxes are classified once more after they moved
                assert (output.scores[near] - score).abs().min() < 1e-4
        assert (output.logits.argmax() == output.scores.argmax()) or 'rcnn' in name or name == 'detr'
    untouched = samples()
    scorer.detect(inputs, untouched)
    assert 'pred_instances' not in untouched[0]


def test_batch_and_single_image(models):
    inputs = images(2, SIZE)
    for name, model in models.items():
        cam = GradCAM(model)
        fixed = cam.scorer.prepare(inputs, None)
        both = cam(inputs, 1, fixed)
        for i in range(2):
            alone = cam(inputs[i : i + 1], 1, fixed[i : i + 1])[0]
            torch.testing.assert_close(alone, both[i], rtol=1e-2, atol=1e-2, msg=name)


def test_own_boxes_of_a_two_stage_detector(models):
    """The map of a box lies where the box is."""
    model, inputs = models['faster_rcnn'], images(1, (64, 128))
    boxes = torch.tensor([[0.0, 0, 32, 64], [96, 0, 128, 64]])
    cam = make_cam('HiResCAM', model, 'neck[0]', relu=False)
    for k, (box, half) in enumerate(zip(boxes, (slice(0, 64), slice(64, 128)), strict=True)):
        (own,) = samples(1, ((64, 128),))
        sample = DetSample(own, boxes)
        target = DetectionTarget(box[None], [1])
        (raw,) = cam.raw_maps(inputs, target, [sample])
        cells = slice(half.start // 4, half.stop // 4)
        assert raw[0, :, cells].abs().sum() > 0.95 * raw.abs().sum() > 0
        flipped = cam(inputs, target, [sample], aug_smooth=True)
        assert flipped.shape == (1, 64, 128)
        mirrored = target.flip(128)
        assert torch.equal(mirrored.boxes, boxes[1 - k][None])
    assert len(make_scorer(model, num_proposals=7).prepare(inputs, None)[0].boxes) < len(
        make_scorer(model, num_proposals=50).prepare(inputs, None)[0].boxes
    )


def test_the_overlap_can_have_a_gradient(models):
    inputs = images(1, SIZE)
    cam = GradCAM(models['detr'])
    cam(inputs)
    boxes, labels, _ = best_rows(cam.outputs[0], 1)
    maps = [
        cam.raw_maps(inputs, DetectionTarget(boxes + 1, labels, iou_weight=50, iou_gradient=flag))[0]
        for flag in (False, True)
    ]
    assert maps[0].any() and not torch.allclose(*maps)


def test_detectors_that_find_nothing(models):
    model = models['faster_rcnn']
    maps = GradCAM(model)(images(1, SIZE), DetectionTarget(torch.zeros(0, 4), []))
    assert not maps.any()
    empty = DetSample(samples(1)[0], torch.zeros(0, 4))
    assert not GradCAM(model)(images(1, SIZE), 1, [empty]).any()
    assert not GradCAM(model)(images(1, SIZE), None, [empty]).any()


@pytest.mark.parametrize('head', HEADS)
def test_heads_of_single_stage_detectors(head):
    model = scatter(stock_detector(HEADS[head]()))
    cam = GradCAM(model)
    assert [layer.name for layer in cam.layers] == ['backbone']
    first, second = (cam.raw_maps(images(1, (32, 48)), category) for category in (0, 1))
    assert any(not torch.allclose(a, b, rtol=1e-3, atol=0) for a, b in zip(first, second, strict=True))
    few = DenseScorer(model, rows_per_level=5)
    assert len(few.forward(images(1, (32, 48)), few.prepare(images(1, (32, 48)), None))[0].logits) == 10


def test_mi_aod():
    model = scatter(miaod_detector())
    scorer = make_scorer(model.eval())
    inputs = images(1, (32, 48))
    model.bbox_head.test_cfg.score_thr = 0.0
    found = scorer.detect(inputs, None)[0]
    (output,) = scorer.forward(inputs, scorer.prepare(inputs, None))
    assert float(output.scores.max()) == pytest.approx(float(found.scores.max()), rel=1e-5)
    assert GradCAM(scorer)(inputs, 1).any()


def test_mistakes(models):
    with pytest.raises(ValueError, match='CAM explains classifiers'):
        make_cam('CAM', models['retinanet'])
    with pytest.raises(ValueError, match='class 3: the detector has classes 0 to 2'):
        GradCAM(models['retinanet'])(images(1, SIZE), 3)
    with pytest.raises(ValueError, match='one per region'):
        GradCAM(models['faster_rcnn'], 'roi_head.bbox_roi_extractor')(images(1, SIZE), 1)
    with pytest.raises(ValueError, match='2 boxes and 1 labels'):
        DetectionTarget(torch.zeros(2, 4), [0])
    with pytest.raises(ValueError, match="score='p'"):
        DetectionTarget(torch.zeros(1, 4), [0], score='p')
    with pytest.raises(ValueError, match='needs a detector'):
        DetectionTarget(torch.zeros(1, 4), [0])(torch.zeros(3))
    with pytest.raises(ValueError, match='1 data samples for 2 images'):
        GradCAM(models['detr'])(images(2, SIZE), 1, samples(1))

    class Own(type(models['retinanet'].bbox_head)):
        def predict_by_feat(self, *args, **kwargs):
            raise NotImplementedError

    model = detector('retinanet')
    model.bbox_head.__class__ = Own
    with pytest.raises(TypeError, match='decodes in its own way'):
        make_scorer(model)
