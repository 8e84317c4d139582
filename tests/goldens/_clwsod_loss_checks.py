"""Golden families of Collaborative Learning: losses, their gradients, and detections."""

from pathlib import Path

import cv2
import numpy as np
import torch

from wsod_mm.functional.anchor_targets import reference_weight_order
from wsod_mm.functional.bootstrap import bootstrap_bce, bootstrap_cross_entropy, weighted_mean
from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.functional.mil import mil_bce_loss
from wsod_mm.functional.pairwise_consistency import pairwise_consistency
from wsod_mm.functional.proposals import resize_factor
from wsod_mm.functional.smooth_l1 import masked_smooth_l1
from wsod_mm.functional.strong_losses import roi_bbox_loss, roi_cls_loss, rpn_bbox_loss, rpn_cls_loss
from wsod_mm.functional.two_branch_detection import (
    best_detections,
    duplicate_groups,
    spread_duplicates,
    strong_boxes,
)

from ._clwsod_target_checks import PIXELS, golden


def check_bootstrap_ce(path: Path) -> None:
    g = golden(path)
    logits, labels = g.tensor('logits', grad=True), g.tensor('target')
    options = dict(beta=g.scalar('beta'), hard=bool(g.scalar('ishard')))
    weights = g.tensor('weight') if g.scalar('has_weight') else None
    g.unused.discard('weight')
    losses = bootstrap_cross_entropy(logits, labels, **options)
    g.compare('per_sample_unweighted', losses)
    loss = weighted_mean(losses, weights)
    g.compare('loss', loss)
    loss.backward()
    g.compare('grad_logits', logits.grad)
    if logits.shape[1] == 2:  # the same from one logit
        twin = g.tensor('logits', grad=True)
        losses = bootstrap_bce(twin[:, 1] - twin[:, 0], labels, **options)
        g.compare('per_sample_unweighted', losses)
        weighted_mean(losses, weights).backward()
        g.compare('grad_logits', twin.grad)
    g.done()


def check_smooth_l1(path: Path) -> None:
    g = golden(path)
    preds = g.tensor('pred', grad=True)
    others = [g.tensor(key) for key in ('target', 'inside_weights', 'outside_weights')]
    loss = masked_smooth_l1(preds, *others, g.scalar('sigma'), g.array('sum_dims').tolist())
    g.compare('loss', loss)
    loss.backward()
    g.compare('grad_pred', preds.grad)
    g.done()


def check_strong_losses(path: Path) -> None:
    g = golden(path)
    scores, deltas = g.tensor('rpn_cls_score', grad=True), g.tensor('rpn_bbox_pred', grad=True)
    number, rows, columns = scores.shape[1] // 2, *scores.shape[2:]
    logits = (scores[0, number:] - scores[0, :number]).permute(1, 2, 0).reshape(-1)
    labels = g.tensor('rpn_labels').view(number, rows, columns).permute(1, 2, 0).reshape(-1).long()
    weights = g.tensor('rpn_loss_weights_HWA_flat')
    options = dict(beta=g.scalar('beta'), hard=bool(g.scalar('ishard')))
    shifted = rpn_cls_loss(logits, labels, reference_weight_order(weights, number), **options)
    g.compare('loss_rpn_cls_reference', shifted)
    g.compare('loss_rpn_cls_aligned_formula', rpn_cls_loss(logits, labels, weights, **options))
    rpn_bbox = rpn_bbox_loss(deltas.view(-1, 4), g.tensor('rpn_bbox_targets').view(-1, 4), labels, weights)
    g.compare('loss_rpn_bbox', rpn_bbox)
    sampled = labels >= 0  # what the reference multiplies with follows from the labels and weights
    outer = (weights * sampled / sampled.sum())[:, None].expand(-1, 4)
    g.compare('rpn_outside_weights', outer.reshape(deltas.shape))
    g.compare('rpn_inside_weights', (labels == 1)[:, None].expand(-1, 4).reshape(deltas.shape).float())

    cls, boxes = g.tensor('cls_score', grad=True), g.tensor('bbox_pred', grad=True)
    labels, weights = g.tensor('roi_labels').view(-1).long(), g.tensor('roi_loss_weights')
    groups = labels[:, None, None].expand(-1, 1, 4)
    foreground = labels > 0
    inner, outer = g.tensor('roi_inside_weights'), g.tensor('roi_outside_weights')
    targets = g.tensor('roi_bbox_targets').view(len(labels), -1, 4).gather(1, groups).squeeze(1)
    roi_cls = roi_cls_loss(cls, labels, weights, **options)
    roi_bbox = roi_bbox_loss(boxes, targets, labels, foreground, weights)
    g.compare('loss_cls', roi_cls)
    g.compare('loss_bbox', roi_bbox)
    g.compare('loss_bbox', masked_smooth_l1(boxes, g.tensor('roi_bbox_targets'), inner, outer))
    wsddn = mil_bce_loss(g.tensor('image_prob'), g.tensor('image_labels'), eps=0.0)
    g.compare('loss_wsddn', wsddn)
    total = shifted + rpn_bbox + roi_cls + roi_bbox + wsddn
    g.compare('loss_total_reference', total)
    total.backward()
    for key, leaf in (
        ('rpn_cls_score', scores),
        ('rpn_bbox_pred', deltas),
        ('cls_score', cls),
        ('bbox_pred', boxes),
    ):
        g.compare(f'grad_{key}', leaf.grad)
    g.done()


def check_paper_consistency_formula(path: Path) -> None:
    g = golden(path)
    beta, log_probs, deltas = g.scalar('beta'), g.tensor('p_strong_fg').log(), g.tensor('t_strong')
    for grad in (False, True):
        terms = pairwise_consistency(
            g.tensor('p_weak'),
            g.tensor('boxes_weak'),
            log_probs.clone().requires_grad_(grad),
            g.tensor('rois_strong'),
            deltas.clone().requires_grad_(grad),
            g.scalar('iou_thr'),
        )
        g.compare('indicator_BS_BW', terms.indicator.double())
        for key in ('cp_inter', 'cp_inner', 'cl_inter'):
            g.compare(key, getattr(terms, key))
        g.compare('total', terms.total(beta))
    g.done()


def check_im_detect(path: Path) -> None:
    g = golden(path)
    image, boxes = g.array('image_bgr'), g.array('boxes')
    height, width = image.shape[:2]
    factor = resize_factor(height, width, int(g.scalar('scale')), int(g.scalar('max_size')))
    blob = cv2.resize(
        image.astype(np.float32) - g.array('pixel_means_bgr').astype(np.float32),
        None,
        fx=factor,
        fy=factor,
        interpolation=cv2.INTER_LINEAR,
    )
    rows, groups = duplicate_groups(boxes * factor, 1 / g.scalar('dedup'))
    rois = torch.from_numpy((boxes * factor)[rows].astype(np.float32))
    g.compare('call1_blob', blob[None], atol=1e-4)
    g.compare('call1_rois', torch.cat((torch.zeros(len(rois), 1), rois), dim=1), atol=PIXELS)
    # the network's input and RoIs are mirrored, not the image: a pixel of the resized image is not one of the image
    rois = flip_boxes_inclusive(rois, blob.shape[1])
    g.compare('call2_blob', blob[None, :, ::-1], atol=1e-4)
    g.compare('call2_rois', torch.cat((torch.zeros(len(rois), 1), rois), dim=1), atol=PIXELS)
    g.compare('im_info', np.array([*blob.shape[:2], factor], np.float32))
    shared = torch.from_numpy(groups).to(g.device)
    weak = spread_duplicates([g.tensor('call1_fuse_prob'), g.tensor('call2_fuse_prob')], shared)
    g.compare('weak_scores', weak)
    g.compare('weak_boxes', np.tile(boxes[rows][groups], (1, weak.shape[1])), atol=PIXELS)
    g.compare('strong_scores', g.tensor('strong_scores_in'))
    rois = g.tensor('strong_rois')[:, 1:].double() / factor
    decoded = strong_boxes(rois, g.tensor('strong_deltas_destd'), (height, width), (1.0, 1.0, 1.0, 1.0))
    g.compare('strong_boxes', decoded.flatten(1), atol=PIXELS)
    g.done()


def check_postprocess(path: Path) -> None:
    g = golden(path)
    limits = g.scalar('score_thr'), g.scalar('nms_iou'), int(g.scalar('max_per_image'))
    for branch, first in (('weak', 0), ('strong', 1)):
        scores, boxes = g.tensor(f'{branch}_scores'), g.tensor(f'{branch}_boxes')
        boxes = boxes.view(len(boxes), -1, 4)
        boxes, scores, labels = best_detections(boxes[:, first:], scores[:, first:], *limits)
        dets = torch.cat((labels[:, None].double(), boxes.double(), scores[:, None].double()), dim=1)
        g.compare(f'{branch}_dets_c_x1y1x2y2_s', dets, atol=PIXELS)
    g.done()
