import math

import pytest
import torch
from mmdet.models.dense_heads import RetinaHead
from mmengine.structures import InstanceData

from tests.models.miaod import STRIDES, build, retina_head, retina_train_cfg, sample, samples, spread, total
from wsod_mm.functional.active_mil import flatten_level
from wsod_mm.utils.measure import SyncTrace

TOWERS = ('f1', 'f2', 'f_r', 'f_mil')


def features(seed=2, number=2):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(number, 8, *size, generator=generator) for size in ((4, 6), (2, 3))]


def losses_of(head, stage, labeled, x=None):
    head.set_stage(stage)
    return head.loss(x or features(), samples(labeled))


def gradients(head):
    """Sum of the absolute gradients per tower; ``None`` if a parameter of the tower has none."""
    sums = {tower: 0.0 for tower in TOWERS}
    for name, parameter in head.named_parameters():
        tower = head.tower_of(name)
        if parameter.grad is None:
            sums[tower] = None
        elif sums[tower] is not None:
            sums[tower] += parameter.grad.abs().sum().item()
    return sums


def plain(head, classifier):
    """MMDetection's own head with the weights of one classifier and of the box regressor."""
    config = retina_head()
    for key in ('type', 'train_cfg', 'test_cfg'):
        config.pop(key)
    result = RetinaHead(**config, train_cfg=head.train_cfg, test_cfg=head.test_cfg)
    names = {'cls_convs': f'{classifier}_convs', 'retina_cls': f'{classifier}_retina'}
    names |= {'reg_convs': 'f_r_convs', 'retina_reg': 'f_r_retina'}
    for theirs, ours in names.items():
        getattr(result, theirs).load_state_dict(getattr(head, ours).state_dict())
    return result


def test_initial_weights():
    head = build(retina_head(in_channels=64, feat_channels=64, stacked_convs=2))
    for prefix in ('f_1', 'f_2', 'f_r', 'f_mil'):
        std = math.sqrt(2 / (64 * 9)) if prefix == 'f_mil' else 0.01
        for conv in getattr(head, f'{prefix}_convs'):
            assert conv.conv.weight.std().item() == pytest.approx(std, rel=0.03)
            assert not conv.conv.bias.any()
        last = getattr(head, f'{prefix}_retina')
        assert last.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert last.weight.mean().item() == pytest.approx(0, abs=1e-3)
        bias = 0.0 if prefix == 'f_r' else -math.log(99)
        assert torch.equal(last.bias, torch.full_like(last.bias, bias))
    assert not torch.equal(head.f_1_retina.weight, head.f_2_retina.weight)
    assert not torch.equal(head.f_1_convs[0].conv.weight, head.f_2_convs[0].conv.weight)


def test_initial_weights_are_set_once_and_can_be_replaced():
    head = build(retina_head())
    before = {name: value.clone() for name, value in head.state_dict().items()}
    head.init_weights()
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())
    other = build(retina_head(init_cfg=dict(type='Constant', layer='Conv2d', val=0.25, bias=0.5)))
    assert (other.f_1_retina.weight == 0.25).all() and (other.f_mil_retina.bias == 0.5).all()
    assert (build(retina_head(bias_prob=0.5)).f_2_retina.bias == 0).all()


def test_names_of_parameters_are_those_of_the_public_code():
    names = {f'{p}_{q}.{kind}' for p in ('f_1', 'f_2', 'f_r', 'f_mil') for q in ('convs.0.conv', 'retina')
             for kind in ('weight', 'bias')}  # fmt: skip
    head = build(retina_head())
    assert set(head.state_dict()) == names
    assert {head.tower_of(name) for name in names} == set(TOWERS)
    assert head.tower_of('loss_cls.weight') is None


def test_forward_evaluates_the_towers_asked_for():
    head = spread(build(retina_head()))
    outs = head(features())
    for tower, out in zip(TOWERS, outs, strict=True):
        channels = 12 if tower == 'f_r' else 9
        assert [tuple(level.shape) for level in out] == [(2, channels, 4, 6), (2, channels, 2, 3)]
        (alone,) = head(features(), (tower,))
        assert all(torch.equal(a, b) for a, b in zip(out, alone, strict=True))


@pytest.mark.parametrize(
    ('stage', 'labeled', 'names'),
    [
        ('label', True, {'loss_cls', 'loss_bbox', 'loss_imgcls'}),
        ('min', True, {'loss_cls', 'loss_bbox', 'loss_imgcls', 'loss_wave_dis'}),
        ('min', False, {'loss_cls', 'loss_bbox', 'loss_imgcls', 'loss_wave_dis'}),
        ('max', True, {'loss_cls', 'loss_bbox', 'loss_wave_dis_minus'}),
        ('max', False, {'loss_cls', 'loss_bbox', 'loss_wave_dis_minus'}),
    ],
)
def test_terms_of_each_stage_and_zero_gradients(stage, labeled, names):
    head = spread(build(retina_head()))
    losses = losses_of(head, stage, labeled)
    assert set(losses) == names
    zero = {'loss_cls', 'loss_bbox'} if not labeled else {'loss_wave_dis', 'loss_wave_dis_minus'}
    for name, value in losses.items():
        value = total({name: value})
        assert (value == 0) if name in zero else (value > 0), name
        assert isinstance(losses[name], torch.Tensor) or len(losses[name]) == len(STRIDES)
    total(losses).backward()
    sums = gradients(head)
    moved = {'f1': True, 'f2': True, 'f_r': labeled, 'f_mil': stage != 'max'}
    for tower, value in sums.items():
        assert value is not None and (value > 0) == moved[tower], (tower, value)


def test_detection_losses_are_the_mean_of_two_plain_heads():
    head = spread(build(retina_head()))
    x, data = features(), samples()
    losses = head.loss(x, data)
    first, second = (plain(head, name).loss(x, data) for name in ('f_1', 'f_2'))
    for name in ('loss_cls', 'loss_bbox'):
        for ours, a, b in zip(losses[name], first[name], second[name], strict=True):
            torch.testing.assert_close(ours, (a + b) / 2)
    assert first['loss_cls'] != second['loss_cls']


def test_targets_are_computed_once(monkeypatch):
    head, calls = build(retina_head()), []
    assign = head.assigner.assign
    monkeypatch.setattr(head.assigner, 'assign', lambda *args: calls.append(1) or assign(*args))
    head.loss(features(), samples())
    assert len(calls) == 2  # images
    losses_of(head, 'min', False)
    assert len(calls) == 2


def test_unlabeled_batches_do_not_look_at_boxes():
    head = spread(build(retina_head()))
    head.set_stage('min')
    expected = total(head.loss(features(), samples(False)))
    with_boxes = [sample([[1, 1, 9, 9]], [k], labeled=False) for k in (0, 1)]
    assert total(head.loss(features(), with_boxes)) == expected
    # an image without any box is not a mark of anything
    empty = [sample([], []), sample([[8, 0, 40, 31]], [1])]
    for stage in ('label', 'min', 'max'):
        head.set_stage(stage)
        value = total(head.loss(features(), empty))
        assert torch.isfinite(value) and value > 0
        assert torch.isfinite(total(head.loss(features(), [sample([], []), sample([], [])])))


def test_both_wave_losses_add_up():
    head = spread(build(retina_head()))
    both = sum(
        total({k: v for k, v in losses_of(head, stage, False).items() if 'wave' in k}) for stage in ('min', 'max')
    )
    torch.testing.assert_close(both, torch.tensor(0.5 * len(STRIDES) * 2 / 3))


def test_one_image_without_pseudo_label_gates_the_batch():
    head = spread(build(retina_head()))
    x = features()
    assert losses_of(head, 'min', False, x)['loss_imgcls'] > 0
    # logits of the second image are those of the bias alone
    for module in (head.f_1_retina, head.f_2_retina):
        torch.nn.init.constant_(module.bias, -1.0)
    for prefix in ('f_1', 'f_2'):
        for conv in getattr(head, f'{prefix}_convs'):
            torch.nn.init.zeros_(conv.conv.bias)
    hard = [torch.cat((level[:1], torch.zeros_like(level[:1]))) for level in x]
    alone = [level[:1] for level in x]
    head.set_stage('min')
    assert head.loss(alone, samples(False)[:1])['loss_imgcls'] > 0
    losses = losses_of(head, 'min', False, hard)
    assert losses['loss_imgcls'] == 0
    total(losses).backward()
    sums = gradients(head)
    assert sums['f_mil'] == 0 and sums['f1'] > 0


@pytest.mark.parametrize(
    ('option', 'stage', 'labeled'),
    [
        (dict(param_lambda=0.1), 'min', False),
        (dict(param_lambda=0.1), 'max', False),
        (dict(average_images=True), 'min', False),
        (dict(mil_weight='per_class'), 'min', False),
        (dict(mil_weight='per_class'), 'label', True),
        (dict(pseudo_thresh=0.97), 'min', False),
        (dict(image_loss_in_max=True), 'max', True),
        (dict(det_cls_reduction='sum'), 'label', True),
        (dict(class_reduction='sum'), 'label', True),
        (dict(class_reduction='sum'), 'min', False),
        (dict(class_reduction='sum'), 'max', False),
    ],
    ids=str,
)
def test_every_option_changes_the_loss(option, stage, labeled):
    default, changed = (
        total(losses_of(spread(build(retina_head(**options))), stage, labeled)) for options in ({}, option)
    )
    assert torch.isfinite(changed) and not torch.isclose(default, changed, rtol=1e-4)


def test_a_pseudo_label_at_the_threshold_can_be_left_out():
    def loss(**options):
        head = spread(build(retina_head(**options)))
        for name in ('f_1_retina', 'f_2_retina'):  # all logits 0: each probability is the threshold
            torch.nn.init.zeros_(getattr(head, name).weight)
            torch.nn.init.zeros_(getattr(head, name).bias)
        return losses_of(head, 'min', False)['loss_imgcls']

    assert loss() > 0 and loss(pseudo_strict=True) == 0


def test_one_class():
    def step(**options):
        head = spread(build(retina_head(1, **options)))
        losses = head.loss(features(), [sample([[4, 4, 28, 30]], [0]), sample([], [])])
        losses['loss_imgcls'].backward()
        return losses['loss_imgcls'].item(), gradients(head)['f_mil']

    value, gradient = step()
    assert 0.1 < value < 5 and gradient > 0
    # half of the images are labeled, and all are scored 1
    value, gradient = step(one_class='softmax')
    assert value == pytest.approx(-math.log(1e-5) / 2, rel=0.01) and gradient == 0
    with pytest.raises(ValueError, match='one class'):
        step(one_class='raise')


def test_errors():
    head = build(retina_head())
    with pytest.raises(ValueError, match="set_stage\\('min'\\)"):
        losses_of(head, 'label', False)
    with pytest.raises(ValueError, match='all labeled or all unlabeled'):
        head.loss(features(), [samples()[0], samples(False)[0]])
    with pytest.raises(ValueError, match='at least one'):
        head.loss(features(), [])
    with pytest.raises(ValueError, match='stage must be'):
        head.set_stage('test')
    for options, match in (
        (dict(test_with='f3'), 'test_with'),
        (dict(mil_weight='sum'), 'mil_weight'),
        (dict(one_class='skip'), 'one_class'),
        (dict(uncertainty=dict(top=3)), 'top'),
    ):
        with pytest.raises(ValueError, match=match):
            build(retina_head(**options))


def recorded(head, monkeypatch):
    """Names of the towers that are evaluated."""
    seen, forward = [], head.forward_tower
    monkeypatch.setattr(head, 'forward_tower', lambda tower, x: seen.append(tower) or forward(tower, x))
    return seen


@pytest.mark.parametrize(('test_with', 'prefix'), [('f1', 'f_1'), ('f2', 'f_2')])
def test_detections_are_those_of_a_plain_head(test_with, prefix, monkeypatch):
    head = spread(build(retina_head(test_with=test_with)))
    expected = plain(head, prefix).predict(features(), samples())
    seen = recorded(head, monkeypatch)
    for ours, theirs in zip(head.predict(features(), samples()), expected, strict=True):
        assert len(ours) > 0
        for key in ('bboxes', 'scores', 'labels'):
            assert torch.equal(ours[key], theirs[key])
    assert seen == [test_with, 'f_r']


def test_detections_with_the_mean_of_both_classifiers():
    options = dict(nms_pre=1000, min_bbox_size=-1, score_thr=0.0, nms=dict(type='nms', iou_threshold=1.0))
    head = spread(build(retina_head(test_with='mean', test_cfg=dict(options, max_per_img=1000))))
    f1, f2 = head(features(), ('f1', 'f2'))
    expected = [(a.sigmoid() + b.sigmoid()) / 2 for a, b in zip(f1, f2, strict=True)]
    for image, found in enumerate(head.predict(features(), samples())):
        scores = torch.cat([level[image].flatten() for level in expected]).sort(descending=True).values
        assert isinstance(found, InstanceData)
        torch.testing.assert_close(found.scores.sort(descending=True).values, scores)


def test_uncertainty_is_that_of_the_formula(monkeypatch):
    head = spread(build(retina_head(uncertainty=dict(k=7))))
    f1, f2, _, f_mil = head(features())
    rows = [torch.cat([flatten_level(level, 3).sigmoid() for level in f], dim=1) for f in (f1, f2)]
    expected = []
    for a, b in zip(*rows, strict=True):
        anchors = zip(a.tolist(), b.tolist(), strict=True)
        values = sorted(sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) / 3 for p, q in anchors)
        expected.append(sum(values[-7:]) / 7)
    seen = recorded(head, monkeypatch)
    value = head.uncertainty(features())
    torch.testing.assert_close(value, torch.tensor(expected))
    assert seen == ['f1', 'f2'] and not value.requires_grad and value.dtype == torch.float32


def test_options_of_the_uncertainty():
    values = {}
    for option in (
        dict(),
        dict(k=5),
        dict(k=0.5),
        dict(distance='l1'),
        dict(reweight=True),
        dict(aggregate='max'),
    ):
        head = spread(build(retina_head(uncertainty=option)))
        values[str(option)] = head.uncertainty(features())[0].item()
    assert len(set(values.values())) == len(values)
    per_class = spread(build(retina_head(mil_weight='per_class', uncertainty=dict(reweight=True))))
    assert per_class.uncertainty(features()).shape == (2,)


def test_half_precision_features_give_losses_in_single_precision():
    for stage, labeled in (('label', True), ('min', True), ('min', False), ('max', False)):
        head = spread(build(retina_head()))
        expected = total(losses_of(head, stage, labeled))
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = losses_of(head, stage, labeled)
        assert all(v.dtype == torch.float32 for v in torch.utils._pytree.tree_leaves(losses))
        torch.testing.assert_close(total(losses), expected, rtol=0.03, atol=0)


@pytest.mark.parametrize('stage', ['min', 'max'])
def test_unlabeled_batches_do_not_wait_for_the_device(stage):
    head = spread(build(retina_head()))
    head.set_stage(stage)
    x, data = features(), samples(False)
    with SyncTrace() as trace:
        total(head.loss(x, data)).backward()
    assert sum(trace.operators.values()) > 50 and not trace.waits, trace.waits


def test_settings_of_training_are_those_of_retinanet():
    head = build(retina_head())
    assert head.use_sigmoid_cls and head.cls_out_channels == 3
    assert retina_train_cfg()['assigner']['neg_iou_thr'] == head.assigner.neg_iou_thr
