import pytest
import torch

from wsod_mm.functional.anchors import grid_anchors, inside_anchors, rounded_base_anchors


def test_sides_are_whole_and_corners_inclusive():
    base = rounded_base_anchors()
    sides = base[:, 2:] - base[:, :2] + 1
    assert sides.tolist() == [
        [184, 96], [368, 192], [736, 384], [128, 128], [256, 256], [512, 512], [88, 176], [176, 352], [352, 704],
    ]  # fmt: skip
    assert torch.equal((base[:, :2] + base[:, 2:]) / 2, torch.full((9, 2), 7.5, dtype=torch.float64))
    small = rounded_base_anchors(8, ratios=(1.0,), scales=(2,))
    assert small.tolist() == [[-4.0, -4.0, 11.0, 11.0]]


def test_grid_is_row_after_row():
    base = rounded_base_anchors(scales=(1, 2))
    found = grid_anchors(base, height=2, width=3, stride=16).view(2, 3, 6, 4)
    for row in range(2):
        for column in range(3):
            shift = 16 * torch.tensor([column, row, column, row])
            torch.testing.assert_close(found[row, column], (base + shift).float())
    assert found.dtype == torch.float32


def test_inside():
    anchors = torch.tensor([[0.0, 0, 9, 4], [-1, 0, 5, 4], [0, 0, 10, 4], [0, 0, 9, 5], [0, -1, 9, 4]])
    assert inside_anchors(anchors, (5, 10)).tolist() == [True, False, False, False, False]
    assert inside_anchors(anchors, (5, 10), border=1).all()


@pytest.mark.parametrize('options', [dict(ratios=()), dict(scales=(0,)), dict(base_size=-1)])
def test_errors(options):
    with pytest.raises(ValueError, match='anchors need'):
        rounded_base_anchors(**options)
