"""Golden family ``casd_head_step``: one whole training step of the head, through the RoI head itself."""

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import nn

from wsod_mm.functional.regression import encode_boxes_inclusive, mean_target_boxes
from wsod_mm.functional.sampling import Samples
from wsod_mm.models.roi_heads.views import ImageViews
from wsod_mm.registry import MODELS

from ._common import Golden


class _Injected(nn.Module):
    """Stands where Inverted Attention does and hands out the masks of the golden."""

    def __init__(self, masks, rows):
        super().__init__()
        self.masks, self.rows, self.calls = masks, rows, 0

    def forward(self, features, *_):
        self.calls += 1
        return self.masks[self.calls - 1][self.rows[self.calls - 1]].unsqueeze(1).to(features)


def _head(channels: int, width: int, num_classes: int):
    init_default_scope('wsod_mm')  # lest another test has left MMDetection's
    return MODELS.build(
        ConfigDict(
            type='WeakRoIHead',
            bbox_roi_extractor=dict(
                type='RingRoIExtractor',
                roi_layer=dict(type='RingMaxPool', output_size=7),
                out_channels=channels,
                featmap_strides=[16],
            ),
            shared_head=dict(type='SharedFC67Head', in_channels=channels, fc_channels=(width, width), dropout=0.0),
            bbox_head=dict(type='ContrastiveHead', in_channels=width, num_classes=num_classes),
            loss_mil=dict(type='MILHingeLoss', normaliser=20),
            refine_heads=dict(type='RefineHeads', in_channels=width, num_classes=num_classes, num_branches=2),
            miner=dict(type='PCLMiner'),
            loss_refine=dict(type='SampledCELoss'),
            reg_heads=dict(type='BranchBBoxHeads', in_channels=width, num_classes=num_classes, num_branches=2),
            loss_bbox=dict(type='CASDBBoxLoss'),
            test_cfg=dict(scores='first'),
        )
    ).train()


def _load_weights(head, g: Golden) -> dict:
    """Put the golden's weights into the head; returns name -> layer."""
    layers = {
        'fc6': head.shared_head.fc6,
        'fc7': head.shared_head.fc7,
        'cls': head.bbox_head.fc_cls,
        'det': head.bbox_head.fc_det,
        'refine1': head.refine_heads.branches[0],
        'refine2': head.refine_heads.branches[1],
        'bbox1': head.reg_heads.branches[0],
        'bbox2': head.reg_heads.branches[1],
    }
    for name, layer in layers.items():
        layer.weight.data.copy_(g.tensor(f'W_{name}'))
        layer.bias.data.copy_(g.tensor(f'b_{name}'))
    return layers


def check_casd_head_step(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    g.unused -= {'np_seed', 'step'}  # the random parts are injected
    pools = {ring: g.tensor(f'pool_{ring}', grad=True) for ring in ('roi', 'context', 'frame')}
    boxes, proposals = g.tensor('boxes_views'), int(g.scalar('P'))
    views = len(boxes)
    labels = (g.tensor('im_labels') > 0).float()
    head = _head(pools['roi'].shape[1], len(g.arrays['b_fc6']), len(labels))
    layers = _load_weights(head, g)

    samples, rows, masks = [], [], []
    offsets = torch.arange(views)[:, None] * proposals
    for k in (1, 2):
        keep, fg = g.tensor(f'keep{k}'), g.tensor(f'fg{k}')
        foreground = torch.arange(keep.shape[1]) < fg.shape[1]
        assert torch.equal(keep[:, : fg.shape[1]], fg), 'foreground comes first'
        samples.append(Samples(keep, torch.ones_like(keep, dtype=torch.bool), foreground.expand(views, -1)))
        rows.append((offsets + keep).flatten())
        masks.append(g.tensor(f'mask{k}').float())
    head.inverted_attention = _Injected(masks, rows)
    seen = dict(seeds=[], assigned=[])
    assign, drawn = head.loss_refine.assign, iter(samples)

    def remember(boxes0, seeds):
        seen['seeds'].append(seeds)
        seen['assigned'].append(assign(boxes0, seeds))
        return seen['assigned'][-1]

    head.loss_refine.assign = remember
    head.loss_refine.sample = lambda assignment, num_views: next(drawn)

    features = tuple(head.shared_head(pools[ring]) for ring in head.bbox_head.rings)
    mil = head.bbox_head(features, [proposals] * views)
    det = layers['det'](features[2]) - layers['det'](features[1])
    g.compare('cls_score', layers['cls'](features[0]))
    g.compare('det_score', det)
    g.compare('det_prob', torch.cat([part.softmax(0) for part in det.split(proposals)]))
    g.compare('img_scores', mil.raw_scores)
    g.compare('pseudo1', torch.cat(mil.scores))
    g.compare('pseudo2', layers['refine1'](features[0]).softmax(1))

    image = ImageViews(boxes, (False, True) * (views // 2), (0, views * proposals))
    losses = {'loss_mil': head.loss_mil(mil.raw_scores, labels.expand(views, -1))}
    losses.update(head.refinement_losses([], [image], pools['roi'], features[0], mil.scores, labels[None]))
    for k in (1, 2):
        seeds, assigned = seen['seeds'][k - 1], seen['assigned'][k - 1]
        g.compare(f'gt_boxes{k}', seeds.boxes[seeds.valid])
        g.compare(f'gt_classes{k}', seeds.labels[seeds.valid])
        g.compare(f'roi_label{k}', assigned.labels)
        means = mean_target_boxes(boxes, seeds.boxes)
        fg = g.tensor(f'fg{k}')
        nearest = assigned.seed_index[fg]
        targets = [encode_boxes_inclusive(boxes[v][fg[v]], means[v][nearest[v]]) for v in range(views)]
        g.compare(f'bbox_targets{k}', torch.cat(targets), rtol=0, atol=3e-3)
        masked = head.shared_head(pools['roi'] * masks[k - 1][:, None])
        g.compare(f'refine_prob{k}', head.refine_heads.logits(masked, k - 1).softmax(1))
        g.compare(f'bbox_pred{k}', head.reg_heads(masked, k - 1))
        g.compare(f'refine{k}_x01', views * losses[f'loss_refine{k}'].double())
        g.compare(f'reg{k}', views * losses[f'loss_bbox{k}'].double() / head.loss_bbox.loss_weight)
    g.compare('cls_det', views * losses['loss_mil'].double())
    total = sum(value for name, value in losses.items() if 'loss' in name)
    g.compare('total', total.double())
    total.backward()
    for name, layer in layers.items():
        g.compare(f'gW_{name}', layer.weight.grad)
        g.compare(f'gb_{name}', layer.bias.grad)
    for ring, pool in pools.items():
        g.compare(f'g_pool_{ring}', pool.grad)
    g.done()
