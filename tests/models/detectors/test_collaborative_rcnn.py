import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner.checkpoint import load_state_dict
from mmengine.structures import InstanceData

from tests.models.collaborative import CONFIG, STAGE_1, detector
from tests.models.detectors.test_no_host_sync import accelerator_paths, traced_step  # noqa: F401 (a fixture)
from tests.models.weak_detector import batch, build, losses_of, predict
from wsod_mm.functional.strong_losses import roi_cls_loss
from wsod_mm.models.roi_heads import collaborative_roi_head
from wsod_mm.registry import MODELS

LOSSES = {'loss_wsddn', 'loss_cls', 'loss_bbox', 'loss_rpn_cls', 'loss_rpn_bbox'}
MONITORS = {'num_pseudo_gt', 'mean_pseudo_weight', 'num_fg_rois', 'weak_img_acc'}
STRONG = LOSSES - {'loss_wsddn'}
LAST_LAYERS = {'weak': 'roi_head.weak_head', 'strong': ('rpn_head', 'roi_head.bbox_head')}


def step(model=None, data=None, seed=3, **options):
    """Losses with the random draws of the step fixed."""
    model = model or detector(**options)
    torch.manual_seed(seed)
    return losses_of(model, data)


def gradients(model, names, data=None):
    """``name -> gradient or None`` of the sum of some losses."""
    losses = step(model, data)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = sum(losses[name] for name in names)
    found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    return dict(zip(parameters, found, strict=True))


def reached(grads, prefix):
    """Whether a gradient that is not 0 arrives anywhere under ``prefix``."""
    return any(g is not None and g.abs().sum() > 0 for name, g in grads.items() if name.startswith(prefix))


@pytest.mark.parametrize('consistency', ['bootstrap', 'pairwise'])
def test_losses_monitors_and_who_gets_a_gradient(consistency):
    model = detector(consistency=consistency)
    losses = step(model)
    assert set(losses) == LOSSES | MONITORS
    assert all(torch.isfinite(value) and value.dim() == 0 for value in losses.values())
    assert all(losses[name] > 0 for name in LOSSES) and 0 <= losses['weak_img_acc'] <= 1
    assert losses['num_pseudo_gt'] >= 1 and 0 < losses['mean_pseudo_weight'] <= 1
    total = model.parse_losses(losses)[0]
    torch.testing.assert_close(total, sum(losses[name] for name in LOSSES))
    weak, strong = gradients(model, {'loss_wsddn'}), gradients(model, STRONG)
    assert reached(weak, 'roi_head.weak_head') and not reached(strong, 'roi_head.weak_head')
    for part in ('rpn_head', 'roi_head.bbox_head'):
        assert reached(strong, part) and not reached(weak, part)
    for part in ('backbone', 'roi_head.shared_head.fc6', 'roi_head.shared_head.fc7'):
        assert reached(weak, part) and reached(strong, part)


def test_both_branches_use_the_same_fc6_and_fc7(monkeypatch):
    model, calls = detector(), []
    names = [name for name, _ in model.named_parameters(remove_duplicate=False) if '.fc6.' in name or '.fc7.' in name]
    assert sorted(names) == [f'roi_head.shared_head.fc{n}.{kind}' for n in (6, 7) for kind in ('bias', 'weight')]
    inputs = []
    for head in (model.roi_head.weak_head, model.roi_head.bbox_head):
        head.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    model.roi_head.shared_head.register_forward_hook(lambda module, args, out: calls.append(out))
    step(model)
    assert len(calls) == 2 and all(a is b for a, b in zip(calls, inputs, strict=True))


def test_bootstrap_with_full_trust_is_weighted_cross_entropy(monkeypatch):
    seen = []

    def recording(logits, labels, weights, *options):
        seen.append((logits, labels, weights))
        return roi_cls_loss(logits, labels, weights, *options)

    monkeypatch.setattr(collaborative_roi_head, 'roi_cls_loss', recording)
    losses = step(beta=1.0)
    plain = [
        (torch.nn.functional.cross_entropy(logits, labels, reduction='none') * weights).mean()
        for logits, labels, weights in seen
    ]
    torch.testing.assert_close(losses['loss_cls'], torch.stack(plain).mean())
    # labels are MMDetection's, with background last; there were objects among them
    labels = torch.cat([labels for _, labels, _ in seen])
    assert labels.max() == 4 and ((labels >= 0) & (labels < 4)).any()


@pytest.mark.parametrize('consistency', ['bootstrap', 'pairwise'])
def test_images_without_labels_teach_the_strong_branch_nothing(consistency):
    data = batch(labels=((0, 0, 0, 0), (0, 0, 0, 0)))
    model = detector(consistency=consistency)
    losses = step(model, data)
    assert losses['loss_wsddn'] > 0 and all(losses[name] == 0 for name in STRONG)
    assert losses['num_pseudo_gt'] == 0 and losses['mean_pseudo_weight'] == 0 and losses['num_fg_rois'] == 0
    found = gradients(model, STRONG, data)
    assert all(g is None or (g == 0).all() for g in found.values()) and found['rpn_head.rpn_cls.weight'] is not None
    # one such image beside another halves its losses
    both, alone = batch(((48, 64),) * 2, labels=((1, 0, 1, 0), (0, 0, 0, 0))), batch(((48, 64),), (7,), ((1, 0, 1, 0),))
    sampling = dict(train_cfg=dict(rpn=dict(num=100000)))
    mixed, single = (step(data=d, consistency=consistency, **sampling) for d in (both, alone))
    torch.testing.assert_close(2 * mixed['loss_rpn_bbox'], single['loss_rpn_bbox'], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('consistency', ['bootstrap', 'pairwise'])
def test_a_single_proposal(consistency):
    losses = step(consistency=consistency, data=batch(((48, 64),), (1,), ((1, 0, 1, 0),)))
    assert losses['num_pseudo_gt'] == 2 and all(torch.isfinite(losses[name]) for name in LOSSES)


def test_no_foreground_roi():
    model = detector(train_cfg=dict(rcnn=dict(num=16, pos_iou_thr=2.0, neg_iou_thr=(0.0, 2.0))))
    losses = step(model)
    assert losses['num_fg_rois'] == 0 and losses['loss_bbox'] == 0 and losses['loss_cls'] > 0
    losses['loss_bbox'].backward()
    # and none at all: nothing to learn from
    losses = step(train_cfg=dict(rcnn=dict(num=16, pos_iou_thr=2.0, neg_iou_thr=(1.5, 2.0))))
    assert losses['loss_cls'] == 0 and losses['loss_cls'].requires_grad


BASE = dict(seed=1)
RPN = {'loss_rpn_cls', 'loss_rpn_bbox'}
SWITCHES = {
    'consistency': (dict(consistency='pairwise'), {'loss_cls', 'loss_bbox'}),
    'rpn_weight_order': (dict(rpn_weight_order='reference'), {'loss_rpn_cls'}),
    'beta': (dict(beta=0.5), {'loss_cls', 'loss_rpn_cls'}),
    'hard': (dict(hard=False), {'loss_cls', 'loss_rpn_cls'}),
    'miner': (dict(roi_head=dict(miner=dict(type='Top1Miner'))), STRONG),
    'stds': (dict(roi_head=dict(stds=(1.0, 1.0, 1.0, 1.0))), {'loss_bbox'}),
    'scales': (dict(rpn_head=dict(scales=(1, 1.5, 3))), STRONG),
    'rpn num': (dict(train_cfg=dict(rpn=dict(num=4, pos_iou_thr=0.5))), RPN),
    'rpn iou': (dict(train_cfg=dict(rpn=dict(num=32, pos_iou_thr=0.3))), RPN),
    'min_pos_iou': (
        dict(train_cfg=dict(rpn=dict(num=32, pos_iou_thr=0.5, min_pos_iou=0.9))),
        RPN,
    ),
    'proposals': (dict(train_cfg=dict(rpn_proposal=dict(max_per_img=3))), {'loss_cls'}),
}


@pytest.fixture(scope='module')
def plain_losses():
    return step(**BASE)


@pytest.mark.parametrize(('options', 'changed'), SWITCHES.values(), ids=SWITCHES)
def test_switches(options, changed, plain_losses):
    losses = step(**BASE, **options)
    assert {name for name in changed if torch.equal(losses[name], plain_losses[name])} == set()
    assert torch.equal(losses['loss_wsddn'], plain_losses['loss_wsddn'])
    if 'rpn_weight_order' in options:  # the regression is right in the reference
        assert all(torch.equal(losses[name], plain_losses[name]) for name in LOSSES - changed)


def test_pairs_need_an_overlap():
    few, many = (step(consistency='pairwise', roi_head=dict(pair_iou_thr=t))['loss_cls'] for t in (0.9999, 0.2))
    assert few == 0 and many > 0


def test_dropout_is_on_when_pseudo_boxes_are_chosen():
    head = copy.deepcopy(CONFIG['roi_head']['shared_head']) | dict(dropout=0.5)
    weights = [step(roi_head=dict(shared_head=head), seed=seed)['mean_pseudo_weight'] for seed in (1, 2)]
    assert weights[0] != weights[1]
    assert step(seed=1)['mean_pseudo_weight'] == step(seed=2)['mean_pseudo_weight']


def test_a_step_waits_for_no_device_but_in_nms(accelerator_paths):  # noqa: F811
    for consistency in ('bootstrap', 'pairwise'):
        trace, losses = traced_step(detector(consistency=consistency), batch())
        assert losses['loss_cls'] > 0 and dict(trace.waits) == {('rest', 'masked_select'): 2}  # once an image


def test_boxes_in_the_samples_are_not_looked_at():
    plain, spiked = batch(), batch()
    for sample in spiked['data_samples']:
        sample.gt_instances = InstanceData(bboxes=torch.full((3, 4), float('nan')), labels=torch.full((3,), 99))
    one, other = step(data=plain), step(data=spiked)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_branches_in_testing():
    both = predict(detector())
    for branch, prefix in (('strong', ''), ('weak', 'weak_')):
        single = predict(detector(test_cfg=dict(branch=branch)))
        for one, other in zip(single, both, strict=True):
            assert 'weak_pred_instances' not in one
            for kind in ('pred', 'top1'):
                a, b = one.get(f'{kind}_instances'), other.get(f'{prefix}{kind}_instances')
                assert torch.equal(a.bboxes, b.bboxes) and torch.equal(a.scores, b.scores)
            assert len(one.top1_instances) == 4 and len(one.pred_instances)
    for sample in both:
        assert not torch.equal(sample.pred_instances.scores[:3], sample.weak_pred_instances.scores[:3])
        height, width = sample.metainfo['ori_shape']
        boxes = sample.pred_instances.bboxes
        assert boxes.min() >= 0 and boxes[:, [0, 2]].max() <= width - 1 and boxes[:, [1, 3]].max() <= height - 1
        # boxes of the weak branch are proposals
        distance = (sample.weak_pred_instances.bboxes[:, None] - sample.proposals.bboxes).abs().amax(dim=2)
        assert distance.amin(dim=1).max() < 1e-4


def test_the_strong_branch_needs_no_proposals_and_the_weak_one_says_so():
    data, bare = batch(), batch()
    for sample in bare['data_samples']:
        del sample.proposals
    strong = detector(test_cfg=dict(branch='strong'))
    for one, other in zip(predict(strong, data), predict(strong, bare), strict=True):
        assert torch.equal(one.pred_instances.bboxes, other.pred_instances.bboxes)
    for call in (lambda: predict(detector(), bare), lambda: step(data=bare)):
        with pytest.raises(ValueError, match='LoadWeakProposals'):
            call()


def test_weak_scores_are_averaged_over_the_mirror_image():
    model, data = detector().eval(), batch(sizes=((48, 64), (48, 96)))  # the first image is padded
    inputs = model.data_preprocessor(copy.deepcopy(data))
    x = model.extract_feat(inputs['inputs'])
    averaged = model.weak_scores(inputs['inputs'], x, inputs['data_samples'])
    model.test_cfg.weak_flip = False
    plain = model.weak_scores(inputs['inputs'], x, inputs['data_samples'])
    assert not torch.allclose(averaged[0], plain[0])
    # a mirrored image with mirrored boxes gives the same average
    model.test_cfg.weak_flip = True
    image, sample = data['inputs'][1], data['data_samples'][1]
    sample.proposals.bboxes = sample.proposals.bboxes[:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1, -1, 1]) + torch.tensor(
        [95.0, 0, 95, 0]
    )
    mirrored = model.data_preprocessor(dict(inputs=[image.flip(-1)], data_samples=[sample]))
    again = model.weak_scores(mirrored['inputs'], None, mirrored['data_samples'])
    torch.testing.assert_close(again[0], averaged[1])


def test_boxes_are_decoded_in_the_original_image():
    data = batch(((48, 64),), (7,), ((1, 0, 1, 0),))
    scaled = copy.deepcopy(data)
    scaled['data_samples'][0].set_metainfo(dict(scale_factor=(2.0, 2.0), ori_shape=(24, 32)))
    (one,), (other,) = predict(detector(), data), predict(detector(), scaled)
    torch.testing.assert_close(other.weak_top1_instances.bboxes, one.weak_top1_instances.bboxes / 2)
    boxes = other.pred_instances.bboxes
    assert boxes.max() <= 31 and torch.equal(other.top1_instances.scores, one.top1_instances.scores)
    mirrored = copy.deepcopy(data)
    mirrored['data_samples'][0].set_metainfo(dict(flip=True, flip_direction='horizontal'))
    with pytest.raises(ValueError, match='plain images'):
        predict(detector(test_cfg=dict(branch='strong')), mirrored)


def test_a_checkpoint_of_stage_1_starts_the_training():
    stage_1 = build(STAGE_1, seed=5)
    for load in (lambda m, s: m.load_state_dict(s, strict=False), lambda m, s: load_state_dict(m, s, strict=False)):
        model = detector(seed=6)
        before = model.roi_head.bbox_head.fc_cls.weight.detach().clone()
        load(model, stage_1.state_dict())
        assert torch.equal(model.roi_head.weak_head.fc_det.weight, stage_1.roi_head.bbox_head.fc_det.weight)
        assert torch.equal(model.roi_head.shared_head.fc6.weight, stage_1.roi_head.shared_head.fc6.weight)
        assert torch.equal(model.roi_head.bbox_head.fc_cls.weight, before)
        scores = predict(model)[0].weak_top1_instances.scores
        model.test_cfg.weak_flip = False
        assert not torch.equal(scores, predict(model)[0].weak_top1_instances.scores)
        torch.testing.assert_close(
            predict(model)[0].weak_top1_instances.scores, predict(stage_1)[0].top1_instances.scores
        )
    # its own checkpoints are taken as they are
    other = detector(seed=7)
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_cascade_learns_from_a_frozen_teacher():
    model = detector(teacher=ConfigDict(copy.deepcopy(STAGE_1)))
    losses = step(model)
    assert set(losses) == STRONG | MONITORS
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert {n for n, _ in model.named_parameters() if n.startswith(('teacher.', 'roi_head.weak_head.'))} <= frozen
    assert model.training and not any(m.training for m in model.teacher.modules())
    found = gradients(model, STRONG)
    assert all(reached(found, part) for part in ('backbone', 'rpn_head', 'roi_head.bbox_head', 'roi_head.shared_head'))
    model.test_cfg.weak_flip = False
    teacher = copy.deepcopy(model.teacher)
    for one, other in zip(predict(model), predict(teacher), strict=True):
        torch.testing.assert_close(one.weak_top1_instances.scores, other.top1_instances.scores)


def test_a_checkpoint_of_stage_1_is_the_teachers_too():
    stage_1 = build(STAGE_1, seed=5)
    weights = stage_1.state_dict()
    for load in (lambda m, s: m.load_state_dict(s, strict=False), lambda m, s: load_state_dict(m, s, strict=False)):
        model = detector(seed=6, teacher=ConfigDict(copy.deepcopy(STAGE_1)))
        load(model, dict(weights))
        assert all(torch.equal(value, weights[name]) for name, value in model.teacher.state_dict().items())
        assert torch.equal(model.roi_head.shared_head.fc6.weight, stage_1.roi_head.shared_head.fc6.weight)
    # weights without a MIL predictor, such as ImageNet's, leave the teacher alone, and so does an own checkpoint
    plain = {name: torch.zeros_like(value) for name, value in weights.items() if 'bbox_head' not in name}
    model.load_state_dict(plain, strict=False)
    assert model.roi_head.shared_head.fc6.weight.abs().sum() == 0
    assert torch.equal(model.teacher.roi_head.shared_head.fc6.weight, weights['roi_head.shared_head.fc6.weight'])
    other = detector(seed=7, teacher=ConfigDict(copy.deepcopy(STAGE_1)))
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_resnet_body():
    backbone = dict(
        type='ResNet',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='caffe',
    )
    extractor = copy.deepcopy(CONFIG['roi_head']['bbox_roi_extractor']) | dict(out_channels=1024)
    roi_head = dict(
        bbox_roi_extractor=extractor,
        shared_head=dict(type='SharedRes5Head', depth=50),
        weak_head=dict(type='WSDDNHead', in_channels=2048, num_classes=4),
        bbox_head=dict(type='StrongBBoxHead', in_channels=2048, num_classes=4),
    )
    model = detector(backbone=backbone, rpn_head=dict(in_channels=1024), roi_head=roi_head)
    losses = step(model)
    sum(losses[name] for name in LOSSES).backward()
    assert model.roi_head.shared_head.layer4[0].conv1.weight.grad.abs().sum() > 0
    assert len(predict(model)[0].pred_instances)


def test_mixed_precision_and_overfitting():
    model = detector().train()
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), 0.01, momentum=0.9)
    data = model.data_preprocessor(batch(), training=True)
    history = []
    for _ in range(15):
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = model(**data, mode='loss')
        total = sum(losses[name] for name in LOSSES)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    assert sum(history[-3:]) < 0.8 * sum(history[:3]), history


def test_raw_outputs_and_the_registry():
    model = detector().eval()
    logits, deltas, scores, moves = model(torch.rand(2, 3, 48, 64), None, mode='tensor')
    assert logits.shape == (2, 3 * 4 * 9) and deltas.shape == (2, 108, 4)
    assert scores.shape[1] == 5 and moves.shape == (len(scores), 16)
    for name in ('CollaborativeRCNN', 'CollaborativeRoIHead', 'BootstrapRPNHead', 'StrongBBoxHead'):
        assert name in MODELS.module_dict


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(consistency='none'), 'consistency must'),
        (dict(rpn_weight_order='mixed'), 'rpn_weight_order must'),
        (dict(test_cfg=dict(branch='mean')), 'test_cfg.branch must'),
        (dict(test_cfg=dict(rnn=dict())), 'test_cfg has the options'),
        (dict(test_cfg=dict(rcnn=dict(nms=dict(type='soft_nms', iou_threshold=0.3)))), 'test_cfg.rcnn.nms must'),
        (dict(train_cfg=dict(rcnn=dict(number=3))), 'train_cfg.rcnn has'),
        (dict(train_cfg=dict(rpn=dict(sampler=3))), 'train_cfg.rpn has'),
        (dict(train_cfg=dict(rpn_proposal=dict(nms_post=3))), 'train_cfg.rpn_proposal has'),
        (dict(roi_head=dict(weak_head=dict(type='WSDDNHead', in_channels=16, num_classes=3))), 'same classes'),
    ],
)
def test_errors(options, match):
    with pytest.raises(ValueError, match=match):
        detector(**options)
