"""The benchmark measures what it says, and its loop computes the same."""

import math

import torch

from wsod_mm.ops import roi_max_pool
from wsod_mm.ops.benchmark import benchmark_roi_pool, roi_max_pool_loop


def test_loop_is_the_same_function():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 9, 11)
    corners = torch.rand(10, 2, 2).sort(1).values.flatten(1) * 80
    rois = torch.cat([torch.randint(0, 2, (10, 1)), corners], 1)
    for mode in ('mmcv', 'torchvision'):
        expected = roi_max_pool(features, rois, 3, 1 / 8, mode)
        assert torch.equal(roi_max_pool_loop(features, rois, 3, 1 / 8, mode), expected)


def test_results():
    result = benchmark_roi_pool((1, 4, 8, 9), 6, bins=2, repeat=1)
    assert set(result) == {'peak MiB', 'forward ms', 'backward ms', 'loop forward ms', 'loop / forward'}
    assert all(value > 0 for name, value in result.items() if name != 'peak MiB')
    assert result['peak MiB'] >= 0 or math.isnan(result['peak MiB'])
    ratio = result['loop forward ms'] / result['forward ms']
    assert result['loop / forward'] == ratio
