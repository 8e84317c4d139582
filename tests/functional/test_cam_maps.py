"""CAMs over scales, their maxima, and the first label map."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.cam_maps import (
    add_mirrored,
    best_class,
    merge_cams,
    merge_strided_cams,
    normalize_cams,
    predict_labels,
    scaled_size,
)


def test_sizes_round_halves_to_even_and_never_vanish():
    assert scaled_size(41, 55, 0.5) == (20, 28)  # 20.5 and 27.5
    assert scaled_size(41, 55, 1.5) == (62, 82)  # 61.5 and 82.5
    assert scaled_size(1, 3, 0.25) == (1, 1)
    for height, width, scale in ((0, 5, 1.0), (5, 5, 0.0), (5, 5, float('nan'))):
        with pytest.raises(ValueError, match='must be positive'):
            scaled_size(height, width, scale)


@pytest.mark.parametrize('num_scales', [1, 3])
def test_merge_by_hand(num_scales):
    torch.manual_seed(0)
    maps = [torch.rand(5, 2 + k, 3 + k) for k in range(2 * num_scales)]
    mirrored = [False, True] * num_scales
    keys = torch.tensor([1, 4])
    total = np.zeros((5, 13, 17), np.float32)
    for raw, turned in zip(maps, mirrored, strict=True):
        full = F.interpolate(raw[None], (13, 17), mode='bilinear')[0].numpy()
        total += full[..., ::-1] if turned else full
    expected = total[[1, 4]] / (total[[1, 4]].max((1, 2), keepdims=True) + 1e-5)
    out = merge_cams(maps, mirrored, keys, (13, 17))
    np.testing.assert_allclose(out, expected, atol=1e-6)
    assert out.dtype == torch.float32 and out.amax() < 1
    assert not torch.allclose(out, merge_cams(maps, [False] * len(maps), keys, (13, 17)))
    assert not torch.allclose(out, merge_cams(maps, mirrored, keys, (13, 17), eps=0.5))


def test_map_of_zeros_stays_and_no_minimum_is_subtracted():
    cams = torch.stack((torch.zeros(2, 2), torch.tensor([[1.0, 2], [3, 4]])))
    out = normalize_cams(cams)
    assert not out[0].any()
    np.testing.assert_allclose(out[1], cams[1] / 4.00001, rtol=1e-6)


def test_strided_sizes_and_crop():
    torch.manual_seed(1)
    maps = [torch.rand(3, 3, 4), torch.rand(3, 5, 6)]
    keys = torch.tensor([2])
    low, high = merge_strided_cams(maps, keys, (33, 47))
    assert low.shape == (1, 9, 12) and high.shape == (1, 33, 47)
    # the high resolution lies on sides of 48 and is cropped, not squeezed
    total = sum(F.interpolate(raw[None, 2:], (48, 48), mode='bilinear')[0] for raw in maps)[:, :33, :47]
    np.testing.assert_allclose(high, total / (total.max() + 1e-5), atol=1e-6)
    other = merge_strided_cams(maps, keys, (33, 47), stride=8, multiple=1)
    assert other[0].shape == (1, 5, 6) and not torch.allclose(other[1], high)


def test_one_pixel_and_no_class():
    maps = [torch.rand(2, 1, 1)] * 2
    assert merge_cams(maps, [False, True], torch.tensor([0]), (1, 1)).shape == (1, 1, 1)
    none = torch.zeros(0, dtype=torch.int64)
    assert merge_cams(maps, [False, True], none, (4, 5)).shape == (0, 4, 5)
    low, high = merge_strided_cams(maps, none, (4, 5))
    assert low.shape == (0, 1, 2) and high.shape == (0, 4, 5)
    assert torch.equal(predict_labels(torch.zeros(0, 4, 5), none, 0.2), torch.zeros(4, 5, dtype=torch.int64))


def test_mirror_is_turned_back():
    pair = torch.arange(12.0).view(2, 1, 2, 3)
    assert torch.equal(add_mirrored(pair), pair[0] + pair[1].flip(-1))
    with pytest.raises(ValueError, match='an image and its mirror'):
        add_mirrored(pair[:1])
    with pytest.raises(ValueError, match='at least one scale'):
        merge_cams([], [], torch.tensor([0]), (2, 2))


def test_ties_are_background_or_the_first_class():
    cams = torch.tensor([[[0.2, 0.5, 0.1]], [[0.2, 0.5, 0.3]]])
    keys = torch.tensor([3, 7])
    assert predict_labels(cams, keys, 0.2).tolist() == [[0, 4, 8]]
    assert predict_labels(cams, keys, 0.4).tolist() == [[0, 4, 0]]
    score, label = best_class(cams, keys)
    assert torch.equal(score, cams[1]) and label.tolist() == [[4, 4, 8]]
