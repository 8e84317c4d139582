import math

import pytest
import torch

from wsod_mm.functional.boxes import bbox_overlaps_inclusive, flip_boxes_inclusive
from wsod_mm.functional.regression import (
    casd_bbox_loss,
    decode_boxes_inclusive,
    encode_boxes_inclusive,
    mean_target_boxes,
    mist_bbox_loss,
    weighted_smooth_l1_loss,
)

from .test_no_host_sync import SYNCHRONISE, Trace


def random_boxes(number, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corner, size = torch.rand(number, 2, generator=generator) * 60, torch.rand(number, 2, generator=generator) * 80
    return torch.cat((corner, corner + size), dim=1)


@pytest.mark.parametrize('weights', [(10.0, 10.0, 5.0, 5.0), (1.0, 1.0, 1.0, 1.0)])
def test_decode_undoes_encode(weights):
    boxes, targets = random_boxes(50), random_boxes(50, seed=1)
    decoded = decode_boxes_inclusive(boxes, encode_boxes_inclusive(boxes, targets, weights), weights)
    torch.testing.assert_close(decoded, targets, rtol=0, atol=1e-3)


def test_zero_deltas_give_the_box_back_bit_for_bit():
    boxes = random_boxes(200) * 1.37
    assert torch.equal(decode_boxes_inclusive(boxes, torch.zeros(200, 12)), boxes.repeat(1, 3))


def test_decode_by_hand():
    boxes = torch.tensor([[0.0, 0, 9, 19]])
    # a width moves it to 10..19, twice the width around the centre to 5..24
    deltas = torch.tensor([[1.0, 0, math.log(2), 0]])
    decoded = decode_boxes_inclusive(boxes, deltas, weights=(1, 1, 1, 1))
    torch.testing.assert_close(decoded, torch.tensor([[5.0, 0, 24, 19]]))


def test_groups_of_deltas_are_independent():
    boxes, deltas = random_boxes(6), torch.randn(6, 12)
    decoded = decode_boxes_inclusive(boxes, deltas)
    for k in range(3):
        columns = slice(4 * k, 4 * k + 4)
        torch.testing.assert_close(decoded[:, columns], decode_boxes_inclusive(boxes, deltas[:, columns]))


def test_growth_is_clipped_and_shrinking_is_not():
    boxes = torch.tensor([[0.0, 0, 9, 9]])
    huge = decode_boxes_inclusive(boxes, torch.tensor([[0.0, 0, 1e4, -1e4]]))
    torch.testing.assert_close(huge, torch.tensor([[5 - 625.0, 5, 5 + 625 - 1, 4]]))
    assert not torch.equal(huge, decode_boxes_inclusive(boxes, torch.tensor([[0.0, 0, 1e4, -1e4]]), max_ratio=62.5))


def test_decode_of_nothing_and_of_bad_shapes():
    assert decode_boxes_inclusive(torch.zeros(0, 4), torch.zeros(0, 8)).shape == (0, 8)
    with pytest.raises(ValueError, match='deltas'):
        decode_boxes_inclusive(torch.zeros(2, 4), torch.zeros(2, 6))
    with pytest.raises(ValueError, match='deltas'):
        decode_boxes_inclusive(torch.zeros(2, 4), torch.zeros(3, 4))


def four_views(boxes, width=200):
    return torch.stack([view for s in (1.0, 1.5) for view in (boxes * s, flip_boxes_inclusive(boxes * s, width))])


def test_mean_targets_match_a_loop():
    views = four_views(random_boxes(60))
    seeds = views[0][[5, 17, 5]]
    means = mean_target_boxes(views, seeds, iou=0.4)
    counts = []
    for g in range(3):
        members = [p for p in range(60) if bbox_overlaps_inclusive(views[0, p : p + 1], seeds[g : g + 1]) > 0.4]
        counts.append(len(members))
        torch.testing.assert_close(means[:, g], views[:, members].mean(dim=1))
    assert max(counts) > 1
    assert not torch.equal(means, mean_target_boxes(views, seeds, iou=0.6))


def test_mean_targets_flip_with_the_image():
    views = four_views(random_boxes(60))
    means = mean_target_boxes(views, views[0][:3], iou=0.3)
    torch.testing.assert_close(flip_boxes_inclusive(means[0], 200), means[1], rtol=1e-5, atol=1e-3)


def test_a_lonely_seed_is_its_own_target_and_a_foreign_one_gives_zeros():
    views = four_views(torch.tensor([[0.0, 0, 9, 9], [100, 100, 120, 120]]))
    seeds = torch.cat((views[0], torch.tensor([[40.0, 40, 50, 50]])))
    means = mean_target_boxes(views, seeds)
    torch.testing.assert_close(means[:, :2], views)
    assert not means[:, 2].any()
    with pytest.raises(ValueError, match='boxes_views'):
        mean_target_boxes(views[0], seeds)


def test_mean_targets_keep_float32_under_autocast():
    views = four_views(random_boxes(60))
    expected = mean_target_boxes(views, views[0][:3], iou=0.3)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(mean_target_boxes(views, views[0][:3], iou=0.3), expected)


def loss_example():
    torch.manual_seed(0)
    preds = (3 * torch.randn(2, 6, 16)).requires_grad_()
    labels = torch.tensor([[1, 3, 2, 0, 1, 2], [2, 2, 1, 0, 3, 1]])
    valid = torch.tensor([[True, True, False, True, False, False]] * 2)
    return preds, torch.randn(2, 6, 4), labels, valid


def smooth_l1(pred, target, beta=1.0):
    difference = (pred - target).abs()
    return sum(0.5 * d * d / beta if d < beta else d - 0.5 * beta for d in difference)


@pytest.mark.parametrize('beta', [1.0, 0.25])
def test_casd_loss_matches_a_loop(beta):
    preds, targets, labels, valid = loss_example()
    total = 0.0
    for v in range(2):
        for k in (0, 1):  # slot 3 is background
            c = labels[v, k]
            total = total + smooth_l1(preds[v, k, 4 * c : 4 * c + 4], targets[v, k], beta)
    loss = casd_bbox_loss(preds, targets, labels, valid, beta)
    torch.testing.assert_close(loss, total / (4 * 2))
    loss.backward()
    touched = preds.grad.unflatten(2, (4, 4)).ne(0).any(dim=3)
    expected = torch.nn.functional.one_hot(labels, 4).bool() & (valid & (labels > 0))[..., None]
    assert torch.equal(touched, expected)


def test_casd_loss_without_foreground_is_zero_with_a_graph():
    preds, targets, labels, valid = loss_example()
    loss = casd_bbox_loss(preds, targets, labels, torch.zeros_like(valid))
    loss.backward()
    assert loss == 0 and not preds.grad.any()


def test_mist_divides_by_all_proposals_and_fast_rcnn_by_those_with_a_weight():
    preds, targets, labels, _ = loss_example()
    preds, targets, labels = preds[0], targets[0], labels[0]
    weights = torch.tensor([0.5, 0.0, 1.0, 0.7, 0.0, 0.0])
    total = sum(
        weights[r] * smooth_l1(preds[r, 4 * labels[r] : 4 * labels[r] + 4], targets[r]) for r in range(6) if labels[r]
    )
    torch.testing.assert_close(mist_bbox_loss(preds, targets, labels, weights), total / 6)
    torch.testing.assert_close(weighted_smooth_l1_loss(preds, targets, labels, weights), total / 3)


@pytest.mark.parametrize('loss', [mist_bbox_loss, weighted_smooth_l1_loss])
def test_losses_of_only_background_are_zero(loss):
    preds = torch.randn(3, 8, requires_grad=True)
    value = loss(preds, torch.full((3, 4), 1e6), torch.zeros(3, dtype=torch.long), torch.ones(3))
    value.backward()
    assert value == 0 and not preds.grad.any()


def test_beta_must_be_positive():
    with pytest.raises(ValueError, match='beta'):
        casd_bbox_loss(*loss_example(), beta=0)


def test_no_host_synchronisation():
    preds, targets, labels, valid = loss_example()
    views = four_views(random_boxes(12))
    with Trace() as trace:
        mean_target_boxes(views, views[0][:3])
        decode_boxes_inclusive(views[0], torch.zeros(12, 8))
        loss = casd_bbox_loss(preds, targets, labels, valid)
        loss = loss + mist_bbox_loss(preds[0], targets[0], labels[0], torch.ones(6))
        loss.backward()
    assert 'gather' in trace.names and not trace.names & SYNCHRONISE
