"""Ring max-pooling against an oracle written with Python loops."""

import math
import sys

import numpy as np
import pytest
import torch

from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.functional.rings import RINGS, ring_rectangles
from wsod_mm.ops import RING_ROUNDINGS, RingMaxPool, ring_max_pool, roi_max_pool
from wsod_mm.ops.ring_benchmark import benchmark_ring_pool, ring_max_pool_loop, ring_max_pool_loop_backward
from wsod_mm.ops.ring_pool import ring_pool_argmax


def _cells(rect, scale, rounding):
    scaled = [float(np.float32(np.float32(v) * np.float32(scale))) for v in rect[1:]]
    if rounding == 'truncate':
        return [math.trunc(v) for v in scaled]
    return [math.floor(v + 0.5) if i % 4 < 2 else math.ceil(v - 0.5) for i, v in enumerate(scaled)]


def _oracle(features, rects, size, scale, rounding, grad_out):
    """Values, arg-max and feature gradient, cell by cell, as the spec's four steps have it."""
    _, channels, height, width = features.shape
    shape = (len(rects), channels, *size)
    pooled, argmax = np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    grad = np.zeros(features.shape, np.float64)
    for r, rect in enumerate(rects):
        image = int(rect[0])
        x1, y1, x2, y2, ix1, iy1, ix2, iy2 = _cells(rect, scale, rounding)
        rows, cols = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i in range(size[0]):
            for j in range(size[1]):
                top, bottom = math.floor(i * rows / size[0]) + y1, math.ceil((i + 1) * rows / size[0]) + y1
                left, right = math.floor(j * cols / size[1]) + x1, math.ceil((j + 1) * cols / size[1]) + x1
                for c in range(channels):
                    for y in range(max(top, 0), min(bottom, height)):
                        for x in range(max(left, 0), min(right, width)):
                            inside = ix1 < x < ix2 and iy1 < y < iy2
                            if not inside and features[image, c, y, x] > pooled[r, c, i, j]:
                                pooled[r, c, i, j] = features[image, c, y, x]
                                argmax[r, c, i, j] = y * width + x
                    where = argmax[r, c, i, j]
                    if where >= 0:
                        grad[image, c, where // width, where % width] += grad_out[r, c, i, j]
    return pooled, argmax, grad


def _case(name, rng):
    """features, rects, (rows, columns) and scale of a named situation."""
    features = rng.standard_normal((2, 3, 9, 13)).astype(np.float32)
    corners = np.sort(rng.uniform(-30, 140, (14, 2, 2)), axis=1).reshape(14, 4)
    size, scale = (7, 7), 1 / 8
    if name == 'integer':
        corners = corners.round()
    elif name == 'ties':
        features = rng.integers(-1, 2, features.shape).astype(np.float32)
        features[features == 0] *= -1  # -0.0 is a zero like the other
    elif name == 'negative':
        features = -np.abs(features) - 1
    elif name == 'outside':
        corners = corners + 200 * rng.choice([-1, 1], (14, 1))
        corners[0] = (-500, -500, 500, 500)
    elif name == 'border':
        corners[:4] = [(0, 0, 103, 71), (0, 0, 30, 30), (80, 50, 103, 71), (0, 30, 103, 33)]
    elif name == 'degenerate':
        corners = corners[:, [2, 3, 0, 1]]  # x2 < x1
        corners[:4, 2:] = corners[:4, :2]
        corners[4:8, 2:] = corners[4:8, :2] - 1
    elif name == 'odd_scale':
        size, scale = (4, 5), 0.0613
    elif name == 'one_bin':  # the hole lies within the bin: all four parts have cells
        size = (1, 1)
    elif name == 'one_cell':
        features = features[:, :, :1, :1]
    elif name == 'halves':
        corners = np.sort((rng.integers(-4, 30, (14, 2, 2)) * 4), axis=1).reshape(14, 4)
    image = rng.integers(0, 2, (len(corners), 1))
    rois = torch.tensor(np.concatenate([image, corners], 1).astype(np.float32))
    rects = torch.cat([ring_rectangles(rois, *scales) for scales in RINGS.values()])
    if name == 'free':  # inner rectangles that are not about the same centre, larger than the outer one or inverted
        rects[:, 5:] = torch.tensor(rng.uniform(-30, 140, (len(rects), 4)))
    return features, rects, size, scale


CASES = (
    'plain',
    'integer',
    'ties',
    'negative',
    'outside',
    'border',
    'degenerate',
    'odd_scale',
    'one_bin',
    'one_cell',
    'halves',
    'free',
)


@pytest.mark.parametrize('rounding', RING_ROUNDINGS)
@pytest.mark.parametrize('name', CASES)
def test_oracle(name, rounding):
    rng = np.random.default_rng(len(name))
    features, rects, size, scale = _case(name, rng)
    grad_out = rng.integers(-9, 10, (len(rects), features.shape[1], *size)).astype(np.float32)  # sums are exact
    pooled, argmax, grad = _oracle(features, rects.numpy(), size, scale, rounding, grad_out)
    x = torch.tensor(features, requires_grad=True)
    out = ring_max_pool(x, rects, size, scale, rounding)
    out.backward(torch.tensor(grad_out))
    np.testing.assert_array_equal(out.detach().numpy(), pooled)
    np.testing.assert_array_equal(ring_pool_argmax(x, rects, size, scale, rounding).numpy(), argmax)
    np.testing.assert_array_equal(x.grad.numpy(), grad)
    if name == 'negative':
        assert not pooled.any() and (argmax == -1).all()


def test_roundings_and_rings_differ():
    torch.manual_seed(0)
    features = torch.rand(1, 2, 20, 20)
    rois = torch.tensor([[0, 37.0, 39.0, 101.0, 93.0]])
    outs = [
        ring_max_pool(features, ring_rectangles(rois, *scales), 7, 1 / 8, rounding)
        for scales in RINGS.values()
        for rounding in RING_ROUNDINGS
    ]
    for i, out in enumerate(outs):
        assert not any(torch.equal(out, other) for other in outs[:i])


def test_without_hole_it_is_truncating_roi_pooling():
    torch.manual_seed(1)
    features, rois = torch.randn(2, 3, 12, 9), _random_rois(2, 30, 80, 100)
    out = ring_max_pool(features, ring_rectangles(rois, *RINGS['roi']), 7, 1 / 8)
    assert torch.equal(out, roi_max_pool(features, rois, 7, 1 / 8, 'truncate'))


def test_a_hole_over_everything_leaves_its_border():
    features = torch.zeros(1, 1, 5, 5, requires_grad=True)
    with torch.no_grad():
        features[0, 0, 2, 2], features[0, 0, 1, 2] = 9.0, 1.0
    rects = torch.tensor([[0, 0, 0, 4.0, 4.0, 1, 1, 3, 3], [0, 0, 0, 4.0, 4.0, 0, 0, 4, 4]])
    out = ring_max_pool(features, rects, 1, 1.0)
    assert out.flatten().tolist() == [1, 0]  # the border of the inner rectangle belongs to the ring
    assert ring_pool_argmax(features, rects, 1, 1.0).flatten().tolist() == [7, -1]
    out.sum().backward()
    assert features.grad.nonzero().tolist() == [[0, 0, 1, 2]]


def test_first_of_equal_maxima_across_the_parts():
    features = torch.zeros(1, 1, 5, 5)
    rects = torch.tensor([[0, 0, 0, 4.0, 4.0, 1, 1, 3, 3]])
    # one maximum in each part: below, right of, left of, above the hole
    for expected, cell in ((22, (4, 2)), (14, (2, 4)), (10, (2, 0)), (2, (0, 2))):
        features[(0, 0, *cell)] = 1.0
        assert ring_pool_argmax(features, rects, 1, 1.0).item() == expected


@pytest.mark.parametrize('rounding', RING_ROUNDINGS)
def test_slices_do_not_change_the_result(rounding, monkeypatch):
    torch.manual_seed(1)
    features, rects = torch.randn(2, 20, 12, 9), _random_rings(2, 30, 80, 100)

    def run():
        x = features.clone().requires_grad_()
        out = ring_max_pool(x, rects, 5, 1 / 8, rounding)
        out.backward(torch.arange(out.numel()).view_as(out).float())
        return out.detach(), x.grad

    whole = run()
    module = sys.modules['wsod_mm.ops.rect_argmax']
    monkeypatch.setattr(module, '_TABLE_BYTES', 1)
    monkeypatch.setattr(module, '_GATHER_BYTES', 2000)
    monkeypatch.setattr(sys.modules['wsod_mm.ops.roi_pool'], '_BACKWARD_BYTES', 1)
    sliced = run()
    assert torch.equal(whole[0], sliced[0])
    assert torch.equal(whole[1], sliced[1])


@pytest.mark.parametrize('rounding', RING_ROUNDINGS)
def test_path_of_accelerators_agrees_and_does_not_synchronise(rounding, monkeypatch):
    """Off the CPU nothing looks at the data: static table size, all bins and all parts kept."""
    torch.manual_seed(2)
    features, rects = torch.randn(2, 4, 12, 9), _random_rings(2, 20, 80, 100)
    grad_out = torch.randint(-9, 9, (60, 4, 4, 4)).float()

    def run():
        x = features.clone().requires_grad_()
        out = ring_max_pool(x, rects, 4, 1 / 8, rounding)
        out.backward(grad_out)
        return out.detach(), x.grad

    expected = run()
    argmax, ring = sys.modules['wsod_mm.ops.rect_argmax'], sys.modules['wsod_mm.ops.ring_pool']
    monkeypatch.setattr(argmax, '_levels', lambda lengths, limit: limit.bit_length())
    monkeypatch.setattr(argmax, '_used', lambda filled: slice(None))
    monkeypatch.setattr(ring, '_distinct', lambda rects, *_: (rects, None))
    monkeypatch.setattr(ring, '_longest', lambda lengths, limit: limit)
    monkeypatch.setattr(ring, '_check_images', lambda *_: None)
    with Trace() as trace:
        found = run()
    assert 'index_add_' in trace.names and not trace.names & SYNCHRONISE
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_maps_too_large_to_number_their_bins(monkeypatch):
    torch.manual_seed(3)
    features, rects = torch.randn(1, 2, 12, 9), _random_rings(1, 10, 80, 100)
    expected = ring_max_pool(features, rects, 3, 1 / 8)
    monkeypatch.setattr(sys.modules['wsod_mm.ops.ring_pool'], '_longest', lambda lengths, limit: 1 << 12)
    assert torch.equal(ring_max_pool(features, rects, 3, 1 / 8), expected)


@pytest.mark.parametrize('rounding', RING_ROUNDINGS)
def test_gradcheck(rounding):
    torch.manual_seed(4)
    features = torch.randperm(2 * 6 * 7).double().view(1, 2, 6, 7).sub(30).requires_grad_()
    rects = _random_rings(1, 3, 60, 50)
    assert torch.autograd.gradcheck(lambda x: ring_max_pool(x, rects, 3, 1 / 8, rounding), (features,), eps=1e-3)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_is_pooled_with_float32_coordinates(dtype):
    torch.manual_seed(5)
    features = torch.randn(1, 3, 75, 130).to(dtype)
    rects = _random_rings(1, 5, 2080, 1200)
    x = features.clone().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        out = ring_max_pool(x, rects, 7, 1 / 16)
    assert out.dtype == dtype
    assert torch.equal(out.float(), ring_max_pool(features.float(), rects, 7, 1 / 16))
    out.sum().backward()
    assert x.grad.dtype == dtype


def test_no_rings_stay_in_the_graph():
    features = torch.randn(2, 3, 4, 5, requires_grad=True)
    out = ring_max_pool(features, torch.zeros(0, 9), (2, 3), 1 / 8)
    assert out.shape == ring_pool_argmax(features, torch.zeros(0, 9), (2, 3), 1 / 8).shape == (0, 3, 2, 3)
    out.sum().backward()
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_nan_propagates():
    features = torch.rand(1, 1, 3, 3)
    features[0, 0, 0, 1] = math.nan
    rects = torch.tensor([[0, 0, 0, 2.0, 2.0, 0, 0, 2, 2]])
    assert ring_max_pool(features, rects, 1, 1.0).isnan().all()


def test_layer():
    layer = RingMaxPool(3, 1 / 8, 'round')
    features, rects = torch.randn(1, 2, 8, 8), _random_rings(1, 4, 60, 60)
    assert torch.equal(layer(features, rects), ring_max_pool(features, rects, 3, 1 / 8, 'round'))
    assert "rounding='round'" in repr(layer)
    with pytest.raises(ValueError, match="'floor'"):
        RingMaxPool(3, rounding='floor')


@pytest.mark.parametrize(
    ('features', 'rects', 'rounding', 'error', 'text'),
    [
        (torch.zeros(1, 1, 4, 4), torch.zeros(1, 9), 'mmcv', ValueError, "'mmcv'"),
        (torch.zeros(1, 4, 4), torch.zeros(1, 9), 'round', ValueError, r'\[N, C, H, W\]'),
        (torch.zeros(1, 1, 4, 4), torch.zeros(1, 5), 'round', ValueError, 'ring_rectangles'),
        (torch.zeros(1, 1, 4, 4), torch.ones(1, 9), 'round', IndexError, 'the batch has 1'),
    ],
)
def test_errors(features, rects, rounding, error, text):
    with pytest.raises(error, match=text):
        ring_max_pool(features, rects, 2, 1 / 8, rounding)


@pytest.mark.parametrize('rounding', RING_ROUNDINGS)
def test_loop_of_the_benchmark_is_the_same_function(rounding):
    torch.manual_seed(6)
    features, rects = torch.randn(2, 3, 9, 11), _random_rings(2, 8, 80, 80)
    x = features.clone().requires_grad_()
    out = ring_max_pool(x, rects, 3, 1 / 8, rounding)
    values, positions = ring_max_pool_loop(features, rects, 3, 1 / 8, rounding)
    assert torch.equal(values, out)
    assert torch.equal(positions.int(), ring_pool_argmax(features, rects, 3, 1 / 8, rounding))
    slope = torch.randint(-9, 9, out.shape).float()
    out.backward(slope)
    assert torch.equal(ring_max_pool_loop_backward(positions, rects[:, 0].long(), slope, features.shape), x.grad)


def test_benchmark_and_that_the_loop_is_five_times_slower():
    result = benchmark_ring_pool((1, 16, 20, 25), 30, repeat=2)
    assert result['loop / forward'] > 5 and result['loop / forward+backward'] > 5
    assert result['loop / forward'] == result['loop forward ms'] / result['forward ms']


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('name', CASES)
def test_gpu_equals_cpu(name):
    features, rects, size, scale = _case(name, np.random.default_rng(7))
    results = []
    for device in ('cuda', 'cpu'):
        x = torch.tensor(features, device=device, requires_grad=True)
        out = ring_max_pool(x, rects.to(device), size, scale)
        out.sum().backward()
        results.append((out.detach().cpu(), x.grad.cpu()))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


def _random_rois(images, count, width, height):
    corners = torch.rand(count, 2, 2).sort(1).values * torch.tensor([width, height])
    return torch.cat([torch.randint(0, images, (count, 1)).float(), corners.flatten(1)], 1)


def _random_rings(images, count, width, height):
    rois = _random_rois(images, count, width, height)
    return torch.cat([ring_rectangles(rois, *scales) for scales in RINGS.values()])
