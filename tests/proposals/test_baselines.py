"""Boxes that do not look at the image."""

import numpy as np
import pytest

from wsod_mm.proposals import centre_box, grid_proposals, image_rng, random_proposals


def _inside(boxes, width, height):
    return (
        (boxes[:, :2] >= 0).all()
        and (boxes[:, 2:] >= boxes[:, :2]).all()
        and (boxes[:, 2] <= width - 1).all()
        and (boxes[:, 3] <= height - 1).all()
    )


def test_random_proposals_depend_on_the_image_id_only():
    make = lambda name, seed=0: random_proposals(200, 100, 50, image_rng(name, seed))  # noqa: E731
    np.testing.assert_array_equal(make('a'), make('a'))
    assert not np.array_equal(make('a'), make('b')) and not np.array_equal(make('a'), make('a', 1))


def test_random_proposals_cover_scales_and_stay_inside():
    boxes = random_proposals(400, 300, 5000, np.random.default_rng(0), min_side=20)
    assert boxes.shape == (5000, 4) and boxes.dtype == np.float32 and _inside(boxes, 400, 300)
    width = boxes[:, 2] - boxes[:, 0] + 1
    assert width.min() >= 20 and width.max() > 390
    # log-uniform: half of the widths lie below the geometric mean of the limits
    assert abs((width < (20 * 400) ** 0.5).mean() - 0.5) < 0.03
    assert boxes[:, 0].min() == 0 and boxes[:, 2].max() == 399  # both borders are reached


def test_random_proposals_of_an_image_smaller_than_the_least_side():
    boxes = random_proposals(7, 300, 10, np.random.default_rng(0), min_side=16)
    assert _inside(boxes, 7, 300) and (boxes[:, 2] - boxes[:, 0] == 6).all()


def test_grid_covers_the_image_largest_first():
    boxes = grid_proposals(160, 120)
    assert _inside(boxes, 160, 120) and len(np.unique(boxes, axis=0)) == len(boxes)
    covered = np.zeros((120, 160), bool)
    quarter = [b for b in boxes if b[2] - b[0] + 1 == 40 and b[3] - b[1] + 1 == 30]
    assert len(quarter) == 49  # 7 x 7 half-overlapping windows of a quarter of each side
    for x1, y1, x2, y2 in np.array(quarter, int):
        covered[y1 : y2 + 1, x1 : x2 + 1] = True
    assert covered.all()
    assert [0, 0, 159, 119] in boxes[:3].tolist()


def test_centre_box():
    (box,) = centre_box(200, 100, 0.25)
    assert box.tolist() == [50, 25, 149, 74]
    assert centre_box(11, 7, 1.0).tolist() == [[0, 0, 10, 6]]
    with pytest.raises(ValueError, match='fraction'):
        centre_box(10, 10, 0.0)
