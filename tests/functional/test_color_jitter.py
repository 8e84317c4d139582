"""Colour jitter."""

import colorsys

import numpy as np
import pytest

from wsod_mm.functional.color_jitter import color_jitter

IMAGE = np.random.RandomState(0).randint(30, 200, (8, 9, 3), np.uint8)
GREY = IMAGE @ np.array([0.299, 0.587, 0.114])


def test_nothing_changes_nothing():
    out = color_jitter(IMAGE)
    np.testing.assert_array_equal(out, IMAGE)
    assert out.flags.writeable and out.dtype == np.uint8


@pytest.mark.parametrize('factor', [0.0, 0.7, 1.3])
def test_factors_by_formula(factor):
    image = IMAGE.astype(float)
    for name, centre in (('brightness', 0.0), ('contrast', GREY.mean()), ('saturation', GREY[..., None])):
        expected = np.clip(factor * image + (1 - factor) * centre, 0, 255)
        assert abs(color_jitter(IMAGE, **{name: factor}) - expected).max() <= 1.5, name


@pytest.mark.parametrize('hue', [0.1, -0.1, 0.5])
def test_hue_turns_the_circle(hue):
    out = color_jitter(IMAGE, hue=hue) / 255.0
    for y, x in ((0, 0), (3, 4), (7, 8)):
        h, s, v = colorsys.rgb_to_hsv(*(IMAGE[y, x] / 255.0))
        np.testing.assert_allclose(out[y, x], colorsys.hsv_to_rgb((h + hue) % 1, s, v), atol=0.05)
    assert abs(out - IMAGE / 255.0).max() > 0.05


def test_order_matters():
    strengths = dict(brightness=1.9, contrast=0.3)
    there = color_jitter(IMAGE, **strengths, order=('brightness', 'contrast'))
    back = color_jitter(IMAGE, **strengths, order=('contrast', 'brightness'))
    assert abs(there.astype(int) - back).max() > 5
    np.testing.assert_array_equal(color_jitter(IMAGE, **strengths, order=()), IMAGE)


def test_wrong_input():
    with pytest.raises(ValueError, match='uint8 image, got float32'):
        color_jitter(IMAGE.astype(np.float32))
    for kwargs in (dict(brightness=-0.1), dict(hue=0.6)):
        with pytest.raises(ValueError, match='must not be negative'):
            color_jitter(IMAGE, **kwargs)
    with pytest.raises(ValueError, match='may only name'):
        color_jitter(IMAGE, order=('gamma',))
