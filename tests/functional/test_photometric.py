"""Colour distortion."""

import colorsys

import numpy as np
import pytest

from wsod_mm.functional.photometric import photometric_distortion

IMAGE = np.random.RandomState(0).randint(30, 200, (8, 9, 3), np.uint8)


def test_nothing_changes_nothing():
    np.testing.assert_array_equal(photometric_distortion(IMAGE), IMAGE)


def test_brightness_and_contrast_in_their_order():
    out = photometric_distortion(IMAGE.astype(np.float32), brightness=10, contrast=1.5)
    np.testing.assert_allclose(out, (IMAGE.astype(np.float32) + 10) * 1.5, rtol=1e-6)
    clipped = photometric_distortion(IMAGE, brightness=100)
    assert clipped.dtype == np.uint8 and clipped.max() == 255
    assert photometric_distortion(IMAGE.astype(np.float32), brightness=100).max() > 255


@pytest.mark.parametrize('saturation, hue', [(0.5, 0), (1.0, 18), (0.7, -18)])
def test_hsv_block_against_the_standard_library(saturation, hue):
    out = photometric_distortion(IMAGE.astype(np.float32), saturation=saturation, hue=hue)
    for row, column in ((0, 0), (3, 4), (7, 8)):
        b, g, r = IMAGE[row, column] / 255.0
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        expected = colorsys.hsv_to_rgb((h + hue / 360) % 1, s * saturation, v)
        np.testing.assert_allclose(out[row, column, ::-1] / 255.0, expected, atol=2e-3)


def test_contrast_may_come_before_or_after_the_hsv_block():
    image = IMAGE.astype(np.float32)
    together = photometric_distortion(image, contrast=1.3, saturation=1.2, hue=9)
    after = 1.3 * photometric_distortion(image, saturation=1.2, hue=9)
    np.testing.assert_allclose(together, after, rtol=1e-3, atol=0.2)
    assert abs(together - image).max() > 5


def test_other_types_are_refused():
    with pytest.raises(ValueError, match='float64'):
        photometric_distortion(IMAGE.astype(np.float64))
