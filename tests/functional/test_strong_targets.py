"""Targets of anchors and RoIs from weighted pseudo ground truth, and RPN proposals."""

import pytest
import torch

from wsod_mm.functional.anchor_targets import anchor_targets, reference_weight_order, sample_anchors
from wsod_mm.functional.anchors import grid_anchors, rounded_base_anchors
from wsod_mm.functional.caffe_box_coder import clip_boxes_caffe, decode_boxes_caffe, encode_boxes_caffe
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.proposal_targets import proposal_targets, sample_rois
from wsod_mm.functional.refinement import nearest_seeds
from wsod_mm.functional.rpn_proposals import rpn_proposals
from wsod_mm.functional.two_branch_detection import best_detections, duplicate_groups, spread_duplicates

SIZE = (80, 96)


def seeds(boxes, scores=None, valid=None):
    boxes = torch.tensor(boxes, dtype=torch.float32)
    rows = torch.arange(len(boxes))
    scores = torch.linspace(0.2, 0.4, len(boxes)) if scores is None else torch.tensor(scores)
    valid = torch.ones(len(boxes), dtype=torch.bool) if valid is None else torch.tensor(valid)
    return Seeds(boxes, rows + 1, scores, rows, valid)


@pytest.fixture
def anchors():
    return grid_anchors(rounded_base_anchors(scales=(1, 2)), 5, 6)


BOXES = [[10.0, 10, 40, 40], [50, 20, 80, 60], [60, 60, 66, 66]]


def test_padding_changes_nothing(anchors):
    plain = anchor_targets(anchors, seeds(BOXES), SIZE, number=None)
    padded = anchor_targets(
        anchors, seeds([*BOXES, BOXES[0]], [0.2, 0.3, 0.4, 0.0], [True, True, True, False]), SIZE, number=None
    )
    assert torch.equal(plain.labels, padded.labels) and torch.equal(plain.deltas, padded.deltas)
    assert (plain.labels == 1).any() and (plain.labels == 0).any() and (plain.labels == -1).any()


def test_without_pseudo_boxes_or_anchors(anchors):
    nothing = anchor_targets(anchors, seeds(BOXES, valid=[False] * 3), SIZE)
    assert (nothing.labels == -1).all() and not nothing.weights.any()
    outside = anchor_targets(anchors, seeds(BOXES), (4, 4))
    assert (outside.labels == -1).all() and not outside.weights.any() and not outside.deltas.any()
    empty = anchor_targets(anchors[:0], seeds(BOXES), SIZE)
    assert len(empty.labels) == 0


def test_a_box_that_touches_no_anchor(anchors):
    far = seeds([[200.0, 200, 210, 210]])
    assert (anchor_targets(anchors, far, SIZE, number=None).labels == 1).sum() > 50  # as in the public code
    found = anchor_targets(anchors, far, SIZE, number=None, min_best_iou=0.05)
    assert not (found.labels == 1).any() and (found.labels == 0).any()


def test_border(anchors):
    inner, all_of_them = (anchor_targets(anchors, seeds(BOXES), SIZE, number=None, border=b) for b in (0, 100))
    assert (all_of_them.labels >= 0).sum() > (inner.labels >= 0).sum()


def test_sampled_anchors_are_those_with_the_largest_noise():
    labels = torch.tensor([1, 0, -1, 1, 0, 1, 0, 0])
    noise = torch.tensor([0.1, 0.9, 1.0, 0.8, 0.2, 0.7, 0.6, 0.3])
    assert sample_anchors(labels, 4, 0.5, noise).tolist() == [-1, 0, -1, 1, -1, 1, 0, -1]
    assert sample_anchors(labels, 6, 0.2, noise).tolist() == [-1, 0, -1, 1, 0, -1, 0, 0]
    assert torch.equal(sample_anchors(labels, 100), labels)
    torch.manual_seed(0)
    drawn = torch.stack([sample_anchors(labels, 4) for _ in range(200)])
    assert ((drawn == 1).sum(1) == 2).all() and ((drawn == 0).sum(1) == 2).all() and (drawn[:, 2] == -1).all()
    assert ((drawn == 1).float().mean(0)[[0, 3, 5]] - 2 / 3).abs().max() < 0.15
    with pytest.raises(ValueError, match='noise'):
        sample_anchors(labels, 4, 0.5, noise[:3])


def test_reference_weight_order():
    rows, columns, number = 2, 3, 4
    weights = torch.rand(rows * columns * number)
    found = reference_weight_order(weights, number).view(rows, columns, number)
    for y in range(rows):
        for x in range(columns):
            for a in range(number):
                assert found[y, x, a] == weights[a * rows * columns + y * columns + x]


def rois(count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 50
    return torch.cat((corner, corner + 10 + 25 * torch.rand(count, 2, generator=generator)), dim=1)


def test_rois_are_sampled_as_told():
    ious = torch.tensor([0.9, 0.1, 0.6, 0.3, 0.7, 0.0])
    found = sample_rois(ious, 4, 0.5, noise=torch.tensor([0.1, 0.2, 0.9, 0.8, 0.5, 0.4]), draws=torch.zeros(4))
    assert found.rows.tolist() == [2, 4, 3, 5] and found.foreground.tolist() == [True, True, False, False]
    # too little background: with replacement, slot s takes candidate floor(draw * n)
    draws = torch.tensor([0.0, 0, 0, 0.99, 0.5, 0.34, 0.0, 0.67])
    found = sample_rois(ious, 8, 0.25, noise=torch.tensor([0.1, 0.2, 0.9, 0.8, 0.5, 0.4]), draws=draws)
    assert found.rows.tolist() == [2, 4, 3, 1, 5, 5, 3, 1] and found.foreground.sum() == 2
    foreground, background = (sample_rois(torch.full((3,), v), 10) for v in (0.8, 0.2))
    assert foreground.foreground.all() and not background.foreground.any() and background.valid.all()
    assert set(foreground.rows.tolist()) <= {0, 1, 2}
    nothing = sample_rois(torch.full((3,), -1.0), 10)
    assert not nothing.valid.any() and not nothing.foreground.any()
    low = sample_rois(ious, 6, bg_iou=(0.2, 0.5))
    assert low.rows[~low.foreground].unique().tolist() == [3]


def test_targets_of_rois():
    boxes, found = rois(), seeds(BOXES)
    samples = sample_rois(nearest_seeds(boxes, found)[0], 32, fg_iou=0.3, bg_iou=(0.0, 0.3))
    assert samples.foreground.any() and not samples.foreground.all()
    targets = proposal_targets(boxes, found, samples)
    nearest = nearest_seeds(boxes[samples.rows], found)[1]
    foreground = samples.foreground
    assert torch.equal(targets.labels, torch.where(foreground, nearest + 1, 0))
    assert torch.equal(targets.weights, torch.where(foreground, found.scores[nearest], 1.0))
    decoded = decode_boxes_caffe(boxes[samples.rows], targets.deltas, (0.1, 0.1, 0.2, 0.2)) - torch.tensor(
        [0.0, 0, 1, 1]
    )
    torch.testing.assert_close(decoded, found.boxes[nearest], rtol=1e-4, atol=1e-3)
    none = seeds(BOXES, valid=[False] * 3)
    samples = sample_rois(nearest_seeds(boxes, none)[0], 32)
    assert not proposal_targets(boxes, none, samples).weights.any()


def test_coder():
    boxes, other = rois(20, 1), rois(20, 2)
    deltas = encode_boxes_caffe(boxes, other, (0.1, 0.1, 0.2, 0.2))
    torch.testing.assert_close(encode_boxes_caffe(boxes, other) / torch.tensor([0.1, 0.1, 0.2, 0.2]), deltas)
    torch.testing.assert_close(decode_boxes_caffe(boxes, torch.zeros(20, 4))[:, :2], boxes[:, :2])
    torch.testing.assert_close(decode_boxes_caffe(boxes, torch.zeros(20, 8))[:, 6:], boxes[:, 2:] + 1)
    assert decode_boxes_caffe(boxes.double(), deltas).dtype == torch.float64
    wide = decode_boxes_caffe(boxes, torch.tensor([0.0, 0, 100, 100]).expand(20, 4))
    assert torch.equal(clip_boxes_caffe(wide, (50, 60)), torch.tensor([0.0, 0, 59, 49]).expand(20, 4))
    with pytest.raises(ValueError, match='decoding needs'):
        decode_boxes_caffe(boxes, deltas[:3])


def test_proposals_are_limited_before_and_after_nms(anchors):
    scores = torch.rand(len(anchors), generator=torch.Generator().manual_seed(0))
    all_boxes, all_scores = rpn_proposals(scores, torch.zeros(len(anchors), 4), anchors, SIZE, nms_iou=0.4)
    boxes, some = rpn_proposals(scores, torch.zeros(len(anchors), 4), anchors, SIZE, post_nms=5, nms_iou=0.4)
    assert torch.equal(boxes, all_boxes[:5]) and torch.equal(some, all_scores[:5])
    assert (all_scores.diff() <= 0).all() and len(all_scores) < len(scores)
    few, _ = rpn_proposals(scores, torch.zeros(len(anchors), 4), anchors, SIZE, pre_nms=3)
    assert len(few) <= 3
    with pytest.raises(ValueError, match='proposals need'):
        rpn_proposals(scores, torch.zeros(3, 4), anchors, SIZE)


def test_best_detections():
    boxes, scores = rois(30), torch.rand(30, 3, generator=torch.Generator().manual_seed(3))
    found, values, labels = best_detections(boxes, scores, 0.2, 0.3, 7)
    assert len(values) == 7 and (values > 0.2).all() and (labels.diff() >= 0).all()
    everything = best_detections(boxes[:, None].expand(-1, 3, 4), scores, 0.2, 0.3, 0)
    assert torch.equal(everything[1].topk(7).values.sort().values, values.sort().values)
    # equal to the last one: they stay
    tied = best_detections(
        torch.arange(5.0)[:, None] * 100 + torch.tensor([0.0, 0, 9, 9]), torch.full((5, 1), 0.5), max_per_img=2
    )
    assert len(tied[1]) == 5
    assert [len(x) for x in best_detections(boxes, scores, 2.0)] == [0, 0, 0]
    assert [len(x) for x in best_detections(boxes[:0], scores[:0])] == [0, 0, 0]


def test_duplicates():
    boxes = torch.tensor([[16.0, 16, 64, 64], [0, 0, 32, 32], [17, 15, 66, 63]]).numpy()
    rows, groups = duplicate_groups(boxes)
    assert rows.tolist() == [1, 0] and groups.tolist() == [1, 0, 1]
    scores = torch.tensor([[0.2], [0.4]])
    found = spread_duplicates([scores, scores + 0.2], torch.from_numpy(groups))
    torch.testing.assert_close(found, torch.tensor([[0.5], [0.3], [0.5]]))
