import pytest
import torch

from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.mist_mining import _mist_seeds_static, mist_seeds
from wsod_mm.functional.refinement import assign_seeds

from .test_no_host_sync import SYNCHRONISE, Trace
from .test_pcl_mining import KINDS, assert_same, random_boxes

BOXES = torch.tensor([[0.0, 0, 9, 9], [1, 0, 10, 9], [20, 0, 29, 9], [40, 0, 49, 9]])
SCORES = torch.tensor([[0.9], [0.8], [0.7], [0.95]])


def one_by_one(boxes, scores, labels, top_fraction=0.15, nms_iou=0.2, max_per_class=None):
    """With lists; returns (row, class) of every seed."""
    ious, found = bbox_overlaps_inclusive(boxes, boxes), []
    for c in range(len(labels)):
        order = sorted(range(len(boxes)), key=lambda r: (-scores[r, c].item(), r))  # noqa: B023
        kept = []
        for r in order[: max(int(len(boxes) * top_fraction), 1)] if labels[c] else []:
            if all(ious[r, k] < nms_iou for k in kept) and len(kept) != max_per_class:
                kept.append(r)
        found += [(r, c + 1) for r in kept]
    return found


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'arguments',
    [{}, dict(top_fraction=1.0), dict(top_fraction=0.5, nms_iou=0.5, max_per_class=3), dict(max_per_class=20)],
    ids=str,
)
def test_equals_one_by_one(kind, arguments):
    for seed in range(18):
        torch.manual_seed(seed)
        n = (1, 2, 7, 30, 60, 90)[seed % 6]
        boxes, scores = random_boxes(n, duplicates=seed % 4 == 0), KINDS[kind](n, 3)
        labels = torch.tensor([1.0, seed % 2, 1])
        seeds = mist_seeds(boxes, scores, labels, **arguments)
        expected = one_by_one(boxes, scores.clamp(1e-9, 1 - 1e-9), labels, **arguments)
        assert list(zip(seeds.indices.tolist(), seeds.labels.tolist(), strict=True)) == expected
        assert torch.equal(seeds.boxes, boxes[seeds.indices])
        assert torch.equal(seeds.scores, scores.clamp(1e-9, 1 - 1e-9)[seeds.indices, seeds.labels - 1])
        assert_same(seeds, _mist_seeds_static(boxes, scores, labels, **arguments))


def test_each_switch():
    rows = lambda **a: mist_seeds(BOXES, SCORES, torch.ones(1), **a).indices.tolist()  # noqa: E731
    assert rows() == [3]
    assert rows(top_fraction=1.0) == [3, 0, 2]
    assert rows(top_fraction=0.75) == [3, 0]
    assert rows(top_fraction=1.0, nms_iou=0.95) == [3, 0, 1, 2]
    assert rows(top_fraction=1.0, max_per_class=2) == [3, 0]
    assert mist_seeds(BOXES, SCORES, torch.ones(1), eps=0.1).scores.tolist() == pytest.approx([0.9])


def test_iou_at_the_limit_is_not_kept():
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 19, 9]])  # IoU .5
    scores = torch.tensor([[0.9], [0.8]])
    assert len(mist_seeds(boxes, scores, torch.ones(1), top_fraction=1.0, nms_iou=0.5).indices) == 1


def test_one_proposal_may_serve_two_classes():
    seeds = mist_seeds(BOXES, SCORES.expand(-1, 2), torch.ones(2))
    assert seeds.indices.tolist() == [3, 3] and seeds.labels.tolist() == [1, 2]


@pytest.mark.parametrize('mine', [mist_seeds, _mist_seeds_static])
def test_no_positive_class_gives_padding_that_can_be_assigned(mine):
    seeds = mine(BOXES, SCORES, torch.zeros(1))
    assert len(seeds.valid) >= 1 and not seeds.valid.any()
    assert not assign_seeds(BOXES, seeds).weights.any()


def test_static_shape():
    seeds = _mist_seeds_static(BOXES, SCORES.expand(-1, 3), torch.tensor([1, 0, 1]), top_fraction=1.0, max_per_class=6)
    assert seeds.labels.tolist() == [1] * 6 + [2] * 6 + [3] * 6
    assert seeds.valid.view(3, 6).sum(1).tolist() == [3, 0, 3]


def test_too_few_rounds_drop_what_is_undecided():
    corner = torch.arange(10.0)[:, None] * torch.tensor([4.0, 0])
    boxes, scores = torch.cat((corner, corner + 11), dim=1), torch.linspace(0.9, 0.1, 10)[:, None]
    full = _mist_seeds_static(boxes, scores, torch.ones(1), top_fraction=1.0)
    cut = _mist_seeds_static(boxes, scores, torch.ones(1), top_fraction=1.0, max_rounds=1)
    assert cut.indices[cut.valid].tolist() == full.indices[full.valid][: cut.valid.sum()].tolist()
    assert 0 < cut.valid.sum() < full.valid.sum()


@pytest.mark.parametrize('fraction', [0.0, 1.5])
def test_wrong_fraction(fraction):
    with pytest.raises(ValueError, match='top_fraction'):
        mist_seeds(BOXES, SCORES, torch.ones(1), top_fraction=fraction)


def test_no_proposal():
    with pytest.raises(ValueError, match='R >= 1'):
        mist_seeds(BOXES[:0], SCORES[:0], torch.ones(1))


def test_static_path_does_not_wait_for_the_device():
    with Trace() as trace:
        _mist_seeds_static(BOXES, SCORES, torch.ones(1), max_per_class=2)
    assert 'sort' in trace.names and not trace.names & SYNCHRONISE
