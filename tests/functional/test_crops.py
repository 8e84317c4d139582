"""Sizes, boxes and pooling of the geometric transforms."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.crops import (
    centre_offset,
    crop_box,
    crop_to_container,
    long_side_size,
    mean_pool,
    num_offsets,
)


def test_long_side():
    assert long_side_size(375, 500, 448) == (336, 448)
    assert long_side_size(500, 375, 448) == (448, 336)
    assert long_side_size(7, 7, 5) == (5, 5)
    assert long_side_size(5, 10, 13) == (6, 13)  # 6.5 to the even number
    assert long_side_size(1, 1000, 40) == (1, 40)
    with pytest.raises(ValueError, match='long_side=0'):
        long_side_size(3, 4, 0)


def test_centre_rounds_to_even():
    assert [centre_offset(16 + d, 16) for d in (-5, -3, 0, 1, 3, 5)] == [2, 2, 0, 0, 2, 2]


@pytest.mark.parametrize('size', [(5, 9), (8, 8), (3, 3), (12, 4), (1, 1)])
def test_every_offset_against_pixel_loops(size):
    crop = (6, 7)
    image = np.random.RandomState(0).randint(1, 99, (*size, 2))
    for dy in range(num_offsets(size[0], crop[0])):
        for dx in range(num_offsets(size[1], crop[1])):
            out = crop_to_container(image, crop_box(size, crop, (dy, dx)), crop, fill=-1.0)
            shift_y = dy if size[0] > crop[0] else -dy
            shift_x = dx if size[1] > crop[1] else -dx
            for y in range(crop[0]):
                for x in range(crop[1]):
                    inside = 0 <= y + shift_y < size[0] and 0 <= x + shift_x < size[1]
                    expected = image[y + shift_y, x + shift_x] if inside else [-1, -1]
                    assert out[y, x].tolist() == list(expected)


def test_layouts_and_fill():
    box = crop_box((2, 2), (3, 4), (1, 2))
    image = np.full((2, 2, 3), 7, np.uint8)
    out = crop_to_container(image, box, (3, 4), (1.0, 2.0, 255.0))
    assert out.dtype == np.uint8 and out[0, 0].tolist() == [1, 2, 255] and (out[1:, 2:] == 7).all()
    mean = crop_to_container(image, box, (3, 4), (1.5, 2.0, 3.0))
    assert mean.dtype == np.float32 and mean[0, 0].tolist() == [1.5, 2, 3]
    assert crop_to_container(image, box, (3, 4), -1).dtype == np.float32
    assert crop_to_container(image.astype(np.float64), box, (3, 4), 0.1).dtype == np.float64
    maps = crop_to_container(image.transpose(2, 0, 1), box, (3, 4), channels_first=True)
    np.testing.assert_array_equal(maps.transpose(1, 2, 0), crop_to_container(image, box, (3, 4)))
    assert crop_to_container(image[..., 0], box, (3, 4), 255)[0, 0] == 255


def test_offsets_outside_their_range():
    for offset in ((2, 0), (0, -1)):
        with pytest.raises(ValueError, match='must lie in 0..'):
            crop_box((5, 5), (4, 4), offset)
    with pytest.raises(ValueError, match='must be positive'):
        crop_box((5, 5), (4, 0), (0, 0))


def test_mean_pool_counts_the_padding():
    maps = torch.rand(2, 5, 8, dtype=torch.float64)
    padded = np.zeros((2, 8, 8))
    padded[:, :5] = maps
    np.testing.assert_allclose(mean_pool(maps, 4), padded.reshape(2, 2, 4, 2, 4).mean((2, 4)))
    assert mean_pool(torch.ones(1, 1, 1)).item() == pytest.approx(1 / 64)
    assert mean_pool(torch.rand(3, 448, 448)).shape == (3, 56, 56)
