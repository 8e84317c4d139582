"""Maps in boxes, and maps of scored boxes, beside loops."""

import pytest
import torch

from wsod_mm.functional.box_cams import cams_in_boxes, proposal_maps


@pytest.mark.parametrize('inclusive', [True, False])
def test_proposal_maps_by_a_loop(inclusive):
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(40, 2, generator=generator) * 30 - 5
    boxes = torch.cat([corner, corner + torch.rand(40, 2, generator=generator) * 20], dim=1)
    scores = torch.rand(40, 3, generator=generator)
    expected = torch.zeros(3, 24, 32)
    for (x1, y1, x2, y2), p in zip(boxes.tolist(), scores, strict=True):
        for y in range(24):
            for x in range(32):
                if inclusive:
                    inside = x1 < x + 1 and x <= x2 and y1 < y + 1 and y <= y2
                else:
                    inside = x1 < x + 1 and x < x2 and y1 < y + 1 and y < y2
                expected[:, y, x] += p * inside
    torch.testing.assert_close(proposal_maps(boxes, scores, (24, 32), inclusive), expected)
    assert not proposal_maps(boxes[:0], scores[:0], (4, 5)).any()
    assert proposal_maps(torch.tensor([[1.0, 1, 1, 1]]), torch.ones(1, 1), (3, 3))[0].tolist() == [
        [0, 0, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]


def test_maps_in_boxes():
    cam = torch.linspace(0, 0.5, 48).view(6, 8)
    boxes = torch.tensor([[1.0, 1, 4, 3], [3, 2, 20, 9]])
    out = cams_in_boxes(cam, boxes)
    mask = torch.zeros(6, 8, dtype=torch.bool)
    mask[1:3, 1:4] = mask[2:6, 3:8] = True
    assert not out[~mask].any() and out[1, 1] == 0 and out[5, 7] == pytest.approx(1, abs=1e-5)
    first = (cam[1:3, 1:4] - cam[1, 1]) / (cam[2, 3] - cam[1, 1])
    torch.testing.assert_close(out[1:3, 1:3], first[:, :2], rtol=1e-4, atol=1e-4)
    assert out[2, 3] == pytest.approx(1, abs=1e-5)  # the larger of both
    assert not cams_in_boxes(cam, boxes[:0]).any() and not cams_in_boxes(torch.ones(6, 8), boxes).any()
    assert not cams_in_boxes(cam, torch.tensor([[50.0, 50, 60, 60], [4, 4, 2, 2]])).any()


def test_mistakes():
    with pytest.raises(ValueError, match=r'give a map \[H, W\]'):
        cams_in_boxes(torch.zeros(1, 2, 3), torch.zeros(0, 4))
    with pytest.raises(ValueError, match='give boxes'):
        proposal_maps(torch.zeros(3, 4), torch.zeros(2, 1), (4, 4))
