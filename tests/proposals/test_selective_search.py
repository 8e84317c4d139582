"""Selective search of one image."""

import sys

import cv2
import numpy as np
import pytest

from wsod_mm.proposals import ProposalFileError, selective_search
from wsod_mm.proposals.selective_search import load_segmentation

from .conftest import IMAGES, draw_image


@pytest.fixture(scope='module')
def image():
    return draw_image(*IMAGES[0][1:], seed=0)


def _iou(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inter = (high - low + 1).clip(0).prod(axis=1)
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1) + (box[2:] - box[:2] + 1).prod()
    return inter / (area - inter)


@pytest.mark.parametrize('long_side', [None, 60])
def test_finds_flat_objects_in_original_pixels(image, long_side):
    boxes = selective_search(image, long_side=long_side, min_side=10)
    assert boxes.dtype == np.float32 and len(np.unique(boxes, axis=0)) == len(boxes) > 5
    assert (boxes >= 0).all() and boxes[:, 2].max() == 119 and boxes[:, 3].max() == 79
    assert (boxes[:, 2:] - boxes[:, :2] + 1 >= 10).all()
    for _, *corners, _ in IMAGES[0][3]:
        assert _iou(np.array(corners, np.float32), boxes).max() > 0.8


def test_same_seed_same_order_whatever_was_drawn_before(image):
    first = selective_search(image, seed=7, min_side=1)
    cv2.setRNGSeed(5)
    selective_search(image[:, ::-1].copy(), seed=1)
    np.testing.assert_array_equal(first, selective_search(image, seed=7, min_side=1))
    other = selective_search(image, seed=8, min_side=1)
    assert not np.array_equal(first, other)  # the ranking is random ...
    assert set(map(tuple, first)) == set(map(tuple, other))  # ... the boxes are not


def test_order_and_cap(image):
    search = selective_search(image, order='search', min_side=1)
    large = selective_search(image, order='large-first', min_side=1)
    np.testing.assert_array_equal(search[::-1], large)
    np.testing.assert_array_equal(selective_search(image, max_num=5, min_side=1), large[:5])


def test_large_first_on_a_photograph(shared_data):
    folder = shared_data / 'voc2012_20cls_native' / 'VOC2007' / 'JPEGImages'
    photo = cv2.imread(str(sorted(folder.glob('*.jpg'))[0]))
    boxes = selective_search(photo, long_side=300)
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    assert area[:100].mean() > 2 * area[-100:].mean()


def test_parameters_reach_the_search(image):
    base = set(map(tuple, selective_search(image, min_side=1)))
    for change in ({'base_k': 1000}, {'inc_k': 1000}, {'sigma': 3.0}, {'mode': 'quality'}):
        assert set(map(tuple, selective_search(image, min_side=1, **change))) != base, change


def test_unknown_mode_and_order(image):
    with pytest.raises(ValueError, match='mode'):
        selective_search(image, mode='slow')
    with pytest.raises(ValueError, match='order'):
        selective_search(image, order='best')


def test_missing_contrib_names_package_and_command(monkeypatch):
    monkeypatch.delattr(cv2, 'ximgproc')
    with pytest.raises(ProposalFileError, match='pip install.*opencv-contrib-python-headless'):
        load_segmentation()
    monkeypatch.setitem(sys.modules, 'cv2', None)
    with pytest.raises(ProposalFileError, match='OpenCV is not installed'):
        load_segmentation()
