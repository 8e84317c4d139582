"""Golden vectors of the MIL family, computed by the public reference code."""

import pytest
import torch

from wsod_mm.functional.mil import image_scores, mil_bce_loss, wsddn_scores
from wsod_mm.functional.mining import top1_seeds
from wsod_mm.functional.refinement import assign_seeds, oicr_loss
from wsod_mm.functional.regression import encode_boxes_inclusive, weighted_smooth_l1_loss

from ._casd_attention_checks import check_casd_iw, check_casd_lw, check_ia
from ._casd_step_checks import check_casd_head_step
from ._casd_supervision_checks import check_casd_losses, check_casd_supervision
from ._clnet_checks import check_clnet_geometry, check_clnet_ringpool, check_clnet_score
from ._common import Golden, cases, check_families, family
from ._pcl_checks import check_pcl
from ._voc_checks import check_voc_eval


def check_wsddn(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    cls, det = g.tensor('cls_logits', grad=True), g.tensor('det_logits', grad=True)
    labels = g.tensor('im_labels')[0]
    scores = wsddn_scores(cls, det)
    g.compare('scores', scores)
    probs = image_scores(scores)
    g.compare('img_scores', probs)
    loss = mil_bce_loss(probs, labels)
    g.compare('loss_mean', loss)
    g.compare('loss_sum', mil_bce_loss(probs, labels, reduction='sum'))
    loss.backward()
    g.compare('grad_cls_logits', cls.grad)
    g.compare('grad_det_logits', det.grad)
    g.done()


def check_oicr(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    boxes, labels = g.tensor('boxes'), g.tensor('im_labels')[0]
    scores = g.tensor('prev_prob')[:, -len(labels) :]  # with or without a background column
    seeds = top1_seeds(boxes, scores, labels)
    g.compare('gt_boxes', seeds.boxes[seeds.valid])
    g.compare('gt_classes', seeds.labels[seeds.valid])
    g.compare('gt_scores', seeds.scores[seeds.valid])

    assigned = assign_seeds(boxes, seeds, g.scalar('fg_thresh'), g.scalar('bg_thresh'))
    g.compare('labels', assigned.labels)
    g.compare('weights', assigned.weights)
    # the reference numbers only the valid seeds
    number = seeds.valid.cumsum(0) - 1
    index = assigned.seed_index
    g.compare('gt_assignment', torch.where(index >= 0, number[index.clamp(min=0)], -1))

    logits = g.tensor('refine_logits', grad=True)
    probs = logits.softmax(dim=1)
    probs.retain_grad()
    g.compare('refine_prob', probs)
    loss = oicr_loss(probs, assigned.labels, assigned.weights)
    g.compare('loss', loss)
    loss.backward()
    g.compare('grad_refine_prob', probs.grad)
    g.compare('grad_refine_logits', logits.grad)

    targets = encode_boxes_inclusive(boxes, seeds.boxes[index.clamp(min=0)])
    targets = torch.where(assigned.labels[:, None] > 0, targets, 0.0)
    g.compare('bbox_targets', targets, rtol=0, atol=3e-3)
    preds = g.tensor('bbox_pred', grad=True)
    bbox_loss = weighted_smooth_l1_loss(preds, targets, assigned.labels, assigned.weights)
    g.compare('bbox_loss', bbox_loss)
    bbox_loss.backward()
    g.compare('grad_bbox_pred', preds.grad)
    g.done()


CHECKS = {
    'wsddn': check_wsddn,
    'oicr': check_oicr,
    'voc_eval': check_voc_eval,
    'clnet_geometry': check_clnet_geometry,
    'clnet_ringpool': check_clnet_ringpool,
    'clnet_score': check_clnet_score,
    'pcl': check_pcl,
    'casd_supervision': check_casd_supervision,
    'casd_losses': check_casd_losses,
    'casd_iw': check_casd_iw,
    'casd_lw': check_casd_lw,
    'ia': check_ia,
    'casd_head_step': check_casd_head_step,
}


def test_every_family_has_a_check():
    check_families('casd', CHECKS, set())


@pytest.mark.parametrize('path', cases('casd', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
