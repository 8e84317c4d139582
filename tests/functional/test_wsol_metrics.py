"""MaxBoxAcc, its sweep of thresholds, top-k localisation and PxAP, beside plain loops."""

import cv2
import numpy as np
import pytest
import torch

from wsod_mm.functional.pxap import pxap, pxap_edges, pxap_gt_mask, pxap_histograms
from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes
from wsod_mm.functional.wsol_metrics import (
    box_hits,
    centre_scoremap,
    max_box_acc,
    resize_boxes,
    topk_contains,
    wsol_iou,
)


def boxes_at(scoremap, tau):
    """All boxes and that of the largest contour at one threshold, straight from OpenCV."""
    u = (scoremap * 255).astype(np.uint8)
    mask = (u > int(tau * np.max(u))).astype(np.uint8) * 255
    contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[-2]
    if not contours:
        return [(0, 0, 0, 0)], (0, 0, 0, 0)
    height, width = u.shape

    def box(contour):
        x, y, w, h = cv2.boundingRect(contour)
        return x, y, min(x + w, width - 1), min(y + h, height - 1)

    return [box(c) for c in contours], box(max(contours, key=cv2.contourArea))


def some_maps():
    rng = np.random.default_rng(0)
    yield cv2.resize(rng.random((5, 4)), (40, 30), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    yield rng.random((12, 17)) ** 3  # noise: many contours, ties and thin ones
    yield (rng.random((15, 15)) > 0.8) * 1.0
    yield np.zeros((6, 5))
    yield np.ones((6, 5))
    yield rng.random((1, 1)) * 0.5
    yield rng.random((9, 9)).astype(np.float32) * 0.3


@pytest.mark.parametrize('thresholds', [cam_thresholds(0.001), cam_thresholds(0.1), np.array([0.5, 0, 1, 0.5])])
def test_sweep_is_a_search_per_threshold(thresholds):
    for scoremap in some_maps():
        sweep = sweep_boxes(scoremap, thresholds)
        known = {}
        for tau, single, multi in zip(thresholds, sweep.single(), sweep.multi(), strict=True):
            key = int(tau * int((scoremap * 255).astype(np.uint8).max()))
            known[key] = known.get(key) or boxes_at(scoremap, tau)
            assert tuple(single) == known[key][1]
            assert list(map(tuple, multi)) == known[key][0]
        assert len(sweep.counts) <= min(256, len(thresholds))


def test_few_masks_need_few_searches():
    two_levels = np.zeros((8, 8))
    two_levels[2:4, 2:4], two_levels[5, 5] = 0.4, 1
    assert len(sweep_boxes(two_levels, cam_thresholds(0.001)).counts) == 2
    assert len(sweep_boxes(torch.from_numpy(two_levels), np.array([0.1])).counts) == 1


def test_hits_by_loops():
    rng = np.random.default_rng(1)
    thresholds, overlaps = cam_thresholds(0.05), (0.3, 0.5, 0.7)
    for scoremap in some_maps():
        height, width = scoremap.shape
        corners = np.sort(rng.integers(0, (width, height), (2, 2, 2)), axis=1)  # box, corner, xy
        gt = corners.reshape(2, 4)
        single, multi = box_hits(sweep_boxes(scoremap, thresholds), gt, overlaps)
        for t, tau in enumerate(thresholds):
            boxes, largest = boxes_at(scoremap, tau)
            for d, overlap in enumerate(overlaps):
                assert single[d, t] == (wsol_iou(np.array([largest]), gt).max() >= overlap)
                assert multi[d, t] == (wsol_iou(np.array(boxes), gt).max() >= overlap)


def test_iou_by_pixels():
    rng = np.random.default_rng(2)
    boxes = np.sort(rng.integers(0, 9, (12, 2, 2)), axis=1).reshape(-1, 4)
    areas = np.zeros((12, 9, 9), bool)
    for mask, (x1, y1, x2, y2) in zip(areas, boxes, strict=True):
        mask[y1 : y2 + 1, x1 : x2 + 1] = True
    both = (areas[:, None] & areas[None]).sum((2, 3)) / (areas[:, None] | areas[None]).sum((2, 3))
    np.testing.assert_allclose(wsol_iou(boxes, boxes), both)
    assert wsol_iou(boxes[:0], boxes).shape == (0, 12)


def test_boxes_are_truncated_when_resized():
    out = resize_boxes(np.array([[10, 20, 99, 199]]), (100, 200))
    assert out.tolist() == [[22, 22, 221, 222]] and out.dtype == np.int64
    assert resize_boxes(np.array([[10, 20, 99, 199]]), (100, 200), (50, 10)).tolist() == [[5, 1, 49, 9]]


def test_one_threshold_for_the_whole_set():
    # two images that need different thresholds: each alone is right, both never
    thresholds = np.array([0.0, 0.5])
    counts = np.array([[1, 1], [1, 0], [0, 1]])
    result = max_box_acc(counts, 2, thresholds)
    assert result['score'] == 50 and result['acc'].tolist() == [50, 50, 50]
    assert result['threshold'].tolist() == [0, 0, 0.5]  # every overlap has its own
    assert max_box_acc(counts, 2, thresholds, version=1)['score'] == 50
    fixed = max_box_acc(counts, 2, thresholds, version=1, fixed=0.5)
    assert fixed['score'] == 0 and fixed['threshold'].tolist() == [0.5] * 3
    np.testing.assert_array_equal(result['curve'], counts * 50.0)


def test_counts_add_up_over_ranks():
    rng = np.random.default_rng(3)
    thresholds = cam_thresholds(0.02)
    maps = [cv2.resize(rng.random((4, 4)), (32, 32)) for _ in range(6)]
    gt = np.array([[4, 4, 25, 28]])
    hits = [box_hits(sweep_boxes(m, thresholds), gt)[1] for m in maps]
    ranks = [sum(part).astype(int) if len(part) else 0 for part in (hits[:2], hits[2:])]
    whole = max_box_acc(np.sum(hits, axis=0), 6, thresholds)
    assert max_box_acc(ranks[0] + ranks[1], 6, thresholds)['score'] == whole['score'] > 0


def test_topk():
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.5, 0.5], [0.3, 0.3, 0.4]])
    for k in (1, 2, 3):
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, :k]
        for label in range(3):
            labels = torch.full((3,), label)
            assert topk_contains(scores, labels, k).tolist() == (order == label).any(1).tolist()
    assert topk_contains(scores, scores.argmax(1), 1).all()


def test_centre_baseline_finds_centred_objects():
    centre = centre_scoremap(60, 80)
    assert centre.shape == (60, 80) and centre.min() == 0 and centre.max() == 1
    np.testing.assert_allclose(centre, centre[::-1, ::-1])
    hits = box_hits(sweep_boxes(centre, cam_thresholds(0.01)), np.array([[20, 15, 60, 45]]))
    assert all(each.any(axis=1).all() for each in hits)
    assert not hits[0].all() and not centre_scoremap(1, 1).any()
    assert not np.allclose(centre, centre_scoremap(60, 80, sigma=0.1))


def naive_pxap(values, truth, edges):
    """Precision and recall at every threshold, one after another."""
    area, before = 0.0, None
    for edge in edges[:-1][::-1]:
        inside = values >= edge
        tp, predicted = (inside & truth).sum(), inside.sum()
        recall = tp / truth.sum()
        if before is not None and predicted:
            area += tp / predicted * (recall - before)
        before = recall
    return 100 * area


@pytest.mark.parametrize('interval', [0.3, 0.05, 0.001])
def test_pxap_by_loops(interval):
    rng = np.random.default_rng(4)
    values, truth = rng.random((20, 30)), rng.random((20, 30)) > 0.6
    values = (values + truth).clip(0, 1.6) / 1.6
    values[0, :3] = (0, 1, 0.3)
    result = pxap(*pxap_histograms(values, truth, interval))
    assert result.score == pytest.approx(naive_pxap(values, truth, pxap_edges(interval)))
    assert len(result.precision) == len(result.recall) == len(pxap_edges(interval)) - 1


def test_pxap_histograms_add_up_and_leave_out_what_is_ignored():
    rng = np.random.default_rng(5)
    values, truth = rng.random((2, 10, 10)), rng.integers(0, 2, (2, 10, 10)).astype(np.uint8)
    parts = [pxap_histograms(v, t, 0.1) for v, t in zip(values, truth, strict=True)]
    whole = pxap_histograms(values.reshape(20, 10), truth.reshape(20, 10), 0.1)
    for k in (0, 1):
        np.testing.assert_array_equal(parts[0][k] + parts[1][k], whole[k])
    truth[0, :5] = 255
    assert sum(h.sum() for h in pxap_histograms(torch.from_numpy(values[0]), truth[0], 0.1)) == 50
    perfect = pxap(*pxap_histograms(truth[1] * 1.0, truth[1]))
    assert perfect.score == pytest.approx(100) and np.isnan(perfect.precision[0])


def test_gt_mask():
    a, b, ignore = np.zeros((3, 4, 6), np.uint8)
    a[0, 0], b[3, 5], ignore[0] = 255, 1, 1
    out = pxap_gt_mask([a, b], ignore, (6, 4))
    assert out[0].tolist() == [1, 255, 255, 255, 255, 255] and out[3, 5] == 1 and out[2].sum() == 0
    assert pxap_gt_mask([a], None, (12, 8))[:2, :2].sum() == 4


def test_errors():
    with pytest.raises(ValueError, match='interval'):
        cam_thresholds(0)
    with pytest.raises(ValueError, match='img1: values reach'):
        sweep_boxes(np.full((2, 2), 2.0), cam_thresholds(0.1), 'img1')
    with pytest.raises(ValueError, match='T >= 1'):
        sweep_boxes(np.ones((2, 2)), np.array([]))
    with pytest.raises(ValueError, match='T >= 1'):
        sweep_boxes(np.ones((2, 2)), np.array([1.2]))
    sweep = sweep_boxes(np.ones((2, 2)), np.array([0.5]))
    with pytest.raises(ValueError, match='no ground-truth box'):
        box_hits(sweep, np.zeros((0, 4)))
    with pytest.raises(ValueError, match=r'gt_boxes\[1\]'):
        box_hits(sweep, np.array([[0, 0, 1, 1], [3, 0, 1, 1]]))
    with pytest.raises(ValueError, match='shape'):
        wsol_iou(np.zeros(4), np.zeros((1, 4)))
    with pytest.raises(ValueError, match='positive'):
        resize_boxes(np.zeros((1, 4)), (0, 5))
    counts, taus = np.ones((3, 2)), np.array([0.1, 0.2])
    for args, kwargs, match in (
        ((counts[:2], 1, taus), {}, 'overlaps'),
        ((counts, 0, taus), {}, 'no accuracy'),
        ((counts * 3, 2, taus), {}, 'no accuracy'),
        ((counts, 1, taus), dict(version=3), 'version'),
        ((counts[:1], 1, taus, (0.3,)), dict(version=1), 'IoU 0.5'),
        ((counts, 1, taus), dict(fixed=0.3), 'not among'),
    ):
        with pytest.raises(ValueError, match=match):
            max_box_acc(*args, **kwargs)
    with pytest.raises(ValueError, match='k >= 1'):
        topk_contains(torch.rand(2, 3), torch.zeros(2).long(), 0)
    with pytest.raises(ValueError, match='sigma'):
        centre_scoremap(3, 3, 0)
    with pytest.raises(ValueError, match='at least one'):
        pxap_gt_mask([])
    with pytest.raises(ValueError, match='a mask must be'):
        pxap_gt_mask([np.zeros((2, 2, 3))])
    with pytest.raises(ValueError, match='pxap_gt_mask'):
        pxap_histograms(np.ones((2, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match='divide by 255'):
        pxap_histograms(np.ones((2, 2), np.uint8), np.ones((2, 2)))
    with pytest.raises(ValueError, match='not defined'):
        pxap(np.zeros(5), np.ones(5))
    with pytest.raises(ValueError, match='alike'):
        pxap(np.zeros(5), np.ones(4))
