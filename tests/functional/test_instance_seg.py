"""Instances of IRN: where cells go, which belong together, and what is left of them."""

import math

import pytest
import torch

from wsod_mm.functional.instance_seg import (
    cluster_centroids,
    detect_instances,
    find_instances,
    instance_scores,
    instance_shapes,
    refine_centroids,
)


def towards(points, height=12, width=16):
    """Displacements towards the nearest of some points."""
    cells = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')).float()
    ways = torch.tensor(points).float()[:, :, None, None] - cells
    nearest = ways.square().sum(1).argmin(0)
    return ways.gather(0, nearest[None, None].expand(1, 2, -1, -1))[0], nearest


def follow(field, iterations):
    """Cell by cell."""
    _, height, width = field.shape
    ends = torch.zeros(2, height, width, dtype=torch.int64)
    for y in range(height):
        for x in range(width):
            p = [float(y), float(x)]
            for _ in range(iterations):
                (y0, x0), (y1, x1) = map(math.floor, p), map(math.ceil, p)
                v, u = p[0] - y0, p[1] - x0
                d = [
                    float((1 - v) * ((1 - u) * c[y0, x0] + u * c[y0, x1]) + v * ((1 - u) * c[y1, x0] + u * c[y1, x1]))
                    for c in field
                ]
                p = [min(max(a + b, 0.0), n - 1.0) for a, b, n in zip(p, d, (height, width), strict=True)]
            ends[:, y, x] = torch.tensor([round(a) for a in p])
    return ends


@pytest.mark.parametrize('iterations', [0, 1, 4])
def test_cells_follow_bilinear_displacements(iterations):
    field = torch.randn(2, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) * 2
    assert torch.equal(refine_centroids(field, iterations), follow(field, iterations))


def test_cells_end_at_their_centroid_and_inside_the_map():
    field, _ = towards([(5, 4)])
    assert torch.equal(refine_centroids(field)[:, ::3, ::3].flatten(1).unique(dim=1), torch.tensor([[5], [4]]))
    assert not torch.equal(refine_centroids(field / 3, 1), refine_centroids(field / 3))
    outside = refine_centroids(torch.full((2, 4, 5), 100.0))
    assert (outside[0] == 3).all() and (outside[1] == 4).all()
    with pytest.raises(ValueError, match=r'\[2, h, w\]'):
        refine_centroids(field[:1])


def test_clusters_are_those_of_the_nearest_centroid():
    field, nearest = towards([(5, 3), (6, 12)])
    clusters = cluster_centroids(refine_centroids(field, 1), field)
    assert clusters.dtype == torch.bool and torch.equal(clusters, nearest == torch.arange(2)[:, None, None])
    # a radius that reaches from one centroid to the other makes them one
    assert len(cluster_centroids(refine_centroids(field, 1), field, threshold=50)) == 1


def test_cells_that_end_nowhere_are_one_cluster_and_the_first():
    field, nearest = towards([(5, 3), (6, 12)])
    field[:, nearest == 1] = 9.0
    clusters = cluster_centroids(refine_centroids(field, 1), field)
    assert torch.equal(clusters.sum(0), torch.ones(12, 16, dtype=torch.int64))
    assert torch.equal(clusters[1], nearest == 0) and torch.equal(clusters[0], nearest == 1)
    nowhere = torch.full((2, 4, 5), 9.0)
    assert cluster_centroids(refine_centroids(nowhere), nowhere).tolist() == torch.ones(1, 4, 5).bool().tolist()


def test_components_touch_at_sides_and_are_in_row_major_order():
    shapes = torch.tensor([[[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 1, 0]]]).bool()
    scores = torch.arange(12.0).view(1, 3, 4) / 12
    found = detect_instances(scores, shapes, torch.tensor([6]))
    assert [mask.nonzero().tolist() for mask in found.masks] == [[[0, 3]], [[1, 0]], [[2, 1], [2, 2]]]
    torch.testing.assert_close(found.scores, torch.tensor([3.0, 4.0, 10.0]) / 12)
    assert found.labels.tolist() == [6, 6, 6]
    assert [t.dtype for t in found] == [torch.float32, torch.int64, torch.bool]


def test_small_fragments_have_no_score_or_are_dropped():
    shapes = torch.zeros(2, 10, 10, dtype=torch.bool)
    shapes[0, 2, 2:4] = True
    shapes[1, 5:8, 5:8] = True
    shapes[1, 0, 0] = True
    scores = torch.full((2, 10, 10), 0.5, dtype=torch.float64)
    labels = torch.tensor([1, 8])
    whole = detect_instances(scores, shapes, labels, min_area=0.02)
    assert whole.scores.tolist() == [0.5, 0, 0.5] and whole.labels.tolist() == [1, 8, 8]
    kept = detect_instances(scores, shapes, labels, min_area=0.02, drop_zero=True)
    assert kept.scores.tolist() == [0.5, 0.5] and kept.labels.tolist() == [1, 8]
    assert torch.equal(kept.masks, whole.masks[[0, 2]])
    assert detect_instances(scores, shapes, labels, min_area=0).scores.tolist() == [0.5] * 3


def test_shapes_are_where_a_plane_is_largest():
    scores = torch.tensor([[0.1, 0.25, 0.4, 0.6], [0.2, 0.1, 0.4, 0.7]])[:, None]
    assert instance_shapes(scores).tolist() == [[[False, False, True, False]], [[False, False, False, True]]]
    assert not instance_shapes(scores, 0.7).any()


def test_instances_of_an_image():
    field, nearest = towards([(5, 3), (6, 12)])
    edge = torch.zeros(12, 16)
    edge[:, 7:9] = 0.9
    cam = torch.ones(1, 12, 16)
    found = find_instances(cam, torch.tensor([14]), field, edge, (45, 62), iterations=1)
    assert found.labels.tolist() == [14, 14] and found.masks.shape == (2, 45, 62)
    assert found.masks[0, 20, 10] and found.masks[1, 20, 50] and not (found.masks[0] & found.masks[1]).any()
    clusters = cluster_centroids(refine_centroids(field, 1), field)
    scores = instance_scores(torch.rand(2, 12, 16), clusters, edge, (45, 62))
    assert scores.shape == (4, 45, 62) and scores.dtype == torch.float32 and scores.max() == 1


@pytest.mark.parametrize('classes', [0, 1, 3])
def test_nothing_found_is_empty_arrays(classes):
    field, _ = towards([(5, 3)])
    cam = torch.zeros(classes, 12, 16)
    found = find_instances(cam, torch.arange(classes), field, torch.rand(12, 16), (47, 64))
    assert [tuple(t.shape) for t in found] == [(0,), (0,), (0, 47, 64)]
    assert [t.dtype for t in found] == [torch.float32, torch.int64, torch.bool]


def test_what_does_not_fit():
    with pytest.raises(ValueError, match='needs scores and shapes'):
        detect_instances(torch.rand(2, 4, 5), torch.ones(1, 4, 5, dtype=torch.bool), torch.tensor([1, 2]))
