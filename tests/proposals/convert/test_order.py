"""Columns and offsets."""

import numpy as np
import pytest

from wsod_mm.proposals import ProposalFileError
from wsod_mm.proposals.convert.order import arrange, check_order, outside_mask, outside_shares


def test_arrange():
    assert arrange(np.array([[2, 1, 4, 3]]), 'yxyx', 1).tolist() == [[0, 1, 2, 3]]
    assert arrange(np.array([[2, 1, 4, 3]]), 'xywh', 0).tolist() == [[2, 1, 5, 3]]
    assert arrange(np.array([[2, 1, 4, 3]]), 'xyxy', 0).tolist() == [[2, 1, 4, 3]]
    with pytest.raises(ValueError, match='zyx'):
        arrange(np.zeros((1, 4)), 'zyx', 0)


def test_outside_mask_counts_borders_as_inside():
    boxes = np.array([[0, 0, 9, 4], [0, 0, 10, 4], [0, 0, 9, 5], [-1, 0, 3, 3], [0, -1, 3, 3], [4, 0, 3, 3]])
    assert outside_mask(boxes, 10, 5).tolist() == [False, True, True, True, True, True]


def test_threshold_is_a_share():
    boxes = np.tile(np.array([[0, 0, 9, 4]], np.float32), (100, 1))
    boxes[7, 2] = 10
    assert check_order(['a'], [boxes], [(10, 5)], 'xyxy', 0) == 0.01
    boxes[8, 2] = 10
    with pytest.raises(ProposalFileError, match=r"f: .* 2 of 100 boxes \(2.0%\).*'a' is 10x5"):
        check_order(['a'], [boxes], [(10, 5)], 'xyxy', 0, source='f')
    assert check_order(['a'], [boxes], [(10, 5)], 'xyxy', 0, max_outside=0.05) == 0.02


def test_shares_of_every_hypothesis():
    shares = outside_shares([np.array([[1, 1, 5, 10]], np.float32)], [(10, 5)])
    assert [k for k, v in shares.items() if v == 0] == [('yxyx', 1)]
    assert len(shares) == 6
