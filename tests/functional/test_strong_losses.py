"""Losses of the strong branch, with the pairwise form of the paper."""

import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.pairwise_consistency import pairwise_consistency
from wsod_mm.functional.regression import encode_boxes_inclusive
from wsod_mm.functional.smooth_l1 import masked_smooth_l1, smooth_l1
from wsod_mm.functional.strong_losses import roi_bbox_loss, roi_cls_loss, rpn_bbox_loss, rpn_cls_loss

LABELS = torch.tensor([1, 0, -1, 1, 0, -1])
WEIGHTS = torch.tensor([0.3, 1.0, 0.7, 0.2, 1.0, 0.0])


def test_smooth_l1():
    x = torch.linspace(-3, 3, 31)
    for sigma in (1.0, 3.0):
        expected = F.smooth_l1_loss(x, torch.zeros_like(x), reduction='none', beta=1 / sigma**2)
        torch.testing.assert_close(smooth_l1(x, sigma), expected)
    ones = torch.ones(2, 3)
    assert masked_smooth_l1(2 * ones, 0 * ones, ones, 0.5 * ones, sum_dims=(1,)) == 2.25
    assert masked_smooth_l1(2 * ones, 0 * ones, ones, ones, sum_dims=(0, 1)) == 9
    assert smooth_l1(x.half()).dtype == torch.float32
    with pytest.raises(ValueError, match='sigma'):
        smooth_l1(x, 0.0)


def test_anchors():
    logits = torch.tensor([1.0, -2, float('inf'), 0.5, 3, float('nan')], requires_grad=True)
    loss = rpn_cls_loss(logits, LABELS, WEIGHTS, beta=1.0)
    used = LABELS >= 0
    each = F.binary_cross_entropy_with_logits(logits[used], LABELS[used].float(), reduction='none')
    torch.testing.assert_close(loss, (each * WEIGHTS[used]).mean())
    loss.backward()
    assert torch.isfinite(logits.grad).all() and not logits.grad[~used].any()
    deltas = torch.randn(6, 4, requires_grad=True)
    targets = torch.randn(6, 4)
    targets[1] = float('nan')
    loss = rpn_bbox_loss(deltas, targets, LABELS, WEIGHTS)
    torch.testing.assert_close(loss, sum(WEIGHTS[n] * smooth_l1(deltas[n] - targets[n], 3.0).sum() for n in (0, 3)) / 4)
    loss.backward()
    assert torch.isfinite(deltas.grad).all() and not deltas.grad[1].any()


def test_rois():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, generator=generator)
    labels, weights = torch.tensor([0, 3, 3, 1, 2]), torch.tensor([0.5, 1, 1, 0.1, 0.0])
    expected = (F.cross_entropy(logits, labels, reduction='none') * weights).sum() / 5
    torch.testing.assert_close(roi_cls_loss(logits, labels, weights, beta=1.0), expected)
    assert roi_cls_loss(logits, labels, weights) != expected
    deltas = torch.randn(5, 12, generator=generator)
    targets = torch.randn(5, 4, generator=generator)
    groups, foreground = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([True, False, False, True, True])
    expected = sum(
        weights[n] * smooth_l1(deltas[n, 4 * g : 4 * g + 4] - targets[n]).sum() for n, g in ((0, 0), (3, 1), (4, 2))
    )
    torch.testing.assert_close(roi_bbox_loss(deltas, targets, groups, foreground, weights), expected / 5)


def test_nothing_to_learn_is_zero_with_a_graph():
    x, four = torch.randn(6, requires_grad=True), torch.randn(6, 4, requires_grad=True)
    unused, no = torch.full((6,), -1), torch.zeros(6, dtype=torch.bool)
    losses = (
        rpn_cls_loss(x, unused, WEIGHTS),
        rpn_bbox_loss(four, four.detach() + 1, unused, WEIGHTS),
        roi_cls_loss(four, torch.zeros(6, dtype=torch.long), torch.zeros(6)),
        roi_bbox_loss(four, four.detach() + 1, torch.zeros(6, dtype=torch.long), no, WEIGHTS),
    )
    assert all(loss == 0 and loss.requires_grad for loss in losses)


def pair_inputs(seed=0, weak=7, strong=5, classes=3):
    generator = torch.Generator().manual_seed(seed)

    def boxes(n):
        corner = torch.rand(n, 2, generator=generator) * 15
        return torch.cat((corner, corner + 20 + 15 * torch.rand(n, 2, generator=generator)), dim=1)

    probs = torch.rand(weak, classes, generator=generator, dtype=torch.float64)
    logits = torch.randn(strong, classes + 1, generator=generator, dtype=torch.float64).requires_grad_()
    deltas = torch.randn(strong, classes, 4, generator=generator, dtype=torch.float64).requires_grad_()
    return probs, boxes(weak), logits, boxes(strong), deltas


def test_pairs_one_by_one():
    probs, weak, logits, rois, deltas = pair_inputs()
    found = pairwise_consistency(probs, weak, logits.log_softmax(1)[:, 1:], rois, deltas, 0.4, (0.1, 0.1, 0.2, 0.2))
    q = logits.softmax(1)[:, 1:]
    inter = inner = moved = torch.zeros((), dtype=torch.float64)
    for i in range(5):
        for j in range(7):
            if bbox_overlaps_inclusive(rois[i : i + 1], weak[j : j + 1]).item() <= 0.4:
                continue
            assert found.indicator[i, j]
            target = encode_boxes_inclusive(rois[i : i + 1].double(), weak[j : j + 1].double())[0]
            inter = inter - (probs[j] * q[i].log()).sum()
            inner = inner - (q[i] * q[i].log()).sum()
            moved = moved + sum(probs[j, c] * smooth_l1(target - deltas[i, c]).sum() for c in range(3))
    assert 0 < found.indicator.sum() < 35
    expected = 0.8 * inter + 0.2 * inner + moved
    torch.testing.assert_close(found.total(0.8), expected)
    for leaf in (logits, deltas):
        torch.testing.assert_close(
            *(torch.autograd.grad(x, leaf, retain_graph=True)[0] for x in (found.total(), expected))
        )


def test_without_pairs_or_gradient():
    probs, weak, logits, rois, deltas = pair_inputs()
    arguments = (weak, logits.log_softmax(1)[:, 1:], rois, deltas)
    found = pairwise_consistency(probs.requires_grad_(), *arguments, iou_thr=1.0)
    assert found.total() == 0 and found.cl_inter.requires_grad
    found = pairwise_consistency(probs, *arguments, iou_thr=0.4)
    assert torch.autograd.grad(found.total(), probs, allow_unused=True) == (None,)
    with torch.no_grad():
        again = pairwise_consistency(probs, *arguments, iou_thr=0.4)
    torch.testing.assert_close(again.total(), found.total().detach())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        single = pairwise_consistency(
            probs.float(), weak, logits.float().log_softmax(1)[:, 1:], rois, deltas.float(), iou_thr=0.4
        )
    torch.testing.assert_close(single.total().double(), found.total(), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match='pairs need'):
        pairwise_consistency(probs[:2], *arguments)
