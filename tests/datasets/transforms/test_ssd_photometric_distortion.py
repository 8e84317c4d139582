"""Random colours."""

import numpy as np
import pytest

from wsod_mm.datasets.transforms import SSDPhotometricDistortion

IMAGE = np.random.RandomState(0).randint(60, 180, (10, 12, 3), np.uint8)
STILL = dict(brightness_delta=0, contrast_range=(1, 1), saturation_range=(1, 1), hue_delta=0, prob=1)


def apply(image=IMAGE, **kwargs):
    return SSDPhotometricDistortion(**kwargs)(dict(img=image.copy()))['img']


def test_defaults_change_colours_but_not_type_or_shape():
    np.random.seed(0)
    outs = [apply() for _ in range(20)]
    assert {o.dtype for o in outs} == {np.dtype(np.uint8)} and {o.shape for o in outs} == {IMAGE.shape}
    unchanged = sum(np.array_equal(o, IMAGE) for o in outs)
    assert unchanged < 6  # all four off: 1 in 16
    assert apply(IMAGE.astype(np.float32)).dtype == np.float32


def test_each_range_bounds_its_effect():
    np.testing.assert_array_equal(apply(**STILL), IMAGE)
    np.testing.assert_array_equal(apply(prob=0), IMAGE)
    for name, value in (
        ('brightness_delta', 32),
        ('contrast_range', (0.5, 0.8)),
        ('saturation_range', (0.2, 0.5)),
        ('hue_delta', 18),
    ):
        assert not np.array_equal(apply(**{**STILL, name: value}), IMAGE), name
    for _ in range(20):
        shift = apply(**{**STILL, 'brightness_delta': 32}).astype(int) - IMAGE
        assert abs(shift).max() <= 32 and np.ptp(shift) == 0


def test_channels_are_never_swapped():
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0], image[..., 2] = 200, 40
    for _ in range(50):
        out = apply(image, hue_delta=0)
        assert out[0, 0, 0] > out[0, 0, 2]


def test_bad_options():
    for bad in (dict(contrast_range=(1.5, 0.5)), dict(prob=2), dict(hue_delta=-1)):
        with pytest.raises(ValueError, match='must'):
            SSDPhotometricDistortion(**bad)
