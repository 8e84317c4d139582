import math

import pytest
import torch

from wsod_mm.functional.boxes import (
    bbox_overlaps_inclusive,
    clip_boxes_inclusive,
    flip_boxes_inclusive,
    jitter_boxes,
    project_boxes,
)
from wsod_mm.functional.regression import encode_boxes_inclusive, weighted_smooth_l1_loss


def test_inclusive_iou_counts_pixels():
    a = torch.tensor([[0.0, 0, 9, 9]])
    b = torch.tensor([[0.0, 0, 9, 9], [5, 0, 14, 9], [10, 0, 19, 9], [0, 0, 0, 0]])
    torch.testing.assert_close(bbox_overlaps_inclusive(a, b), torch.tensor([[1.0, 50 / 150, 0.0, 0.01]]))


def test_flip_is_its_own_inverse_and_keeps_border_pixels():
    boxes = torch.tensor([[0.0, 1, 3, 4], [2, 0, 9, 9]])
    flipped = flip_boxes_inclusive(boxes, 10)
    assert flipped[0].tolist() == [6, 1, 9, 4]
    torch.testing.assert_close(flip_boxes_inclusive(flipped, 10), boxes)


def test_encode_by_hand_and_zero_for_itself():
    boxes = torch.tensor([[0.0, 0, 9, 19]])
    assert not encode_boxes_inclusive(boxes, boxes).any()
    targets = encode_boxes_inclusive(boxes, torch.tensor([[5.0, 0, 24, 19]]), weights=(1, 1, 1, 1))
    torch.testing.assert_close(targets, torch.tensor([[1.0, 0.0, math.log(2), 0.0]]))


def test_smooth_l1_takes_the_columns_of_the_label_and_ignores_background():
    preds = torch.zeros(2, 12, requires_grad=True)
    loss = weighted_smooth_l1_loss(preds, torch.ones(2, 4), torch.tensor([2, 0]), torch.tensor([0.5, 0.5]))
    loss.backward()
    assert loss == 0.5 * 4 * 0.5 / 2
    assert preds.grad[0, 8:].ne(0).all() and not preds.grad[0, :8].any() and not preds.grad[1].any()


def test_beta_changes_the_loss():
    arguments = torch.full((1, 8), 3.0), torch.zeros(1, 4), torch.tensor([1]), torch.ones(1)
    assert weighted_smooth_l1_loss(*arguments, beta=1.0) != weighted_smooth_l1_loss(*arguments, beta=2.0)


def test_projection_flips_scales_and_refuses_rotation():
    boxes = torch.tensor([[0.0, 1, 3, 4]])
    mirrored = project_boxes(boxes, [[-1, 0, 9], [0, 1, 0]])
    torch.testing.assert_close(mirrored, flip_boxes_inclusive(boxes, 10))
    torch.testing.assert_close(project_boxes(boxes, [[2, 0, 0], [0, 3, 0]]), torch.tensor([[0.0, 3, 6, 12]]))
    with pytest.raises(ValueError, match='rotation'):
        project_boxes(boxes, [[0, 1, 0], [1, 0, 0]])


def test_clipping_keeps_the_border_pixels():
    boxes = torch.tensor([[-3.0, 2, 12, 9], [20, 20, 30, 30]])
    assert clip_boxes_inclusive(boxes, (8, 10)).tolist() == [[0, 2, 9, 7], [9, 7, 9, 7]]


def test_jitter_enlarges_by_the_mean_of_its_range_and_stays_inside():
    torch.manual_seed(0)
    boxes = torch.tensor([[100.0, 120, 199, 159]]).repeat(20000, 1)
    moved = jitter_boxes(boxes, (400, 400))
    sides = moved[:, 2:] - moved[:, :2] + 1
    torch.testing.assert_close(sides.mean(0), torch.tensor([105.0, 42.0]), rtol=2e-3, atol=0)
    assert sides[:, 0].min() >= 95 - 1e-3 and sides[:, 0].max() <= 115 + 1e-3
    centre = (moved[:, :2] + moved[:, 2:] + 1) / 2 - torch.tensor([150.0, 140.0])
    assert centre.abs().max(0).values.le(torch.tensor([5.0, 2.0]) + 1e-3).all()
    torch.testing.assert_close(centre.mean(0), torch.zeros(2), rtol=0, atol=0.1)
    assert jitter_boxes(boxes[:100], (150, 190)).max() <= 189


def test_no_jitter_gives_the_boxes_back():
    boxes = torch.tensor([[10.0, 20, 30, 40]])
    torch.testing.assert_close(jitter_boxes(boxes, (100, 100), scale=(1.0, 1.0), shift=0.0), boxes)
