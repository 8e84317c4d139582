import pytest
import torch

from wsod_mm.functional.mining import top1_seeds

BOXES = torch.tensor([[0.0, 0, 9, 9], [5, 5, 20, 20], [30, 30, 40, 40]])


def test_best_proposal_of_every_positive_class():
    scores = torch.tensor([[0.1, 0.9, 0.2], [0.7, 0.1, 0.9], [0.2, 0.3, 0.1]])
    seeds = top1_seeds(BOXES, scores, torch.tensor([1, 0, 1]))
    assert seeds.valid.tolist() == [True, False, True]
    assert seeds.labels.tolist() == [1, 2, 3]
    assert seeds.indices[0] == 1
    assert seeds.indices[2] == 0, 'row 1 was taken by the first class'
    torch.testing.assert_close(seeds.boxes[0], BOXES[1])


def test_an_absent_class_takes_nothing_away():
    scores = torch.tensor([[0.1, 0.2], [0.7, 0.9], [0.2, 0.3]])
    assert top1_seeds(BOXES, scores, torch.tensor([0, 1])).indices[1] == 1


def test_inputs_are_not_modified_and_there_is_no_gradient():
    scores = torch.rand(3, 2, requires_grad=True)
    before = scores.detach().clone()
    seeds = top1_seeds(BOXES, scores, torch.ones(2))
    assert torch.equal(scores, before) and not seeds.scores.requires_grad


def test_more_classes_than_proposals_leaves_seeds_without_weight():
    seeds = top1_seeds(BOXES[:1], torch.rand(1, 3) + 0.1, torch.ones(3))
    assert seeds.scores[0] > 0 and seeds.scores[1:].tolist() == [0, 0]


def test_no_proposal_is_an_error():
    with pytest.raises(ValueError, match='R >= 1'):
        top1_seeds(BOXES[:0], torch.zeros(0, 2), torch.ones(2))
