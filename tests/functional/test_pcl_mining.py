import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from wsod_mm.functional import pcl_mining
from wsod_mm.functional.boxes import bbox_overlaps_inclusive, overlaps_numpy
from wsod_mm.functional.clustering import top_cluster
from wsod_mm.functional.pcl_mining import _pcl_seeds_static, pcl_seeds
from wsod_mm.functional.refinement import assign_seeds

from .test_no_host_sync import SYNCHRONISE, Trace

KINDS = {
    'uniform': lambda n, c: torch.rand(n, c),
    'many ties': lambda n, c: torch.randint(0, 5, (n, c)) / 4,
    'peaked': lambda n, c: torch.randn(n, c).mul(3).softmax(0),
    'all equal': lambda n, c: torch.full((n, c), 0.3),
}


def random_boxes(n, spread=200.0, duplicates=False):
    corner = torch.rand(n, 2) * spread
    boxes = torch.cat((corner, corner + torch.rand(n, 2) * 120 + 8), dim=1).round()
    return boxes[torch.randint(0, n, (n,))] if duplicates else boxes


def static(boxes, scores, labels, **arguments):
    return _pcl_seeds_static(boxes, scores, labels, range(len(labels)), **arguments)


def assert_same(seeds, padded):
    for name in seeds._fields:
        assert torch.equal(getattr(seeds, name)[seeds.valid], getattr(padded, name)[padded.valid]), name


def one_by_one(boxes, scores, labels, graph_iou=0.4, max_per_class=5, min_left=5):
    """The three steps with lists; returns (row, class, score) of every centre."""
    near = bbox_overlaps_inclusive(boxes, boxes) > graph_iou
    pool, found = list(range(len(boxes))), []
    for c in range(len(labels)):
        if not labels[c] or not pool:
            continue
        chosen = top_cluster(scores[pool, c]).tolist()
        live = [r for r, yes in zip(pool, chosen, strict=True) if yes]
        centres = []
        while not centres or len(live) > min_left:
            around = {r: [s for s in live if near[r, s] or r == s] for r in live}
            centre = max(live, key=lambda r: (len(around[r]), r))
            score = max(scores[s, c].item() for s in around[centre])
            centres.append((score, len(centres), centre))
            live = [r for r in live if r not in around[centre]]
        for score, _, centre in sorted(centres, reverse=True)[:max_per_class]:
            found.append((centre, c + 1, score))
            pool.remove(centre)
    return found


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('arguments', [{}, dict(graph_iou=0.1, max_per_class=2, min_left=0)], ids=str)
def test_equals_one_by_one(kind, arguments):
    for seed in range(24):
        torch.manual_seed(seed)
        n = (1, 2, 5, 12, 30, 60)[seed % 6]
        boxes, scores = random_boxes(n, duplicates=seed % 4 == 0), KINDS[kind](n, 3).clamp(1e-9, 1)
        labels = torch.tensor([1.0, seed % 2, 1])
        seeds = pcl_seeds(boxes, scores, labels, **arguments)
        expected = one_by_one(boxes, scores.clamp(max=1 - 1e-9), labels, **arguments)
        assert list(zip(seeds.indices.tolist(), seeds.labels.tolist(), seeds.scores.tolist(), strict=True)) == expected
        assert seeds.valid.all() and torch.equal(seeds.boxes, boxes[seeds.indices])
        assert_same(seeds, static(boxes, scores, labels, **arguments))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('spread', [20.0, 200.0, 3000.0])
def test_both_paths_agree_on_many_proposals(kind, spread):
    torch.manual_seed(0)
    boxes, scores, labels = random_boxes(250, spread), KINDS[kind](250, 4), torch.tensor([0, 1, 1, 0])
    assert_same(pcl_seeds(boxes, scores, labels), static(boxes, scores, labels))


def test_static_shape_and_columns():
    torch.manual_seed(0)
    boxes, scores, labels = random_boxes(30), torch.rand(30, 4), torch.tensor([0, 1, 0, 1])
    seeds = static(boxes, scores, labels, max_per_class=3)
    assert len(seeds.valid) == 12
    assert seeds.labels.tolist() == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert not seeds.valid[seeds.labels == 1].any() and not seeds.valid[seeds.labels == 3].any()
    few = _pcl_seeds_static(boxes, scores, labels, [1, 3], max_per_class=3)
    assert len(few.valid) == 6
    for name in seeds._fields:
        assert torch.equal(getattr(few, name)[few.valid], getattr(seeds, name)[seeds.valid]), name


def test_too_few_rounds_leave_out_the_small_clusters():
    # a chain where each box is near the next; what is alone is a centre at once
    corner = torch.arange(12.0)[:, None] * torch.tensor([4.0, 0])
    boxes, scores = torch.cat((corner, corner + 11), dim=1), torch.full((12, 1), 0.5)
    full = static(boxes, scores, torch.ones(1), min_left=0)
    cut = static(boxes, scores, torch.ones(1), min_left=0, max_rounds=1)
    assert 0 < cut.valid.sum() < full.valid.sum()
    assert set(cut.indices[cut.valid].tolist()) < set(full.indices[full.valid].tolist())


def test_leftovers_are_ignored_and_a_centre_has_the_best_score_around_it():
    near = torch.tensor([[0.0, 0, 9, 9]] * 3)
    far = torch.tensor([[100.0 * i, 100, 100 * i + 9, 109] for i in range(1, 6)])
    boxes, scores = torch.cat((near, far)), torch.tensor([0.9, 0.8, 0.85] + [0.89] * 5)[:, None]
    # all in one cluster of equally high scores: add a low and a middle one elsewhere
    boxes = torch.cat((boxes, torch.tensor([[900.0, 0, 909, 9], [900, 50, 909, 59]])))
    scores = torch.cat((scores, torch.tensor([[0.1], [0.4]])))
    seeds = pcl_seeds(boxes, scores, torch.ones(1))
    assert seeds.indices.tolist() == [2] and seeds.scores.tolist() == pytest.approx([0.9])
    more = pcl_seeds(boxes, scores, torch.ones(1), min_left=4)
    # equal numbers of neighbours: the last row
    assert more.indices.tolist() == [2, 7]


def test_centres_are_withdrawn_from_later_classes():
    torch.manual_seed(0)
    scores = torch.rand(40, 1).expand(-1, 3)
    seeds = pcl_seeds(random_boxes(40), scores, torch.ones(3))
    assert len(seeds.indices.unique()) == len(seeds.indices)


@pytest.mark.parametrize('mine', [pcl_seeds, static])
def test_no_positive_class_gives_padding_that_can_be_assigned(mine):
    boxes = random_boxes(6)
    seeds = mine(boxes, torch.rand(6, 2), torch.zeros(2))
    assert len(seeds.valid) >= 1 and not seeds.valid.any()
    assigned = assign_seeds(boxes, seeds)
    assert not assigned.labels.any() and not assigned.weights.any()


@pytest.mark.parametrize('mine', [pcl_seeds, static])
def test_more_classes_than_proposals(mine):
    seeds = mine(random_boxes(1), torch.rand(1, 3), torch.ones(3))
    assert seeds.labels[seeds.valid].tolist() == [1]


@pytest.mark.parametrize('mine', [pcl_seeds, static])
def test_boxes_without_area(mine):
    boxes = torch.tensor([[5.0, 5, 4, 4]]).repeat(8, 1)
    seeds = mine(boxes, torch.full((8, 1), 0.5), torch.ones(1))
    assert seeds.indices[seeds.valid].tolist() == [5, 6, 7]


def test_inputs_are_not_modified_and_there_is_no_gradient():
    scores = torch.rand(9, 2, requires_grad=True)
    before = scores.detach().clone()
    seeds = pcl_seeds(random_boxes(9), scores, torch.ones(2))
    assert torch.equal(scores, before) and not seeds.scores.requires_grad


def test_wrong_shapes():
    with pytest.raises(ValueError, match='R >= 1'):
        pcl_seeds(random_boxes(3), torch.rand(4, 2), torch.ones(2))


def test_numpy_overlaps_are_the_same_bits():
    torch.manual_seed(0)
    boxes = random_boxes(50) / 3
    np.testing.assert_array_equal(overlaps_numpy(boxes), bbox_overlaps_inclusive(boxes, boxes).numpy())


def test_static_path_does_not_wait_for_the_device():
    boxes, scores, labels = random_boxes(20), torch.rand(20, 3), torch.tensor([0, 1, 1])
    with Trace() as trace:
        static(boxes, scores, labels)
    assert 'sort' in trace.names and not trace.names & SYNCHRONISE


def test_same_seeds_as_the_literal_version(monkeypatch):
    pytest.importorskip('sklearn')
    folder = Path(pcl_mining.__file__).parents[2] / 'tools' / 'benchmarks'
    if not folder.is_dir():
        pytest.skip('not a source checkout')
    monkeypatch.setattr(sys, 'path', [str(folder), *sys.path])
    from literal.pcl_sklearn import pcl_centres

    torch.manual_seed(1)
    boxes, scores, labels = random_boxes(300), torch.rand(300, 3), torch.tensor([1, 0, 1])
    seeds = pcl_seeds(boxes, scores, labels)
    rows, classes, values = pcl_centres(boxes.numpy(), scores.numpy(), labels.numpy())
    assert seeds.indices.tolist() == rows.tolist() and seeds.labels.tolist() == classes.tolist()
    np.testing.assert_allclose(seeds.scores.numpy(), values, rtol=1e-6)
