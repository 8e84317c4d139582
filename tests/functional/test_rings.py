"""Geometry of rings, and that it does not wait for the device."""

import pytest
import torch

from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.functional.rings import RINGS, ring_rectangles, ring_scales

ROIS = torch.tensor([[0, 10.0, 20.0, 50.0, 100.0], [1, 0.0, 0.0, 639.0, 479.0], [0, 7.0, 5.0, 7.0, 5.0]])


def test_by_hand():
    # centre (30, 60), half sides (20, 40)
    expected = {
        'roi': [0, 10, 20, 50, 100, 0, 0, 0, 0],
        'context': [0, -6, -12, 66, 132, 10, 20, 50, 100],
        'frame': [0, 10, 20, 50, 100, 30 - 20 / 1.8, 60 - 40 / 1.8, 30 + 20 / 1.8, 60 + 40 / 1.8],
    }
    for name, scales in RINGS.items():
        rects = ring_rectangles(ROIS, *scales)
        torch.testing.assert_close(rects[0], torch.tensor(expected[name], dtype=torch.float32))
        assert torch.equal(rects[:, 0], ROIS[:, 0])


def test_context_and_frame_have_one_shape():
    ratios = []
    for name in ('context', 'frame'):
        rects = ring_rectangles(ROIS[:2], *ring_scales(2.5)[name])
        outer, inner = rects[:, 3:5] - rects[:, 1:3], rects[:, 7:9] - rects[:, 5:7]
        ratios.append(outer / inner)
    torch.testing.assert_close(ratios[0], torch.full((2, 2), 2.5))
    torch.testing.assert_close(ratios[0], ratios[1])


def test_a_point_stays_a_point_and_no_boxes_stay_none():
    for scales in RINGS.values():
        rects = ring_rectangles(ROIS, *scales)[2]
        assert rects[1:5].tolist() == [7, 5, 7, 5]
        assert ring_rectangles(ROIS[:0], *scales).shape == (0, 9)


def test_mirrored_boxes_give_mirrored_rings():
    mirrored = ROIS.clone()
    mirrored[:, [1, 3]] = 639 - ROIS[:, [3, 1]]
    for name in ('context', 'frame'):
        rects, other = ring_rectangles(ROIS, *RINGS[name]), ring_rectangles(mirrored, *RINGS[name])
        torch.testing.assert_close(other[:, [1, 3, 5, 7]], 639 - rects[:, [3, 1, 7, 5]])
        torch.testing.assert_close(other[:, [2, 4, 6, 8]], rects[:, [2, 4, 6, 8]])


def test_dtypes():
    assert ring_rectangles(ROIS.half(), *RINGS['context']).dtype == torch.float32
    assert ring_rectangles(ROIS.double(), *RINGS['context']).dtype == torch.float64
    assert torch.equal(ring_rectangles(ROIS.half(), *RINGS['frame']), ring_rectangles(ROIS, *RINGS['frame']))


def test_no_host_synchronisation():
    with Trace() as trace:
        for scales in RINGS.values():
            ring_rectangles(ROIS, *scales)
    assert trace.names and not trace.names & SYNCHRONISE


def test_errors():
    with pytest.raises(ValueError, match=r'\[R, 5\]'):
        ring_rectangles(ROIS[:, 1:], 1.0, 1.8)
    with pytest.raises(ValueError, match='above 1'):
        ring_scales(1.0)
