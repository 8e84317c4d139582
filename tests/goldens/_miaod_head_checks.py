"""Golden vectors of MI-AOD: the losses of the stages of both heads, and a training through four stages."""

import numpy as np
import torch

from tests.models.miaod import build, detector, retina_head, sample, ssd_head
from wsod_mm.models.dense_heads.miaod_mixin import TOWERS

from ._common import DEVICE, Golden
from ._miaod_checks import GRADIENT, LOSS, SCORE, levels, text

STAGES = ('label', 'min', 'max')
TOTAL = {'label': 'log_L_det', 'min': 'log_L_wave_min', 'max': 'log_L_wave_max'}
# our names of the losses, and the reference's
NAMES = {
    'loss_cls': 'l_det_cls',
    'loss_bbox': 'l_det_loc',
    'loss_imgcls': 'l_imgcls',
    'loss_wave_dis': 'l_wave_dis',
    'loss_wave_dis_minus': 'l_wave_dis_minus',
}
EXTRA = {'label': {'l_imgcls'}, 'min': {'l_imgcls', 'l_wave_dis'}, 'max': {'l_wave_dis_minus'}}
# the towers, and how the arrays name them
KEYS = {tower: tower.replace('_', '') for tower in TOWERS}


def ground_truth(g, prefix='', number='num_gt', boxes='gt_boxes', labels='gt_labels'):
    """Boxes and labels per image."""
    counts = g.tensor(prefix + number).tolist()
    return list(zip(g.tensor(prefix + boxes).split(counts), g.tensor(prefix + labels).split(counts), strict=True))


def parts(value):
    """A loss as a flat tensor: of its levels (SSD: images), or with one element."""
    return torch.stack([part.mean() for part in ([value] if isinstance(value, torch.Tensor) else value)])


def head_losses(g, head, truths, metas):
    """Let the head compute its losses on the stored outputs of the towers, in the stored stage.

    The boxes of an unlabeled batch are withheld: its samples hold none.
    """
    stage, unlabeled = STAGES[int(g.scalar('losstype'))], bool(g.scalar('is_unlabeled'))
    outs = {tower: levels(g, key, grad=True) for tower, key in KEYS.items()}
    head.forward_tower = lambda tower, x: outs[tower]
    head.set_stage(stage)
    batch = [
        sample(labeled=False, **meta) if unlabeled else sample(*truth, **meta)
        for truth, meta in zip(truths, metas, strict=True)
    ]
    losses = head.loss((), batch)
    assert {NAMES[name] for name in losses} == {'l_det_cls', 'l_det_loc'} | EXTRA[stage]
    return outs, losses, stage, batch


def compare_losses(g, head, outs, losses, stage, per_part):
    """Logged values, totals, instance scores and gradients."""
    sums = {}
    for ours, theirs in NAMES.items():
        if ours in losses:
            value = parts(losses[ours])
            if per_part:
                g.compare(f'loss_{theirs}', value)
            sums[theirs] = value.sum()
            g.compare(f'log_{theirs}', sums[theirs])
    total = sum(sums.values())
    g.compare(TOTAL[stage], total)
    g.compare('total', total)
    for k, scores in enumerate(head.mil_scores(outs['f1'], outs['f2'], outs['f_mil'])):
        g.compare(f'y_head_cls_l{k}', scores, **SCORE)
    total.backward()
    for tower, key in KEYS.items():
        for k, out in enumerate(outs[tower]):
            # a zero gradient, and not a missing one, is what the port has on purpose where the reference has none
            g.compare(f'grad_{key}_l{k}', out.grad, **GRADIENT)
            if bool(g.scalar(f'grad_{key}_l{k}_is_none')):
                assert not out.grad.any(), f'{g.path.name}: {key} of level {k}'


def check_losses(path):
    g = Golden(path, **LOSS)
    text(g, 'note')
    generator = dict(
        type='AnchorGenerator',
        octave_base_scale=int(g.scalar('octave_base_scale')),
        scales_per_octave=int(g.scalar('scales_per_octave')),
        ratios=g.tensor('ratios').tolist(),
        strides=g.tensor('strides').tolist(),
    )
    head = build(
        retina_head(
            int(g.scalar('C')),
            anchor_generator=generator,
            param_lambda=g.scalar('param_lambda'),
            one_class='softmax',
        )
    )
    assert head.num_base_priors == int(g.scalar('num_base_anchors'))
    size = g.tensor('input_hw').tolist()
    metas = [dict(size=size, pad=pad) for pad in g.tensor('pad_hw').tolist()]
    outs, losses, stage, batch = head_losses(g, head, ground_truth(g), metas)
    sizes = [tuple(out.shape[2:]) for out in outs['f1']]
    assert sizes == [tuple(-(-n // s) for n in size) for s in generator['strides']]
    if batch[0].metainfo.get('labeled', True):
        check_targets(g, head, sizes, batch)
    compare_losses(g, head, outs, losses, stage, per_part=True)
    g.done()


def check_targets(g, head, sizes, batch):
    """Anchors and their labels, as the head has them."""
    metas = [s.metainfo for s in batch]
    anchors, flags = head.get_anchors(sizes, metas, device=DEVICE)
    labels, weights, _, _, total = head.get_targets(anchors, flags, [s.gt_instances for s in batch], metas)
    for k, level in enumerate(anchors[0]):
        g.compare(f'anchors_l{k}', level)
        g.compare(f'labels_l{k}', labels[k])
        g.compare(f'label_weights_l{k}', weights[k])
    g.compare('num_total_pos', total)


def check_ssd(path):
    g = Golden(path, **LOSS)
    text(g, 'note')
    anchors = dict(strides=[8, 16, 32], ratios=[[2], [2, 3], [2]], basesize_ratio_range=(0.2, 0.9))
    head = build(ssd_head(int(g.scalar('C')), (8, 8, 8), anchors, param_lambda=g.scalar('param_lambda')))
    assert head.cls_out_channels == int(g.scalar('cls_out_channels'))
    g.compare('num_base_anchors', np.asarray(head.num_base_priors))
    truths = ground_truth(g)
    outs, losses, stage, _ = head_losses(g, head, truths, [dict(size=(64, 64))] * len(truths))
    sizes = [tuple(out.shape[2:]) for out in outs['f1']]
    for k, anchors in enumerate(head.prior_generator.grid_priors(sizes, device=DEVICE)):
        g.compare(f'anchors_l{k}', anchors)
    compare_losses(g, head, outs, losses, stage, per_part=False)
    g.done()


def check_train_trace(path):
    g = Golden(path, rtol=1e-5, atol=2e-6)
    text(g, 'note')
    size = g.tensor('input_hw').tolist()
    model = detector(
        retina_head(int(g.scalar('C')), param_lambda=g.scalar('param_lambda'), one_class='softmax')
    ).train()
    g.unused.discard('param_names')
    parameters = dict(model.named_parameters())
    assert set(parameters) == set(g.arrays['param_names'].tolist())
    with torch.no_grad():
        for name, parameter in parameters.items():
            initial = g.tensor(f'init::{name}')
            assert parameter.shape == initial.shape
            parameter.copy_(initial)
    stages = sum(key.endswith('_losstype') for key in g.arrays)
    for s in range(stages):
        stage, prefix = STAGES[int(g.scalar(f'stage{s}_losstype'))], f'stage{s}_'
        trainable = model.set_stage(stage)
        g.unused.discard(f'{prefix}trainable')
        assert set(model.trainable[stage]) == set(g.arrays[f'{prefix}trainable'].tolist())
        optimizer = torch.optim.SGD(
            trainable, g.scalar('lr'), momentum=g.scalar('momentum'), weight_decay=g.scalar('weight_decay')
        )
        for step, (batch, labeled) in enumerate(order(g, prefix)):
            losses = model.loss(*inputs(g, f'batch{batch}_', size, labeled, int(g.scalar('batch'))))
            sums = {NAMES[name]: parts(value).sum() for name, value in losses.items()}
            sums[TOTAL[stage][len('log_') :]] = total = sum(sums.values())
            for name, value in sums.items():
                g.compare(f'{prefix}step{step}_{name}', value)
            optimizer.zero_grad()
            total.backward()
            assert all(parameter.grad is not None for parameter in trainable)
            optimizer.step()
        for name, parameter in parameters.items():
            g.compare(f'after_stage{s}::{name}', parameter)
    g.done()


def order(g, prefix):
    """Ids of the batches of a stage and whether they are labeled, in the order of training."""
    labeled, unlabeled = (g.tensor(f'{prefix}{name}_batches').tolist() for name in ('labeled', 'unlabeled'))
    if not unlabeled:
        return [(batch, True) for batch in labeled]
    return [pair for a, b in zip(labeled, unlabeled, strict=True) for pair in ((a, True), (b, False))]


def inputs(g, prefix, size, labeled, number):
    """Images and samples of a batch; those of an unlabeled one have no boxes."""
    images, truths = g.tensor(f'{prefix}img'), ground_truth(g, prefix, 'num', 'boxes', 'labels')
    assert len(images) == len(truths) == number and list(images.shape[2:]) == size
    return images, [sample(*truth, size=size) if labeled else sample(size=size, labeled=False) for truth in truths]
