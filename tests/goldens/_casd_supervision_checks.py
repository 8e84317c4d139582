"""Checks of CASD's golden vectors: centres, labels, samples and box targets; losses of a training step."""

import torch

from wsod_mm.functional.contrastive import mil_hinge_loss
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.pcl_mining import pcl_seeds
from wsod_mm.functional.regression import casd_bbox_loss, encode_boxes_inclusive, mean_target_boxes
from wsod_mm.functional.sampled_loss import sampled_ce_loss
from wsod_mm.functional.sampling import casd_labels, nearest_seeds, sample_rows

from ._casd_attention_checks import check_consistency_part
from ._common import Golden


def _noise_that_draws(groups: list[torch.Tensor], num_proposals: int) -> torch.Tensor:
    """Noise for which the sampler takes the rows ``[V, n]`` of every group, in their order."""
    noise = torch.full((len(groups[0]), num_proposals), -1.0)
    for rows in groups:
        noise.scatter_(1, rows, torch.arange(rows.shape[1], 0, -1.0).expand(rows.shape[0], -1))
    return noise


def _seeds(g: Golden, boxes: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor) -> Seeds:
    """Our centres, compared with the golden's; the golden's own where its k-means missed the optimum."""
    tied = all((column == column[0]).all() for column in scores[:, labels > 0].T)
    if g.tensor('kmeans_exact').all() or tied:
        seeds = pcl_seeds(boxes, scores, labels)
    else:
        index = g.tensor('gt_index')
        seeds = Seeds(boxes[index], g.tensor('gt_classes'), g.tensor('gt_scores'), index, torch.ones_like(index) > 0)
    keep = seeds.valid
    g.compare('gt_index', seeds.indices[keep])
    g.compare('gt_boxes', seeds.boxes[keep])
    g.compare('gt_classes', seeds.labels[keep])
    g.compare('gt_scores', seeds.scores[keep])
    g.scalar('tie_free')  # ties are broken by the documented rule, so the comparison above holds with them
    return seeds


def check_casd_supervision(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    boxes_views, labels = g.tensor('boxes_views'), g.tensor('im_labels')
    num_proposals, num_classes = boxes_views.shape[1], len(labels)
    scores = g.tensor('prob_views')[:, :, -num_classes:].mean(dim=0).clamp(min=1e-9)
    g.compare('mean_prob', scores)
    seeds = _seeds(g, boxes_views[0], scores, labels)

    # the reference numbers only the valid centres, and does not hide what is not foreground
    number = seeds.valid.cumsum(0) - 1
    max_ious, nearest = nearest_seeds(boxes_views[0], seeds)
    g.compare('max_overlaps', max_ious)
    g.compare('gt_assignment', number[nearest])
    g.compare('labels', seeds.labels[nearest])
    assigned = casd_labels(boxes_views[0], seeds)
    foreground = assigned.labels > 0
    g.compare('fg_inds', foreground.nonzero()[:, 0])
    g.compare('bg_inds', (~foreground & (assigned.weights > 0)).nonzero()[:, 0])
    g.compare('roi_labels', torch.nn.functional.one_hot(assigned.labels, num_classes + 1))

    drawn = g.tensor('sampled_fg'), g.tensor('sampled_bg')
    samples = sample_rows(assigned.max_ious, 4, noise=_noise_that_draws(drawn, num_proposals))
    background = samples.valid & ~samples.foreground
    assert samples.valid.sum(dim=1).eq(samples.valid[0].sum()).all(), path.name
    g.compare('n_fg', samples.foreground[0].sum())
    g.compare('n_bg', background[0].sum())
    g.compare('sampled_fg', samples.rows[samples.foreground].view(4, drawn[0].shape[1]))
    g.compare('sampled_bg', samples.rows[background].view(4, drawn[1].shape[1]))

    means = mean_target_boxes(boxes_views, seeds.boxes)
    g.compare('mean_gt_boxes', means[:, seeds.valid], rtol=1e-5, atol=1e-3)
    rows = samples.rows[samples.foreground]  # view after view
    view = torch.arange(4).repeat_interleave(len(rows) // 4)
    rois, targets = boxes_views[view, rows], means[view, assigned.seed_index[rows]]
    g.compare('reg_rois', rois)
    g.compare('reg_gt', targets, rtol=1e-5, atol=1e-3)
    g.compare('bbox_targets', encode_boxes_inclusive(rois, targets), rtol=0, atol=3e-3)
    g.compare('fg_labels', assigned.labels[rows])
    g.done()


def check_casd_losses(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    num_proposals, labels = int(g.scalar('P')), g.tensor('roi_label')
    g.scalar('step')  # chooses the reference's colour augmentation and IW flag; no part of the formulas
    image_scores = g.tensor('img_scores_views', grad=True)
    logits = [g.tensor(f'refine_logits{k}', grad=True) for k in (1, 2)]
    preds = [g.tensor(f'bbox_pred{k}', grad=True) for k in (1, 2)]

    present = (g.tensor('im_labels') > 0).float()
    hinge = sum(mil_hinge_loss(scores, present, normaliser=20) for scores in image_scores)
    refine, boxes = [], []
    for k in (1, 2):
        keep, fg = g.tensor(f'keep{k}'), g.tensor(f'fg{k}')
        assert torch.equal(keep[:, : fg.shape[1]], fg), f'{path.name}: keep{k} does not begin with fg{k}'
        rows = keep + num_proposals * torch.arange(4)[:, None]
        valid = torch.ones_like(keep, dtype=torch.bool)
        refine.append(0.1 * sampled_ce_loss(logits[k - 1][rows], labels[keep], valid))
        # only foreground has targets; the other slots get what must not count
        targets = torch.full((*keep.shape, 4), 7.0)
        targets[:, : fg.shape[1]] = g.tensor(f'bbox_targets{k}').view(4, -1, 4)
        foreground = valid & (torch.arange(keep.shape[1]) < fg.shape[1])
        boxes.append(casd_bbox_loss(preds[k - 1][rows], targets, labels[keep], foreground))
    for prefix in ('m30', 'mst'):
        g.compare(f'{prefix}_cls_det', hinge)
        for k in (1, 2):
            g.compare(f'{prefix}_refine{k}_x01', refine[k - 1])
    g.compare('m30_reg1', boxes[0])
    g.compare('m30_reg2', boxes[1])
    total = (hinge + sum(refine) + 0.1 * sum(boxes)) / 4
    g.compare('m30_total', total)
    total.backward()
    g.compare('m30_grad_det', image_scores.grad)
    for k in (1, 2):
        g.compare(f'm30_grad_logit{k}', logits[k - 1].grad)
        g.compare(f'm30_grad_bbox{k}', preds[k - 1].grad)

    check_consistency_part(g)
    g.compare('mst_total', (hinge + sum(refine) + 0.1 * g.scalar('mst_consistency')) / 4)
    g.done()
