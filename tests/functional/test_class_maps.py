"""Tests of raw class activation maps."""

import pytest
import torch

from wsod_mm.functional.class_maps import activate_class_maps, class_activation_maps


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_against_loops(dtype):
    features, weight = torch.randn(2, 3, 4, 5, dtype=dtype), torch.randn(6, 3, dtype=dtype)
    maps = class_activation_maps(features, weight)
    assert maps.shape == (2, 6, 4, 5) and maps.dtype == dtype
    for n, c, y, x in [(0, 0, 0, 0), (1, 5, 3, 4), (0, 2, 1, 3)]:
        score = sum(weight[c, d] * features[n, d, y, x] for d in range(3))
        torch.testing.assert_close(maps[n, c, y, x], score.clamp(min=0))
    assert torch.equal(maps, class_activation_maps(features, weight[:, :, None, None]))
    torch.testing.assert_close(class_activation_maps(features, weight, 'sqrt_relu') ** 2, maps)


def test_activations():
    maps = torch.tensor([[-4.0, 0.0, 4.0]])
    assert activate_class_maps(maps).tolist() == [[0, 0, 4]]
    assert activate_class_maps(maps, 'sqrt_relu').tolist() == [[0, 0, 2]]
    with pytest.raises(ValueError, match="activation='softplus'"):
        activate_class_maps(maps, 'softplus')


def test_bad_shapes():
    with pytest.raises(ValueError, match=r'\(2, 3, 4, 5\).*\(6, 4\)'):
        class_activation_maps(torch.zeros(2, 3, 4, 5), torch.zeros(6, 4))
    with pytest.raises(ValueError, match=r'\[N, D, h, w\]'):
        class_activation_maps(torch.zeros(3, 4, 5), torch.zeros(6, 3))
