"""From images to network inputs."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.image_input import (
    CAFFE_NORM,
    IMAGENET_NORM,
    multi_scale_inputs,
    normalize_image,
    resize_bicubic,
    resize_nearest,
)

IMAGE = np.random.RandomState(0).randint(0, 256, (11, 7, 3), np.uint8)


def test_normalisations():
    red, green, blue = IMAGE[2, 3].astype(float)
    out = normalize_image(IMAGE, IMAGENET_NORM)
    expected = [(red / 255 - 0.485) / 0.229, (green / 255 - 0.456) / 0.224, (blue / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(out[2, 3], expected, atol=1e-6)
    np.testing.assert_allclose(
        normalize_image(IMAGE, CAFFE_NORM)[2, 3], [blue - 104.008, green - 116.669, red - 122.675], atol=1e-4
    )
    assert out.dtype == np.float32


def test_inputs_of_all_scales_and_their_mirrors():
    inputs = multi_scale_inputs(IMAGE, (1.0, 0.5, 2.0), CAFFE_NORM)
    assert [tuple(pair.shape) for pair in inputs] == [(2, 3, 11, 7), (2, 3, 6, 4), (2, 3, 22, 14)]
    for pair in inputs:
        assert torch.equal(pair[1], pair[0].flip(-1)) and pair.dtype == torch.float32
    np.testing.assert_array_equal(inputs[0][0], normalize_image(IMAGE, CAFFE_NORM).transpose(2, 0, 1))


def test_resizing():
    same = resize_bicubic(IMAGE, 11, 7)
    np.testing.assert_array_equal(same, IMAGE)
    assert same.flags.writeable and not np.shares_memory(same, IMAGE)
    assert resize_bicubic(IMAGE[:1, :1], 3, 2).shape == (3, 2, 3)
    label = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(resize_nearest(label, 2, 2), label[2::4, 2::4])
    with pytest.raises(ValueError, match='needs uint8, got float32'):
        resize_bicubic(IMAGE.astype(np.float32), 3, 3)
    with pytest.raises(ValueError, match='needs uint8, got int64'):
        resize_nearest(label.astype(np.int64), 3, 3)
