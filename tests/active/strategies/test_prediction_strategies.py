"""Entropy, least confidence and margin on MMDetection's heads and ours, against literal loops over the anchors."""

import math

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from tests.models.miaod import detector, images, retina_head, samples, ssd_head
from tests.models.stock_detectors import HEADS, atss_head, scatter, stock_detector
from wsod_mm.active.strategies import EntropyStrategy, LeastConfidenceStrategy, MarginStrategy
from wsod_mm.registry import MODELS, TASK_UTILS

TYPES = ['EntropyStrategy', 'LeastConfidenceStrategy', 'MarginStrategy']
MODELS_UNDER_TEST = {
    **{name: lambda head=head: stock_detector(head()) for name, head in HEADS.items()},
    'miaod-f1': lambda: detector(retina_head()),
    'miaod-f2': lambda: detector(retina_head(test_with='f2')),
    'miaod-mean': lambda: detector(retina_head(test_with='mean')),
    'miaod-ssd-mean': lambda: detector(ssd_head(test_with='mean')),
}


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def literal_probabilities(model, image):
    """Rows of probabilities per anchor, and whether classes are independent."""
    head = model.bbox_head
    outs = head(model.extract_feat(image))
    towers = {'f1': [0], 'f2': [1], 'mean': [0, 1]}[getattr(head, 'test_with', 'f1')]
    count, rows = head.cls_out_channels, []
    for levels in zip(*(outs[t] for t in towers), strict=True):
        for h in range(levels[0].shape[2]):
            for w in range(levels[0].shape[3]):
                for n in range(levels[0].shape[1] // count):
                    kinds = []
                    for level in levels:
                        z = level[0, n * count : (n + 1) * count, h, w].tolist()
                        total = sum(math.exp(x) for x in z)
                        kinds.append([sigmoid(x) if head.use_sigmoid_cls else math.exp(x) / total for x in z])
                    rows.append([sum(p) / len(p) for p in zip(*kinds, strict=True)])
    return rows, head.use_sigmoid_cls


def literal_value(kind, row, independent):
    if kind == 'EntropyStrategy':
        if independent:
            return sum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in row)
        return -sum(p * math.log(p) for p in row)
    outcomes = sorted([*row, 1 - max(row)] if independent else row, reverse=True)
    return 1 - outcomes[0] if kind == 'LeastConfidenceStrategy' else 1 - (outcomes[0] - outcomes[1])


@pytest.mark.parametrize('name', MODELS_UNDER_TEST)
def test_anchors_of_a_literal_loop(name):
    model = scatter(MODELS_UNDER_TEST[name]()).eval()
    batch = images()
    for kind in TYPES:
        whole, few = (TASK_UTILS.build(dict(type=kind, k=k)) for k in (10000, 5))
        for strategy in (whole, few):
            strategy.check(model)
        found, found_few = whole.score(model, batch, samples()), few.score(model, batch, samples())
        assert found.shape == (2,) and found.dtype == torch.float32 and not found.requires_grad
        for b in range(2):
            rows, independent = literal_probabilities(model, batch[b : b + 1])
            values = sorted((literal_value(kind, row, independent) for row in rows), reverse=True)
            assert found[b].item() == pytest.approx(sum(values) / len(values), rel=1e-4), kind
            assert found_few[b].item() == pytest.approx(sum(values[:5]) / 5, rel=1e-4), kind


@pytest.mark.parametrize('name', MODELS_UNDER_TEST)
def test_detections_of_a_literal_loop(name):
    model = scatter(MODELS_UNDER_TEST[name]()).eval()
    given = samples()
    results = model.predict(images(), samples(), rescale=False)
    for kind in TYPES:
        strategy = TASK_UTILS.build(dict(type=kind, source='detections', aggregate='sum'))
        strategy.check(model)
        found = strategy.score(model, images(), given)
        for b, result in enumerate(results):
            scores = result.pred_instances.scores.tolist()
            assert len(scores) > 3
            expected = sum(literal_value(kind, [p], True) for p in scores)
            assert found[b].item() == pytest.approx(expected, rel=1e-4), kind
    assert not any('pred_instances' in sample for sample in given)


def test_an_image_without_detection_has_the_value_0():
    model = stock_detector(dict(HEADS['retina'](), test_cfg=dict(score_thr=1.0, nms_pre=10))).eval()
    for kind in TYPES:
        strategy = TASK_UTILS.build(dict(type=kind, source='detections'))
        assert strategy.score(model, images(), samples()).tolist() == [0, 0]


OPTIONS = [dict(), dict(source='detections'), dict(aggregate='mean', k=3), dict(aggregate='max'), dict(k=3)]
OPTIONS += [dict(aggregate='sum'), dict(k=0.25)]


@pytest.mark.parametrize('kind', TYPES)
@pytest.mark.parametrize('head', ['retina', 'ssd'])
def test_every_option_changes_the_score(kind, head):
    model = scatter(stock_detector(HEADS[head]())).eval()
    own = dict(classes='mean') if kind == 'EntropyStrategy' else dict(background=False)
    default = TASK_UTILS.build(dict(type=kind)).score(model, images(), samples())
    values = []
    for options in [*OPTIONS, own]:
        values.append(TASK_UTILS.build(dict(type=kind, **options)).score(model, images(), samples())[0].item())
    assert torch.equal(default[0], torch.tensor(values[0]))
    # 'mean' is 'topk_mean' over all anchors, which here are fewer than the default k
    assert values.pop(2) == pytest.approx(values[0]) and len({round(v, 5) for v in values}) == len(values)
    if kind == 'LeastConfidenceStrategy':
        pair = [LeastConfidenceStrategy('detections', background=b).score(model, images(), samples()) for b in (1, 0)]
        assert not torch.allclose(*pair)


def test_test_with_decides_about_the_classifiers():
    model = scatter(detector(retina_head())).eval()
    values = []
    for model.bbox_head.test_with in ('f1', 'f2', 'mean'):
        values.append(EntropyStrategy().score(model, images(), samples())[0].item())
    assert len(set(values)) == 3


def test_a_batch_is_as_its_images_alone():
    model = scatter(stock_detector(HEADS['fcos']())).eval()
    for strategy in (EntropyStrategy(), MarginStrategy(source='detections')):
        together = strategy.score(model, images(), samples())
        alone = [strategy.score(model, images()[b : b + 1], samples()[b : b + 1]) for b in range(2)]
        torch.testing.assert_close(together, torch.cat(alone))


def test_models_without_class_logits_are_refused():
    heads = {
        'TOODHead': atss_head(type='TOODHead', num_dcn=0, norm_cfg=dict(type='GN', num_groups=2), stacked_convs=2),
        'YOLOXHead': dict(
            type='YOLOXHead',
            num_classes=3,
            in_channels=8,
            feat_channels=8,
            strides=(8, 16),
            train_cfg=None,
            test_cfg={},
        ),
    }
    heads['TOODHead'].update(
        train_cfg=dict(
            initial_epoch=4,
            initial_assigner=dict(type='ATSSAssigner', topk=9),
            assigner=dict(type='TaskAlignedAssigner', topk=13),
            alpha=1,
            beta=6,
        ),
        initial_loss_cls=dict(type='FocalLoss', use_sigmoid=True, activated=True),
    )
    for name, head in heads.items():
        model = MODELS.build(ConfigDict(head))
        wrapped = nn.Module()
        wrapped.bbox_head = model
        with pytest.raises(ValueError, match=f"with {name}: set source='detections'"):
            EntropyStrategy().check(wrapped)
    with pytest.raises(ValueError, match="got Linear: set source='detections'"):
        EntropyStrategy().check(nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r'predict\(\), got Linear'):
        EntropyStrategy('detections').check(nn.Linear(1, 1))


def test_one_class():
    model = scatter(stock_detector(HEADS['retina'](1))).eval()
    for kind in (EntropyStrategy, LeastConfidenceStrategy, MarginStrategy):
        strategy = kind()
        strategy.check(model)
        assert (strategy.score(model, images(), samples()) > 0).all()
    with pytest.raises(ValueError, match='background=True'):
        MarginStrategy(background=False).check(model)


def test_errors():
    for kind in (EntropyStrategy, LeastConfidenceStrategy, MarginStrategy):
        for options in (dict(source='boxes'), dict(aggregate='median'), dict(k=0), dict(k=1.5)):
            with pytest.raises(ValueError, match=f'{next(iter(options))} must be'):
                kind(**options)
    with pytest.raises(ValueError, match='classes'):
        EntropyStrategy(classes='max')
    with pytest.raises(ValueError, match='background=True'):
        MarginStrategy('detections', background=False)
