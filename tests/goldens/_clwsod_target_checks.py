"""Golden families of Collaborative Learning: anchors, box coding, pseudo ground truth, targets and proposals."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsod_mm.functional.anchor_targets import anchor_targets
from wsod_mm.functional.anchors import grid_anchors, inside_anchors, rounded_base_anchors
from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.caffe_box_coder import clip_boxes_caffe, decode_boxes_caffe, encode_boxes_caffe
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.proposal_targets import RoISamples, proposal_targets, sample_rois
from wsod_mm.functional.pseudo_ground_truth import pseudo_ground_truth
from wsod_mm.functional.refinement import nearest_seeds
from wsod_mm.functional.rpn_proposals import rpn_proposals

from ._common import Golden

PIXELS = 1e-4


def golden(path: Path) -> Golden:
    """A case with the tolerances of losses."""
    return Golden(path, rtol=1e-5, atol=1e-6)


def seeds_of(g: Golden) -> Seeds:
    """Pseudo ground truth of a file: ``gt_boxes`` (box + class) and ``gt_scores``."""
    boxes, scores = g.tensor('gt_boxes'), g.tensor('gt_scores').view(-1)
    rows = torch.arange(len(boxes), device=boxes.device)
    return Seeds(boxes[:, :4], boxes[:, 4].long(), scores, rows, torch.ones_like(rows, dtype=torch.bool))


def size_of(g: Golden) -> tuple[int, int]:
    """Height and width of the image."""
    return int(g.scalar('im_h')), int(g.scalar('im_w'))


def to_maps(values: Tensor, rows: int, columns: int) -> Tensor:
    """``[H * W * A]`` in the order of anchors to the reference's ``[1, 1, A * H, W]``."""
    return values.view(rows, columns, -1).permute(2, 0, 1).reshape(1, 1, -1, columns)


def per_class(values: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """``[K, 4]`` into the columns of the label, ``[K, 4 * num_classes]``; background rows are 0."""
    spread = values.new_zeros(len(values), num_classes, 4)
    foreground = labels > 0
    spread[foreground, labels[foreground]] = values[foreground]
    return spread.flatten(1)


def check_anchors(path: Path) -> None:
    g = golden(path)
    base = rounded_base_anchors(16, g.array('ratios').tolist(), g.array('scales').tolist())
    g.compare('base_anchors', base, atol=PIXELS)
    rows, columns = int(g.scalar('feat_h')), int(g.scalar('feat_w'))
    g.compare('grid_anchors', grid_anchors(base.to(g.device), rows, columns, int(g.scalar('stride'))), atol=PIXELS)
    g.done()


def check_bbox_codec(path: Path) -> None:
    g = golden(path)
    boxes, targets = g.tensor('ex_rois'), g.tensor('gt_rois')
    g.compare('encoded', encode_boxes_caffe(boxes, targets))
    decoded = decode_boxes_caffe(boxes, g.tensor('deltas'))
    g.compare('decoded', decoded, atol=PIXELS)
    g.compare('clipped', clip_boxes_caffe(decoded, size_of(g)), atol=PIXELS)
    g.compare('overlaps', bbox_overlaps_inclusive(boxes, targets))
    g.done()


def check_pseudo_gt(path: Path) -> None:
    g = golden(path)
    boxes, scores = g.tensor('rois')[:, 1:], g.tensor('fuse_prob')
    labels, top_k, iou = g.tensor('labels')[0], int(g.scalar('pre_nms_top_n')), g.scalar('nms_thresh')
    for k, box_key, score_key in ((top_k, 'gt_boxes', 'gt_scores'), (1, 'top1_boxes', 'top1_scores')):
        for where in {'cpu', g.device}:
            seeds = pseudo_ground_truth(boxes, scores, labels.to(where), k, iou)
            found = torch.cat((seeds.boxes, seeds.labels[:, None].float()), dim=1)[seeds.valid]
            g.compare(box_key, found, atol=PIXELS)
            g.compare(score_key, seeds.scores[seeds.valid][:, None])
            assert len(seeds.valid) == k * (int((labels > 0).sum()) if where == 'cpu' else len(labels))
    g.done()


def _numpy_noise(labels: np.ndarray, number: int, fg_fraction: float, seed: int) -> Tensor:
    """Noise that keeps the anchors which the reference's legacy numpy draws keep.

    Args:
        labels: ``[n]`` labels of the anchors inside of the image, before sampling.
        number: Samples.
        fg_fraction: Share of objects.
        seed: Of numpy.
    """
    rng, noise = np.random.RandomState(seed), np.ones(len(labels), np.float32)
    foreground, background = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    wanted = int(number * fg_fraction)
    if len(foreground) > wanted:
        noise[rng.choice(foreground, size=len(foreground) - wanted, replace=False)] = 0
    wanted = number - min(len(foreground), wanted)
    if len(background) > wanted:
        noise[rng.choice(background, size=len(background) - wanted, replace=False)] = 0
    return torch.from_numpy(noise)


def check_anchor_target(path: Path) -> None:
    g = golden(path)
    rows, columns, size = int(g.scalar('feat_h')), int(g.scalar('feat_w')), size_of(g)
    anchors, number, fraction = g.tensor('anchors'), int(g.scalar('rpn_batchsize')), g.scalar('rpn_fg_fraction')
    thresholds = dict(pos_iou=g.scalar('pos_overlap'), neg_iou=g.scalar('neg_overlap'), fg_fraction=fraction)
    seeds, inside = seeds_of(g), inside_anchors(anchors, size)
    all_labels = anchor_targets(anchors, seeds, size, number=None, **thresholds).labels
    noise = torch.zeros(len(anchors), device=anchors.device)
    drawn = _numpy_noise(all_labels[inside].cpu().numpy(), number, fraction, int(g.scalar('np_seed')))
    noise[inside] = drawn.to(noise.device)
    found = anchor_targets(anchors, seeds, size, number=number, noise=noise, **thresholds)
    g.compare('labels_1_1_AH_W', to_maps(found.labels, rows, columns).float())
    g.compare('bbox_targets_1_H_W_4A', found.deltas.view(1, rows, columns, -1))
    inner = (found.labels == 1)[:, None].expand(-1, 4).float()
    g.compare('inside_weights', inner.reshape(1, rows, columns, -1))
    sampled = found.labels >= 0
    outer = (found.weights * sampled / sampled.sum())[:, None].expand(-1, 4)
    g.compare('outside_weights', outer.reshape(1, rows, columns, -1))
    g.compare('loss_weights_HWA_flat', found.weights)
    g.done()


def _numpy_draws(max_ious: np.ndarray, limits: dict, seed: int) -> tuple[Tensor, Tensor, float]:
    """Noise and draws with which :func:`sample_rois` takes what the reference's legacy numpy draws take.

    Returns:
        ``[R]`` noise and ``[K]`` draws.
    """
    rng, number = np.random.RandomState(seed), limits['number']
    low, high = limits['bg_iou']
    foreground = np.flatnonzero(max_ious >= limits['fg_iou'])
    background = np.flatnonzero((max_ious < high) & (max_ious >= low))
    wanted = min(int(number * limits['fg_fraction']), len(foreground)) if len(background) else number
    parts = [(foreground, wanted), (background, number - wanted)] if len(foreground) else [(background, number)]
    noise, draws, slot = np.linspace(0.5, 0, len(max_ious), dtype=np.float32), np.zeros(number), 0
    for candidates, count in parts:
        if count == 0:
            continue
        again = len(candidates) < count
        places = rng.choice(np.arange(len(candidates)), size=count, replace=again)
        if again:  # candidates stay in the order of their rows
            draws[slot : slot + count] = (places + 0.5) / len(candidates)
        else:
            noise[candidates[places]] = np.linspace(1, 0.6, count)
        slot += count
    return torch.from_numpy(noise), torch.from_numpy(draws).float()


def check_proposal_target(path: Path) -> None:
    g = golden(path)
    rois, seeds = g.tensor('rois'), seeds_of(g)
    g.tensor('roi_scores')  # the reference samples them along
    limits = dict(
        number=int(g.scalar('batch_size')),
        fg_fraction=g.scalar('fg_fraction'),
        fg_iou=g.scalar('fg_thresh'),
        bg_iou=(g.scalar('bg_thresh_lo'), g.scalar('bg_thresh_hi')),
    )
    max_ious, nearest = nearest_seeds(rois[:, 1:], seeds)
    g.compare('max_overlaps_all', max_ious)
    g.compare('gt_assignment_all', nearest)
    noise, draws = _numpy_draws(max_ious.cpu().numpy(), limits, int(g.scalar('np_seed')))
    drawn = sample_rois(max_ious, noise=noise.to(g.device), draws=draws.to(g.device), **limits)
    g.compare('keep_inds', drawn.rows)
    g.compare('num_fg_slots', drawn.foreground.sum())
    # and what follows from the recorded rows
    rows = g.tensor('keep_inds')
    foreground = torch.arange(len(rows), device=rows.device) < int(g.scalar('num_fg_slots'))
    found = proposal_targets(rois[:, 1:], seeds, RoISamples(rows, foreground, torch.ones_like(foreground)))
    g.compare('out_rois', rois[rows])
    g.compare('out_labels', found.labels[:, None].float())
    g.compare('loss_weights', found.weights)
    classes = int(g.scalar('num_classes_with_bg'))
    g.compare('bbox_targets', per_class(found.deltas, found.labels, classes), atol=1e-5)
    ones = torch.ones_like(found.deltas)
    g.compare('inside_weights', per_class(ones, found.labels, classes))
    g.compare('outside_weights', per_class(ones * found.weights[:, None], found.labels, classes))
    g.done()


def check_rpn_proposals(path: Path) -> None:
    g = golden(path)
    logits, probs = g.tensor('rpn_cls_score'), g.tensor('rpn_cls_prob')
    number = logits.shape[1] // 2
    difference = (logits[0, number:] - logits[0, :number]).permute(1, 2, 0)
    g.compare('rpn_cls_prob', torch.cat(((-difference).sigmoid(), difference.sigmoid()), dim=-1)[None])
    boxes, scores = rpn_proposals(
        probs[0, ..., number:].reshape(-1),
        g.tensor('rpn_bbox_pred').view(-1, 4),
        g.tensor('anchors'),
        size_of(g),
        int(g.scalar('pre_nms')),
        int(g.scalar('post_nms')),
        g.scalar('nms_thresh'),
    )
    g.compare('rois', torch.cat((torch.zeros_like(scores)[:, None], boxes), dim=1), atol=PIXELS)
    g.compare('scores', scores[:, None])
    g.done()
