import copy

import pytest
import torch

from tests.models.weak_detector import NUM_CLASSES, OICR, WSDDN, batch, build, losses_of, predict
from wsod_mm.registry import MODELS


def gradient(model, data=None, key='loss') -> torch.Tensor:
    """Gradient of the summed losses with respect to fc6."""
    total = sum(v for k, v in losses_of(model, data).items() if key in k)
    return torch.autograd.grad(total, model.roi_head.shared_head.fc6.weight)[0]


def test_losses_and_gradients_reach_every_trainable_part():
    model = build(OICR)
    losses = losses_of(model)
    assert set(losses) == {'loss_mil', 'loss_refine1', 'loss_refine2', 'fg_ratio1', 'fg_ratio2'}
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_refinement_does_not_train_the_mil_head_and_the_other_way_round():
    model = build(OICR)
    losses = losses_of(model)
    heads = [model.roi_head.bbox_head.fc_det.weight, model.roi_head.refine_heads.branches[0].weight]
    refine = torch.autograd.grad(losses['loss_refine1'], heads, retain_graph=True, allow_unused=True)
    mil = torch.autograd.grad(losses['loss_mil'], heads, allow_unused=True)
    assert refine[0] is None and refine[1] is not None
    assert mil[0] is not None and mil[1] is None


def test_batch_loss_is_the_mean_over_images():
    model, data = build(OICR), batch(sizes=((64, 64), (64, 64)))
    together = losses_of(model, data)
    alone = [losses_of(model, {k: v[i : i + 1] for k, v in data.items()}) for i in range(2)]
    for key in together:
        torch.testing.assert_close(together[key], (alone[0][key] + alone[1][key]) / 2)


@pytest.mark.parametrize(
    'switch',
    [
        dict(loss_mil=dict(type='MILBCELoss', reduction='sum')),
        dict(loss_mil=dict(type='MILBCELoss', eps=0.4)),
        dict(loss_mil=dict(type='MILBCELoss', loss_weight=4.0)),
        dict(loss_refine=dict(type='OICRLoss', fg_iou=0.3)),
        dict(loss_refine=dict(type='OICRLoss', ignore_iou=0.3)),
        dict(loss_refine=dict(type='OICRLoss', ignore_iou=0.3, norm='valid')),
        dict(loss_refine=dict(type='OICRLoss', eps=0.1)),
        dict(loss_refine=dict(type='OICRLoss', loss_weight=2.0)),
        dict(loss_refine=dict(type='OICRLoss', first_branch_weight=3.0)),
        dict(miner=dict(type='Top1Miner', eps=0.2)),
    ],
    ids=str,
)
def test_every_switch_changes_the_gradient(switch):
    base = dict(loss_refine=dict(type='OICRLoss', ignore_iou=0.3)) if 'norm' in str(switch) else {}
    assert not torch.allclose(gradient(build(OICR, **base)), gradient(build(OICR, **switch)), rtol=1e-3, atol=0)


def test_a_label_of_weight_zero_gives_no_gradient():
    model, data = build(WSDDN), batch()
    for sample in data['data_samples']:
        sample.gt_label.weight = torch.ones(NUM_CLASSES)
    before = gradient(model, data)
    torch.testing.assert_close(before, gradient(model))
    data['data_samples'][0].gt_label.weight[3] = 0
    assert not torch.equal(before, gradient(model, data))


@pytest.mark.parametrize('labels', [((0, 0, 0, 0), (0, 0, 0, 0)), ((1, 1, 1, 1), (0, 0, 0, 0))])
def test_images_without_labels_and_single_proposals(labels):
    model = build(OICR)
    losses = losses_of(model, batch(proposals=(1, 2), labels=labels))
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert torch.isfinite(total)
    if not any(labels[0]):
        assert losses['loss_refine1'] == 0


def test_prediction_shapes_and_scores_by_rule():
    scores = {}
    for rule in ('mean', 'last', 'first', 'mil'):
        model = build(OICR)
        model.roi_head.test_scores = rule
        sample = predict(model)[0]
        scores[rule] = sample.top1_instances.scores
        assert sample.top1_instances.bboxes.shape == (NUM_CLASSES, 4)
        found = sample.pred_instances
        assert found.bboxes.shape == (len(found), 4) and found.labels.max() < NUM_CLASSES
        assert (found.scores.diff() <= 0).all()
    assert all(not torch.allclose(scores['mean'], scores[rule]) for rule in ('last', 'first', 'mil'))


def test_test_cfg_limits():
    data = batch()
    everything = len(predict(build(OICR), data)[0].pred_instances)
    for cfg in (dict(max_per_img=3), dict(score_thr=0.3), dict(nms=dict(type='nms', iou_threshold=0.01))):
        model = build(OICR)
        model.roi_head.test_cfg.update(cfg)
        assert len(predict(model, data)[0].pred_instances) < everything, cfg


def test_predictions_are_in_original_unflipped_coordinates():
    model, data = build(WSDDN), batch()
    expected = predict(model, data)[0].top1_instances.bboxes
    moved = copy.deepcopy(data)
    meta = moved['data_samples'][0].metainfo
    meta.update(ori_shape=(24, 32), scale_factor=(2.0, 2.0), flip=True, flip_direction='horizontal')
    moved['data_samples'][0].set_metainfo(meta)
    boxes = predict(model, moved)[0].top1_instances.bboxes
    mirrored = torch.stack((63 - expected[:, 2], expected[:, 1], 63 - expected[:, 0], expected[:, 3]), dim=1)
    torch.testing.assert_close(boxes, mirrored / 2)


def test_homography_undoes_a_flip_before_the_resize():
    model, data = build(WSDDN), batch()
    expected = predict(model, data)[0].top1_instances.bboxes
    # original width 32: x -> 31 - x -> times 2
    matrix = [[-2.0, 0, 62], [0, 2, 0], [0, 0, 1]]
    data['data_samples'][0].set_metainfo(dict(homography_matrix=matrix))
    boxes = predict(model, data)[0].top1_instances.bboxes
    mirrored = torch.stack((62 - expected[:, 2], expected[:, 1], 62 - expected[:, 0], expected[:, 3]), dim=1)
    torch.testing.assert_close(boxes, mirrored / 2)


def test_annotations_do_not_change_predictions():
    from mmengine.structures import InstanceData

    model, data = build(OICR), batch()
    expected = predict(model, data)
    for sample in data['data_samples']:
        sample.gt_instances = InstanceData(bboxes=torch.rand(3, 4), labels=torch.zeros(3, dtype=torch.long))
    for with_boxes, without in zip(predict(model, data), expected, strict=True):
        assert torch.equal(with_boxes.pred_instances.bboxes, without.pred_instances.bboxes)


def test_config_errors():
    with pytest.raises(ValueError, match='miner'):
        build(OICR, miner=None)
    config = copy.deepcopy(OICR)
    config['test_cfg']['rcnn']['scores'] = 'best'
    with pytest.raises(ValueError, match="'best'"):
        build(config)
    config['test_cfg']['rcnn'] = dict(score='mean')
    with pytest.raises(ValueError, match="'score'"):
        build(config)
    with pytest.raises(ValueError, match='vertical'):
        data = batch()
        data['data_samples'][0].set_metainfo(dict(flip=True, flip_direction='vertical'))
        predict(build(WSDDN), data)


FAST_RCNN = dict(
    head=dict(type='FastRCNNBranch', in_channels=16, num_classes=NUM_CLASSES, cls_std=0.5, bbox_std=0.1),
    miner=dict(type='Top1Miner'),
    loss_cls=dict(type='OICRLoss', ignore_iou=0.1),
    loss_bbox=dict(type='FastRCNNBBoxLoss'),
)
MIST = dict(
    miner=dict(type='MISTMiner'),
    reg_heads=dict(type='BranchBBoxHeads', in_channels=16, num_classes=NUM_CLASSES, num_branches=2, std=0.1),
    loss_bbox=dict(type='MISTBBoxLoss'),
)


def test_fast_rcnn_branch_is_taught_by_the_last_branch_and_scores_with_it():
    model = build(OICR, fast_rcnn=FAST_RCNN)
    losses = losses_of(model)
    assert {'loss_frcnn_cls', 'loss_frcnn_bbox'} <= set(losses)
    parts = [model.roi_head.fast_rcnn.fc_cls.weight, model.roi_head.refine_heads.branches[1].weight]
    gradients = torch.autograd.grad(losses['loss_frcnn_cls'], parts, allow_unused=True)
    assert gradients[0].abs().sum() > 0 and gradients[1] is None
    with_branch, without = predict(model)[0].top1_instances, predict(build(OICR))[0].top1_instances
    assert not torch.allclose(with_branch.scores, without.scores)
    model.roi_head.test_boxes = 'proposals'
    assert not torch.allclose(with_branch.bboxes, predict(model)[0].top1_instances.bboxes)


def test_mist_regresses_in_every_branch():
    model = build(OICR, **MIST)
    losses = losses_of(model)
    assert {'loss_bbox1', 'loss_bbox2'} <= set(losses)
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert all(branch.weight.grad.abs().sum() > 0 for branch in model.roi_head.reg_heads.branches)
    assert model.roi_head.moves_boxes


def test_pcl_trains_on_one_view():
    parts = dict(miner=dict(type='PCLMiner'), loss_refine=dict(type='PCLLoss'))
    assert not torch.allclose(gradient(build(OICR)), gradient(build(OICR, **parts)), rtol=1e-3)


@pytest.mark.parametrize('parts', [MIST, dict(fast_rcnn=FAST_RCNN)], ids=['mist', 'fast_rcnn'])
def test_moved_boxes_are_averaged_over_views(parts):
    model, data = build(OICR, **parts), batch()
    tta = MODELS.build(dict(type='WeakTTAModel', module=model, data_preprocessor=model.data_preprocessor))
    samples = [predict(model, data)[0] for _ in range(2)]
    first = samples[0].proposal_instances.bboxes.clone()
    samples[1].proposal_instances.bboxes = first + 4
    merged = tta.merge_preds([samples])[0]
    best = samples[1].proposal_instances.scores.argmax(dim=0)
    expected = (first + 2)[best, torch.arange(NUM_CLASSES)]
    torch.testing.assert_close(merged.top1_instances.bboxes, expected)
