"""Scale rule, filters and duplicates."""

import numpy as np
import pytest

from wsod_mm.functional.proposals import (
    clip_boxes,
    first_of_duplicates,
    first_of_scaled_duplicates,
    inside_image,
    large_enough,
    project_boxes,
    resize_factor,
    select_rows,
)


@pytest.mark.parametrize(
    'height, width, side, cap, factor',
    [
        (30, 40, 48, 2000, 1.6),
        (40, 30, 48, 2000, 1.6),
        (375, 500, 1200, 2000, 3.2),
        (375, 500, 1200, 1000, 2.0),  # a cap below the short side
        (20, 90, 48, 100, 100 / 90),
        (20, 90, 480, None, 24.0),
        (100, 250, 40, 100, 0.4),  # exactly at the cap
        (1000, 1001, 500, 500, 0.5),  # 500.5 rounds to 500: not above the cap
    ],
)
def test_resize_factor(height, width, side, cap, factor):
    assert resize_factor(height, width, side, cap) == pytest.approx(factor, rel=1e-12)


def test_resize_factor_refuses_nonsense():
    with pytest.raises(ValueError, match='image 0x5'):
        resize_factor(0, 5, 10)
    with pytest.raises(ValueError, match='cap -1'):
        resize_factor(5, 5, 10, -1)


def test_clip_and_inside():
    boxes = np.array([[-5, 3, 70, 12], [60, 0, 65, 5], [59, 39, 80, 80], [9, 9, 5, 20]], np.float32)
    assert inside_image(boxes, 40, 60).tolist() == [True, False, True, False]
    assert clip_boxes(boxes, 40, 60)[0].tolist() == [0, 3, 59, 12]
    assert boxes[0, 0] == -5


def test_size_rules_differ_as_the_papers_do():
    # x2-x1, y2-y1 = 20, 20: CASD wants y larger than 20
    boxes = np.array([[0, 0, 20, 20], [0, 0, 20, 21], [0, 0, 19, 30], [0, 0, 18, 30]], np.float32)
    assert large_enough(boxes, 20, 'casd').tolist() == [False, True, False, False]
    assert large_enough(boxes, 20, 'inclusive').tolist() == [True, True, True, False]
    assert large_enough(boxes, 20, 'pcl').tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="got 'x'"):
        large_enough(boxes, 20, 'x')


def test_exact_duplicates_keep_the_first():
    boxes = np.array([[5, 5, 9, 9], [0, 0, 3, 3], [5, 5, 9, 9], [0, 0, 3, 3.5]])
    assert first_of_duplicates(boxes).tolist() == [0, 1, 3]


def test_scaled_duplicates_against_the_reference_key():
    boxes = np.random.RandomState(0).randint(0, 90, (300, 4)).astype(np.float32) * 1.7
    cells = np.round(boxes / 8.0)
    _, expected = np.unique(cells @ np.array([1e3, 1e6, 1e9, 1e12]), return_index=True)
    assert 0 < len(expected) < 300
    np.testing.assert_array_equal(first_of_scaled_duplicates(boxes, 8), expected)
    np.testing.assert_array_equal(first_of_scaled_duplicates(boxes, 8, 'file'), np.sort(expected))
    assert len(first_of_scaled_duplicates(boxes, 16)) < len(expected)


def test_halves_round_to_even_cells():
    boxes = np.array([[8, 0, 40, 40], [0, 0, 40, 40], [24, 0, 40, 40]], np.float32)  # .5, 0, 1.5 cells
    assert first_of_scaled_duplicates(boxes, 16, 'file').tolist() == [0, 2]


def test_caps():
    scores = np.array([0.1, 0.9, 0.5, 0.9])
    assert select_rows(scores, None).tolist() == [0, 1, 2, 3]
    assert select_rows(scores, 2).tolist() == [0, 1]
    assert select_rows(scores, 3, 'score').tolist() == [1, 3, 2]
    drawn = select_rows(scores, 2, 'random', np.random.RandomState(0))
    assert len(set(drawn.tolist())) == 2 and sorted(drawn) == list(drawn)
    assert select_rows(scores, 9, 'random').tolist() == [0, 1, 2, 3]
    draws = {tuple(select_rows(np.zeros(50), 10, 'random')) for _ in range(5)}
    assert len(draws) == 5
    with pytest.raises(ValueError, match='max_num'):
        select_rows(scores, 0)
    with pytest.raises(ValueError, match="'best'"):
        select_rows(scores, 1, 'best')


def test_projection_of_a_mirrored_scaled_box():
    matrix = np.array([[-2, 0, 38], [0, 3, 1], [0, 0, 1]], float)
    assert project_boxes(np.array([[1, 2, 5, 6]]), matrix).tolist() == [[28, 7, 36, 19]]
    assert project_boxes(np.zeros((0, 4)), matrix).shape == (0, 4)
