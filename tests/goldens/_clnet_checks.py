"""Golden families of ContextLocNet: the rings around boxes, their pooling, the contrastive scores."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from wsod_mm.functional.contrastive import contrastive_scores, mil_hinge_loss
from wsod_mm.functional.rings import RINGS, ring_rectangles
from wsod_mm.ops import ring_max_pool
from wsod_mm.ops.ring_pool import ring_pool_argmax

from ._common import Golden


def check_clnet_geometry(path: Path) -> None:
    """Outer and inner rectangle of every ring."""
    g = Golden(path, rtol=1e-4, atol=1e-5)
    rois = g.tensor('rois')
    for name, scales in RINGS.items():
        g.compare(f'{name}_scale_inner_outer', np.array(scales))
        rects = ring_rectangles(rois, *scales)
        assert torch.equal(rects[:, 0], rois[:, 0])
        rects[:, 0] = 0  # the reference writes no image index
        g.compare(f'{name}_rects', rects, rtol=1e-6, atol=1e-4)
    g.done()


def check_clnet_ringpool(path: Path) -> None:
    """Values, arg-max and gradient of ring max-pooling; all rings in one call as well."""
    g = Golden(path, rtol=1e-4, atol=1e-5)
    scale = g.scalar('spatial_scale')
    rois, rects, pooled = g.tensor('rois'), [], []
    for name, scales in RINGS.items():
        features = g.tensor('features', grad=True)
        rects.append(g.tensor(f'{name}_rects'))
        size = g.arrays[f'{name}_pooled'].shape[-2:]
        pooled.append(ring_max_pool(features, rects[-1], size, scale))
        g.compare(f'{name}_pooled', pooled[-1], rtol=0, atol=0)
        g.compare(f'{name}_argmax', ring_pool_argmax(features, rects[-1], size, scale))
        (grad,) = torch.autograd.grad(pooled[-1], features, g.tensor(f'{name}_grad_out'))
        g.compare(f'{name}_grad_feat', grad)
        ours = ring_max_pool(features, ring_rectangles(rois, *scales), size, scale)
        torch.testing.assert_close(ours, pooled[-1], rtol=0, atol=0)
    together = ring_max_pool(g.tensor('features'), torch.cat(rects), pooled[0].shape[-2:], scale)
    torch.testing.assert_close(together, torch.cat(pooled), rtol=0, atol=0)
    g.done()


def check_clnet_score(path: Path) -> None:
    """Scores of contrastive-S, its hinge loss and the gradients, by the formulas and by the head."""
    from wsod_mm.models.bbox_heads import ContrastiveHead

    g = Golden(path, rtol=1e-4, atol=1e-5)
    roi, context, frame = features = [g.tensor(f'fc7_{ring}', grad=True) for ring in ('roi', 'context', 'frame')]
    weights = {key: g.tensor(key) for key in ('W_cls', 'b_cls', 'W_det', 'b_det')}
    labels = (g.tensor('im_labels') + 1) / 2

    cls = F.linear(roi, weights['W_cls'], weights['b_cls'])
    det = F.linear(frame, weights['W_det'], weights['b_det']) - F.linear(context, weights['W_det'], weights['b_det'])
    g.compare('cls_score', cls)
    g.compare('det_score', det)
    g.compare('cls_prob', cls.softmax(dim=1))
    g.compare('det_prob', det.softmax(dim=0))
    g.compare('product_raw', cls * det.softmax(dim=0))
    scores, image_scores = contrastive_scores(cls, det)
    g.compare('product_prob', scores)
    g.compare('img_scores', image_scores)

    head = ContrastiveHead(roi.size(1), cls.size(1))
    head.load_state_dict(
        {
            'fc_cls.weight': weights['W_cls'],
            'fc_cls.bias': weights['b_cls'],
            'fc_det.weight': weights['W_det'],
            'fc_det.bias': weights['b_det'],
        }
    )
    output = head(tuple(features), [len(roi)])
    g.compare('product_prob', output.scores[0])
    g.compare('img_scores', output.raw_scores[0])
    for raw in (image_scores, output.raw_scores[0]):
        loss = mil_hinge_loss(raw, labels, normaliser=20)
        g.compare('hinge_loss_div20', loss.double())
        for ring, grad in zip(('roi', 'context', 'frame'), torch.autograd.grad(loss, features), strict=True):
            g.compare(f'grad_fc7_{ring}', grad)
    g.done()
