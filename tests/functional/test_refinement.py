import pytest
import torch

from wsod_mm.functional.mining import Seeds, top1_seeds
from wsod_mm.functional.refinement import assign_seeds, oicr_loss

# the first is the seed; IoU 1, .5 (exactly), .05, 0
BOXES = torch.tensor([[0.0, 0, 9, 9], [0, 0, 19, 9], [9, 0, 19, 9], [50, 50, 59, 59]])


def seeds_at(row: int, valid: bool = True) -> Seeds:
    return Seeds(BOXES[[row]], torch.tensor([2]), torch.tensor([0.8]), torch.tensor([row]), torch.tensor([valid]))


def test_threshold_is_inclusive_and_background_keeps_the_seed_score():
    assigned = assign_seeds(BOXES, seeds_at(0))
    assert assigned.labels.tolist() == [2, 2, 0, 0]
    assert assigned.seed_index.tolist() == [0, 0, -1, -1]
    torch.testing.assert_close(assigned.weights, torch.full((4,), 0.8))


def test_switches_change_labels_and_weights():
    assert assign_seeds(BOXES, seeds_at(0), fg_iou=0.6).labels.tolist() == [2, 0, 0, 0]
    weights = assign_seeds(BOXES, seeds_at(0), ignore_iou=0.1).weights
    torch.testing.assert_close(weights, torch.tensor([0.8, 0.8, 0.0, 0.0]))


def test_without_a_valid_seed_nothing_has_a_weight():
    assigned = assign_seeds(BOXES, seeds_at(0, valid=False))
    assert not assigned.labels.any() and not assigned.weights.any()


def test_padding_does_not_change_the_result():
    torch.manual_seed(0)
    boxes = torch.rand(30, 2).mul(80).repeat(1, 2) + torch.tensor([0.0, 0, 20, 20])
    seeds = top1_seeds(boxes, torch.rand(30, 5), torch.tensor([0, 1, 0, 1, 0]))
    packed = Seeds(*(field[seeds.valid] for field in seeds))
    padded, short = assign_seeds(boxes, seeds), assign_seeds(boxes, packed)
    assert torch.equal(padded.labels, short.labels) and torch.equal(padded.weights, short.weights)


def test_norm_valid_divides_by_the_rows_with_a_weight():
    probs = torch.rand(4, 3).softmax(1)
    labels, weights = torch.tensor([0, 1, 2, 0]), torch.tensor([0.5, 1.0, 0.0, 0.0])
    everything = oicr_loss(probs, labels, weights)
    torch.testing.assert_close(oicr_loss(probs, labels, weights, norm='valid'), everything * 2)
    assert oicr_loss(probs, labels, weights * 0, norm='valid') == 0


def test_loss_by_hand():
    probs = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    loss = oicr_loss(probs, torch.tensor([1, 0]), torch.tensor([1.0, 0.5]), eps=0)
    expected = -(torch.tensor(0.8).log() + 0.5 * torch.tensor(0.5).log()) / 2
    torch.testing.assert_close(loss, expected)


def test_unknown_norm():
    with pytest.raises(ValueError, match="'some'"):
        oicr_loss(torch.ones(1, 2), torch.zeros(1, dtype=torch.long), torch.ones(1), norm='some')
