import copy

import pytest
import torch
from mmengine.logging import MessageHub

from tests.models.weak_detector import CASD, OICR, batch, build, losses_of, predict, view_batch
from wsod_mm.functional.attention import shared_rows


@pytest.fixture(autouse=True)
def iteration():
    """Set the iteration of the running training; it is forgotten after the test."""
    hub = MessageHub.get_current_instance()
    yield lambda number: hub.update_info('iter', number)
    hub.runtime_info.pop('iter', None)


SMALL_SAMPLES = dict(type='SampledCELoss', num_fg=2, num_bg=3)
FAST_RCNN = dict(
    head=dict(type='FastRCNNBranch', in_channels=16, num_classes=4),
    miner=dict(type='Top1Miner'),
    loss_cls=dict(type='OICRLoss'),
    loss_bbox=dict(type='FastRCNNBBoxLoss'),
)


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def body_gradient(config=CASD, data=None, seed=3, key='loss', part='backbone', **roi_head):
    """Gradient of the losses with respect to a part, flat, with the random draws of the step fixed."""
    model = build(config, **roi_head)
    torch.manual_seed(seed)
    losses = losses_of(model, data or view_batch())
    parameters = [p for p in model.get_submodule(part).parameters() if p.requires_grad]
    gradients = torch.autograd.grad(total({k: v for k, v in losses.items() if key in k}), parameters, allow_unused=True)
    pairs = zip(parameters, gradients, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pairs])


def test_losses_and_gradients_reach_every_trainable_part():
    model = build(CASD)
    losses = losses_of(model, view_batch())
    assert set(losses) == {
        *('loss_mil', 'loss_refine1', 'loss_refine2', 'loss_bbox1', 'loss_bbox2', 'loss_iw', 'loss_lw'),
        *('fg_ratio1', 'fg_ratio2'),
    }
    assert all(torch.isfinite(value) for value in losses.values())
    total(losses).backward()
    for name, parameter in model.named_parameters():
        if name.endswith('fc_det.bias'):  # frame minus context: it cancels
            continue
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


@pytest.mark.parametrize(
    ('scales', 'flip', 'views'),
    [((1.0,), False, 1), ((1.0,), True, 2), ((1.0, 1.5), True, 4), ((1, 1.25, 1.5), True, 6)],
)
def test_any_number_of_views(scales, flip, views):
    config = copy.deepcopy(CASD)
    config['data_preprocessor']['flip'] = flip
    losses = losses_of(build(config), view_batch(scales))
    assert torch.isfinite(total(losses)) and losses['loss_mil'] > 0
    # one view agrees with itself
    assert (losses['loss_iw'] > 0) == (views > 1)


@pytest.mark.parametrize('part', ['reg_heads', 'inverted_attention', 'image_wise', 'layer_wise'])
def test_every_component_changes_the_gradient_of_the_body(part):
    off = {part: None, **({'loss_bbox': None} if part == 'reg_heads' else {})}
    assert not torch.allclose(body_gradient(), body_gradient(**off), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    'switch',
    [
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=3.0)),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, mode='code_ca_iw')),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, mode='code_master')),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, distance='l2')),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, select='intersection')),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, select='union')),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, minmax=True)),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, start_iter=1)),
        dict(image_wise=dict(type='ImageWiseLoss', loss_weight=1.0, ramp_iters=10)),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=3.0)),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=5, loss_weight=1.0)),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=1.0, minmax=True)),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, mode='truncate')),
        dict(
            layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=1.0, distance='l2')
        ),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=1.0, start_iter=1)),
        dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=1.0, ramp_iters=9)),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, mode='channel')),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, mode='both')),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, mode='channel', channel_fraction=0.6)),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.5)),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, early=dict(erase=40, rank=41))),
        dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, early=dict(rate_fg=0.9, rate_bg=0.9))),
        dict(
            bbox_head=dict(type='ContrastiveHead', variant='contrastive_a', in_channels=16, num_classes=4, det_std=0.5)
        ),
        dict(bbox_head=dict(type='ContrastiveHead', variant='additive', in_channels=16, num_classes=4, det_std=0.5)),
        dict(bbox_head=dict(type='WSDDNHead', in_channels=16, num_classes=4, cls_std=0.5, det_std=0.5)),
        dict(loss_mil=dict(type='MILBCELoss')),
        dict(loss_mil=dict(type='MILHingeLoss', normaliser=20)),
        dict(miner=dict(type='Top1Miner')),
        dict(miner=dict(type='MISTMiner')),
        dict(loss_bbox=dict(type='MISTBBoxLoss')),
    ],
    ids=lambda switch: str(switch)[:90],
)
def test_every_switch_changes_the_gradient(switch):
    base = {}
    if 'channel_fraction' in str(switch):
        base = dict(inverted_attention=dict(type='InvertedAttention', margin=0.0, mode='channel'))
    if 'truncate' in str(switch):
        base = dict(layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3))
    if 'select' in str(switch):  # views that sample all they can sample the same
        base = dict(loss_refine=SMALL_SAMPLES)
    assert not torch.allclose(body_gradient(**base), body_gradient(**{**base, **switch}), rtol=1e-3, atol=0)


def test_inverted_attention_changes_its_phase(iteration):
    before = body_gradient(inverted_attention=dict(type='InvertedAttention', margin=0.0, switch_iter=10))
    iteration(11)
    assert not torch.allclose(
        before, body_gradient(inverted_attention=dict(type='InvertedAttention', margin=0.0, switch_iter=10)), rtol=1e-3
    )


def test_distillation_starts_late_and_ramps_up(iteration):
    settings = dict(type='ImageWiseLoss', start_iter=5, ramp_iters=10)
    model = build(CASD, image_wise=settings)
    values = {}
    for number in (4, 5, 10, 15, 100):
        iteration(number)
        torch.manual_seed(0)
        values[number] = losses_of(model, view_batch()).get('loss_iw')
    assert values[4] is None
    assert 0 < values[5] < values[10] < values[15] == values[100]


def test_distillation_reaches_the_body_and_nothing_else():
    for key in ('loss_iw', 'loss_lw'):
        assert body_gradient(key=key).abs().sum() > 0
        assert body_gradient(key=key, part='roi_head').abs().sum() == 0


def test_flipped_views_leave_the_labels_unchanged():
    model = build(CASD, inverted_attention=None)
    seen = []
    assign = model.roi_head.loss_refine.assign
    model.roi_head.loss_refine.assign = lambda *args: seen.append(assign(*args)) or seen[-1]
    data = view_batch()
    losses_of(model, data)
    mirrored = copy.deepcopy(data)
    for images, samples in zip(mirrored['inputs'], mirrored['data_samples'], strict=True):
        for n, sample in enumerate(samples):
            images[n] = images[n].flip(-1)
            x1, y1, x2, y2 = sample.proposals.bboxes.unbind(1)
            width = images[n].shape[-1]
            sample.proposals.bboxes = torch.stack((width - 1 - x2, y1, width - 1 - x1, y2), dim=1)
    losses_of(model, mirrored)
    half = len(seen) // 2
    for one, other in zip(seen[:half], seen[half:], strict=True):
        assert torch.equal(one.labels, other.labels)


def test_gradient_shares_are_logged_when_it_is_their_turn(iteration):
    config = dict(copy.deepcopy(CASD), grad_share=dict(interval=10))
    model = build(config)
    iteration(10)
    losses = losses_of(model, view_batch())
    shares = {name: value for name, value in losses.items() if name.startswith('grad_share')}
    assert set(shares) == {f'grad_share_{n}' for n in ('mil', 'refine1', 'refine2', 'bbox1', 'bbox2', 'iw', 'lw')}
    torch.testing.assert_close(sum(shares.values()), torch.tensor(1.0))
    total(losses).backward()  # the graph is still there
    iteration(11)
    assert not any(name.startswith('grad_share') for name in losses_of(model, view_batch()))
    config['grad_share']['part'] = 'roi_head.bbox_roi_extractor'
    with pytest.raises(ValueError, match='no trainable parameter'):
        iteration(10)
        losses_of(build(config), view_batch())


def test_half_precision_is_close_to_single():
    model, losses = build(CASD), {}
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=enabled):
            losses[enabled] = losses_of(model, view_batch())
        total(losses[enabled]).backward()
    # of the others a rounding may choose another seed
    assert all(torch.isfinite(value) for value in losses[True].values())
    for name in ('loss_mil', 'loss_lw'):
        torch.testing.assert_close(losses[True][name].float(), losses[False][name], rtol=0.1, atol=0.02)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_one_proposal_no_label_and_duplicates():
    data = view_batch(num_images=1, proposals=1)
    assert torch.isfinite(total(losses_of(build(CASD), data)))
    data = view_batch()
    for samples in data['data_samples']:
        for sample in samples:
            sample.gt_label.score = torch.zeros(4)
            sample.proposals.bboxes[1:] = sample.proposals.bboxes[:1]
    losses = losses_of(build(CASD), data)
    assert torch.isfinite(total(losses))
    assert all(losses[name] == 0 for name in ('loss_refine1', 'loss_bbox1', 'loss_iw', 'loss_lw'))
    total(losses).backward()


def test_views_with_other_proposals_are_refused():
    data = view_batch()
    data['data_samples'][1][0].proposals = data['data_samples'][1][0].proposals[:-1]
    with pytest.raises(ValueError, match='WeakViews'):
        losses_of(build(CASD), data)


def test_a_plain_batch_is_one_view():
    model = build(dict(copy.deepcopy(OICR), type='MultiViewFastRCNN'))
    plain = build(OICR)
    for name, value in losses_of(plain).items():
        assert torch.equal(value, losses_of(model)[name])


def test_batch_loss_is_the_mean_over_images():
    # sampling everything leaves nothing to chance
    loss = dict(type='SampledCELoss', num_fg=99, num_bg=99)
    model = build(CASD, inverted_attention=None, loss_refine=loss)
    data = view_batch()
    for images, samples in zip(data['inputs'], data['data_samples'], strict=True):
        images[1] = images[1][..., : images[0].shape[1], : images[0].shape[2]]  # one size: no padding
        images[0] = images[0][..., : images[1].shape[2]]
        for image, sample in zip(images, samples, strict=True):
            sample.set_metainfo(dict(img_shape=tuple(image.shape[1:])))
    together = losses_of(model, data)
    alone = [losses_of(model, {k: [group[n : n + 1] for group in v] for k, v in data.items()}) for n in (0, 1)]
    assert not torch.allclose(alone[0]['loss_lw'], alone[1]['loss_lw'])
    for key in together:
        torch.testing.assert_close(together[key], (alone[0][key] + alone[1][key]) / 2)


def test_prediction_moves_boxes_and_skips_the_rings_around_them():
    model, data = build(CASD), batch(proposals=(30, 20))
    asked = []
    pool = model.roi_head.bbox_roi_extractor.pool_rings
    model.roi_head.bbox_roi_extractor.pool_rings = lambda x, rois, rings: asked.append(rings) or pool(x, rois, rings)
    moved = predict(model, data)[0].top1_instances
    assert asked == [('roi',)]
    model.roi_head.test_boxes = 'proposals'
    still = predict(model, data)[0].top1_instances
    assert torch.equal(moved.scores, still.scores) and not torch.allclose(moved.bboxes, still.bboxes)
    height, width = data['data_samples'][0].img_shape
    assert moved.bboxes.min() >= 0 and moved.bboxes[:, 2].max() <= width - 1 and moved.bboxes[:, 3].max() <= height - 1
    model.roi_head.test_scores = 'mil'
    predict(model, data)
    assert asked[-1] == ('roi', 'context', 'frame')


@pytest.mark.parametrize('jitter', [dict(), dict(scale=(0.5, 0.6), shift=0.0)])
def test_jitter_is_a_switch_of_the_config(jitter):
    data, boxes = batch(proposals=(30, 20)), []
    for settings in ({}, dict(jitter=jitter)):
        config = copy.deepcopy(CASD)
        config['test_cfg']['rcnn'].update(settings)
        model = build(config, reg_heads=None, loss_bbox=None)
        boxes.append(predict(model, data)[0].top1_instances.bboxes)
        assert model.roi_head.moves_boxes == bool(settings)
    assert not torch.allclose(*boxes)


def test_an_image_without_proposals_has_no_detections():
    found = predict(build(CASD), batch(proposals=(0, 5)))
    assert len(found[0].pred_instances) == len(found[0].top1_instances) == 0
    assert len(found[1].pred_instances) > 0


def test_the_union_of_what_the_views_sampled_is_whole():
    settings = dict(image_wise=dict(type='ImageWiseLoss', select='union'), loss_refine=SMALL_SAMPLES)
    model, seen = build(CASD, **settings), []
    head = model.roi_head.image_wise
    original = head.forward
    head.forward = lambda pooled, image, samples: seen.append(samples[0]) or original(pooled, image, samples)
    losses_of(model, view_batch(proposals=60))
    samples = seen[0]
    union = set(samples.rows[samples.valid].tolist())
    assert len(union) > samples.rows.shape[1], 'views should differ in what they sample'
    sampled = torch.zeros(4, 60, dtype=torch.bool)
    for view, (rows, valid) in enumerate(zip(samples.rows, samples.valid, strict=True)):
        sampled[view, rows[valid]] = True
    rows, valid = shared_rows(sampled, samples.rows.numel(), 'union')
    assert set(rows[valid].tolist()) == union


@pytest.mark.parametrize('loss', ['OICRLoss', 'PCLLoss'])
def test_other_refinement_losses_on_several_views(loss):
    off = dict(image_wise=None, layer_wise=None, reg_heads=None, loss_bbox=None)
    losses = losses_of(build(CASD, loss_refine=dict(type=loss), **off), view_batch())
    total(losses).backward()
    assert losses['loss_refine1'] > 0 and losses['loss_refine2'] > 0


def test_more_branches_are_a_switch():
    heads = dict(
        refine_heads=dict(type='RefineHeads', in_channels=16, num_classes=4, num_branches=3, std=0.5),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=16, num_classes=4, num_branches=3),
    )
    assert 'loss_refine3' in losses_of(build(CASD, **heads), view_batch())


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(refine_heads=None), 'refine_heads'),
        (dict(loss_bbox=None), 'go together'),
        (dict(reg_heads=dict(type='BranchBBoxHeads', in_channels=16, num_classes=4, num_branches=3)), 'num_branches'),
        (dict(loss_refine=dict(type='OICRLoss')), 'SampledCELoss'),
        (dict(image_wise=dict(type='ImageWiseLoss', mode='code')), "'code'"),
        (dict(image_wise=dict(type='ImageWiseLoss', select='all')), "'all'"),
        (dict(image_wise=dict(type='ImageWiseLoss', distance='l1')), "'l1'"),
        (dict(inverted_attention=dict(type='InvertedAttention', mode='x')), "'x'"),
        (dict(fast_rcnn=dict(head=dict(type='FastRCNNBranch', in_channels=16, num_classes=4))), 'lacks'),
        (dict(fast_rcnn={**FAST_RCNN, 'loss_bbox': dict(type='CASDBBoxLoss')}), 'CASDBBoxLoss'),
        (dict(inverted_attention=dict(type='InvertedAttention', channel_fraction=1.0)), '1.0'),
    ],
)
def test_config_errors(parts, message):
    with pytest.raises(ValueError, match=message):
        build(CASD, **parts)


def test_a_map_without_a_stride_is_an_error():
    model = build(CASD, layer_wise=dict(type='LayerWiseLoss', strides=(2, 4), output_size=3))
    with pytest.raises(ValueError, match='4 maps'):
        losses_of(model, view_batch())


def test_strides_that_do_not_fit_the_maps_are_an_error():
    model = build(CASD, layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 16), output_size=3))
    with pytest.raises(ValueError, match='stride of each map'):
        losses_of(model, view_batch())


def test_views_that_never_come_are_an_error():
    with pytest.raises(ValueError, match='WeakViews'):
        losses_of(build(CASD), batch())


@pytest.mark.parametrize('settings', [dict(every=10), dict(interval=0)])
def test_misspelt_settings_of_the_log_are_an_error(settings):
    with pytest.raises(ValueError, match='grad_share'):
        build(dict(copy.deepcopy(CASD), grad_share=settings))
