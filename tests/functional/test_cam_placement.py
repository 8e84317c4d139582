"""Maps over images: interpolation by hand, and the dialects where nothing is cropped."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.cam_localization import CAM_DIALECTS, score_map
from wsod_mm.functional.cam_placement import CamPlacement, axis_weights, cam_placement, place_score_map


@pytest.mark.parametrize('mode, cv2_mode', [('bilinear', cv2.INTER_LINEAR), ('bicubic', cv2.INTER_CUBIC)])
@pytest.mark.parametrize('count, pixels', [(5, 31), (9, 4), (1, 7)])
def test_weights_are_those_of_opencv(mode, cv2_mode, count, pixels):
    positions = (torch.arange(pixels, dtype=torch.float64) + 0.5) * count / pixels - 0.5
    weights = axis_weights(positions, count, mode)
    torch.testing.assert_close(weights.sum(1), torch.ones(pixels, dtype=torch.float64))
    values = np.random.default_rng(0).random((count, 1))
    expected = cv2.resize(values, (1, pixels), interpolation=cv2_mode).reshape(-1)
    np.testing.assert_allclose((weights @ torch.from_numpy(values))[:, 0], expected, atol=1e-6)
    with pytest.raises(ValueError, match='mode'):
        axis_weights(positions, count, 'nearest')


@pytest.mark.parametrize('dialect', sorted(CAM_DIALECTS))
def test_dialects_do_the_same_with_and_without_the_short_way(dialect):
    torch.manual_seed(0)
    cams, size = torch.randn(2, 5, 7), (40, 63)
    placement = cam_placement((5, 7), (160, 224), (160, 224), (80, 126), size)
    assert placement.whole
    short = place_score_map(cams, placement, size, dialect)
    assert torch.equal(short, score_map(cams, size, dialect))
    long = place_score_map(cams, placement._replace(whole=False), size, dialect)
    assert long.dtype == short.dtype
    atol = 1 if dialect == 'blog' else 1e-5
    torch.testing.assert_close(long, short, atol=atol, rtol=0)
    assert not place_score_map(torch.ones(1, 5, 7), placement._replace(whole=False), size, dialect)[0, 0, 0] % 1


def test_padding_has_no_say():
    cams = torch.randn(1, 4, 6)
    padded = F.pad(cams, (0, 2, 0, 3), value=50.0)
    size = (64, 96)
    plain = place_score_map(cams, cam_placement((4, 6), size, size, size, size), size)
    placement = cam_placement((7, 8), (112, 128), size, size, size)
    assert not placement.whole and placement.cells == (4, 6)
    torch.testing.assert_close(place_score_map(padded, placement, size), plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize('dialect', sorted(CAM_DIALECTS))
def test_outside_of_a_crop(dialect):
    cams = torch.rand(1, 4, 4) + 1
    matrix = np.array([[0.5, 0, -10], [0, 0.5, 0], [0, 0, 1]])  # 128 x 64 px, halved, columns 10 .. 42 of 64
    placement = cam_placement((4, 4), (32, 32), (32, 32), (64, 128), (64, 128), matrix)
    assert placement == CamPlacement((0.0625, 0.0625), (0.0, -1.25), (4.0, 4.0), False)
    out = place_score_map(cams, placement, (64, 128), dialect)
    assert out.shape == (1, 64, 128) and not out[..., :20].any() and not out[..., 84:].any()
    inside = score_map(cams, (64, 64), dialect)
    torch.testing.assert_close(out[..., 20:84], inside, atol=1 if dialect == 'blog' else 1e-5, rtol=0)
    beyond = matrix.copy()
    beyond[0, 2] = -500
    nowhere = cam_placement((4, 4), (32, 32), (32, 32), (64, 128), (64, 128), beyond)
    assert not place_score_map(cams, nowhere, (64, 128), dialect).any()


def test_errors():
    sizes = ((4, 4), (32, 32), (32, 32), (32, 32), (32, 32))
    for matrix in (np.diag([-1, 1, 1]), np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]])):
        with pytest.raises(ValueError, match='flips and rotations'):
            cam_placement(*sizes, matrix)
    with pytest.raises(ValueError, match='positive'):
        cam_placement((0, 4), *sizes[1:])
    with pytest.raises(ValueError, match='dialect'):
        place_score_map(torch.ones(1, 4, 4), cam_placement(*sizes), (32, 32), 'zhou')
