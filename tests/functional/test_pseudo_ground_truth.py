import pytest
import torch

from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.nms import greedy_nms, nms_rows
from wsod_mm.functional.pseudo_ground_truth import pseudo_ground_truth


def boxes_and_scores(count=40, classes=4, seed=0, side=60.0):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * side
    boxes = torch.cat((corner, corner + 10 + 30 * torch.rand(count, 2, generator=generator)), dim=1)
    return boxes, torch.rand(count, classes, generator=generator)


def brute_force(boxes, scores, top_k, thr):
    """Greedy NMS of one class, one by one."""
    kept = []
    for row in scores.argsort(descending=True, stable=True)[:top_k].tolist():
        if all(bbox_overlaps_inclusive(boxes[row][None], boxes[k][None]).item() <= thr for k in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize('top_k', [1, 7, 50])
@pytest.mark.parametrize('thr', [0.0, 0.1, 0.5, 1.0])
def test_one_by_one(top_k, thr):
    boxes, scores = boxes_and_scores()
    scores[3] = scores[4]  # equal scores: the first row is first
    labels = torch.tensor([0.0, 1, 0, 1])
    seeds = pseudo_ground_truth(boxes, scores, labels, top_k, thr)
    expected = {c: brute_force(boxes, scores[:, c], top_k, thr) for c in (1, 3)}
    assert seeds.indices[seeds.valid].tolist() == expected[1] + expected[3]
    assert seeds.labels[seeds.valid].tolist() == [2] * len(expected[1]) + [4] * len(expected[3])
    rows, classes = seeds.indices[seeds.valid], seeds.labels[seeds.valid] - 1
    assert torch.equal(seeds.scores[seeds.valid], scores[rows, classes]) and torch.equal(
        seeds.boxes, boxes[seeds.indices]
    )
    assert len(seeds.valid) == 2 * top_k and (seeds.scores[~seeds.valid] == 0).all()
    # of a class the padding comes last
    for part in seeds.valid.view(2, top_k):
        assert (part.int().diff() <= 0).all()
    kept = nms_rows(boxes, scores[:, 1], thr)
    if top_k == 50:
        assert kept.tolist() == expected[1]


def test_no_label_and_one_proposal():
    boxes, scores = boxes_and_scores(1)
    none = pseudo_ground_truth(boxes, scores, torch.zeros(4))
    assert len(none.valid) == 50 and not none.valid.any() and not none.scores.any()
    one = pseudo_ground_truth(boxes, scores, torch.ones(4))
    assert one.valid.view(4, 50).sum(1).tolist() == [1] * 4


def test_nothing_flows_back():
    boxes, scores = boxes_and_scores()
    seeds = pseudo_ground_truth(boxes, scores.requires_grad_(), torch.ones(4))
    assert not seeds.scores.requires_grad


def test_many_lists_at_once():
    overlaps = torch.stack([bbox_overlaps_inclusive(b, b) for b in (boxes_and_scores(9, seed=s)[0] for s in (1, 2))])
    live = torch.ones(2, 9, dtype=torch.bool)
    live[1, 0] = False  # a padding row suppresses nothing
    found = greedy_nms(overlaps, live, 0.1)
    assert torch.equal(found[0], greedy_nms(overlaps[0], live[0], 0.1)) and not found[1, 0]
    assert torch.equal(found[1, 1:], greedy_nms(overlaps[1, 1:, 1:], live[1, 1:], 0.1))
    assert len(nms_rows(torch.zeros(0, 4), torch.zeros(0), 0.5)) == 0


def test_errors():
    boxes, scores = boxes_and_scores()
    with pytest.raises(ValueError, match='top_k'):
        pseudo_ground_truth(boxes, scores, torch.ones(4), top_k=0)
    with pytest.raises(ValueError, match='mining needs'):
        pseudo_ground_truth(boxes[:0], scores[:0], torch.ones(4))
