"""RoI max-pooling against an oracle written with Python loops."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from wsod_mm.ops import ROI_POOL_MODES, RoIMaxPool, roi_max_pool

_LOWEST = np.float32(torch.finfo(torch.float32).min)


def _f32(value):
    return np.float32(value)


def _round_away(value):
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def _edges(low, high, bins, scale, mode):
    """Ranges of the bins along one axis, in scalar float32 arithmetic, and whether the RoI
    counts."""
    if mode == 'mmcv':
        start = _f32(_f32(low) * _f32(scale))
        size = _f32(_f32(_f32(high) + _f32(1)) * _f32(scale)) - start
        step = _f32(size / _f32(bins))
        fused = [_f32(float(i) * float(step) + float(start)) for i in range(bins + 1)]
        return [(math.floor(fused[i]), math.ceil(fused[i + 1])) for i in range(bins)], size > 0
    if mode == 'torchvision':
        start, end = (_round_away(_f32(v) * _f32(scale)) for v in (low, high))
        size = max(end - start + 1, 1)
        step = _f32(_f32(size) / _f32(bins))
        return [(math.floor(_f32(i) * step) + start, math.ceil(_f32(i + 1) * step) + start) for i in range(bins)], True
    start, end = (int(_f32(v) * _f32(scale)) for v in (low, high))
    size = max(end - start + 1, 1)
    return [(i * size // bins + start, -(-(i + 1) * size // bins) + start) for i in range(bins)], True


def _oracle(features, rois, size, scale, mode, grad_out):
    """Pooled values and feature gradient with one loop per axis, as the public kernels have it."""
    _, channels, height, width = features.shape
    pooled = np.zeros((len(rois), channels, *size), features.dtype)
    grad = np.zeros(features.shape, np.float64)
    for r, roi in enumerate(rois):
        image = int(roi[0])
        rows, rows_ok = _edges(roi[2], roi[4], size[0], scale, mode)
        cols, cols_ok = _edges(roi[1], roi[3], size[1], scale, mode)
        if not (rows_ok and cols_ok):
            continue
        for c in range(channels):
            for i, (y1, y2) in enumerate(rows):
                for j, (x1, x2) in enumerate(cols):
                    ys = range(min(max(y1, 0), height), min(max(y2, 0), height))
                    xs = range(min(max(x1, 0), width), min(max(x2, 0), width))
                    if not len(ys) or not len(xs):
                        continue
                    best, where = (0.0 if mode == 'truncate' else _LOWEST), None
                    for y in ys:
                        for x in xs:
                            if features[image, c, y, x] > best:
                                best, where = features[image, c, y, x], (y, x)
                    pooled[r, c, i, j] = best
                    if where is not None:
                        grad[(image, c, *where)] += grad_out[r, c, i, j]
    return pooled, grad


def _case(name, rng):
    """features, rois, (rows, columns) and scale of a named situation."""
    features = rng.standard_normal((2, 3, 9, 13)).astype(np.float32)
    corners = np.sort(rng.uniform(-30, 140, (24, 2, 2)), axis=1).reshape(24, 4)
    size, scale = (7, 7), 1 / 8
    if name == 'integer':
        corners = corners.round()
    elif name == 'ties':
        features = rng.integers(-1, 2, features.shape).astype(np.float32)
        features[features == 0] *= -1  # -0.0 is a zero like the other
    elif name == 'negative':
        features = -np.abs(features) - 1
    elif name == 'infinite':
        features[rng.random(features.shape) < 0.7] = -np.inf
        features[rng.random(features.shape) < 0.05] = np.inf
    elif name == 'outside':
        corners = corners + np.array([200, 200, 200, 200]) * rng.choice([-1, 1], (24, 1))
        corners[0] = (-500, -500, 500, 500)
    elif name == 'degenerate':
        corners = corners[:, [2, 3, 0, 1]]  # x2 < x1
        corners[:6, 2:] = corners[:6, :2]
        corners[6:12, 2:] = corners[6:12, :2] - 1
    elif name == 'odd_scale':
        size, scale = (4, 5), 0.0613
    elif name == 'one_cell':
        features = features[:, :, :1, :1]
    elif name == 'halves':
        corners = np.sort((rng.integers(-4, 30, (24, 2, 2)) * 4), axis=1).reshape(24, 4)
    elif name == 'large':  # sizes at which float32 and whole-number bins differ (57 cells in 7 bins)
        features = rng.standard_normal((1, 1, 60, 70)).astype(np.float32)
        corners = np.array([[0, 0, 455, 448], [8, 0, 455, 455], [0, 8, 247, 480], [3, 5, 511, 478]])
    image = rng.integers(0, len(features), (len(corners), 1))
    return features, np.concatenate([image, corners], 1).astype(np.float32), size, scale


@pytest.mark.parametrize('mode', ROI_POOL_MODES)
@pytest.mark.parametrize(
    'name',
    [
        'plain',
        'integer',
        'ties',
        'negative',
        'infinite',
        'outside',
        'degenerate',
        'odd_scale',
        'one_cell',
        'halves',
        'large',
    ],
)
def test_oracle(name, mode):
    rng = np.random.default_rng(len(name))
    features, rois, size, scale = _case(name, rng)
    grad_out = rng.integers(-9, 10, (len(rois), features.shape[1], *size)).astype(np.float32)  # sums of these are exact
    pooled, grad = _oracle(features, rois, size, scale, mode, grad_out)
    x = torch.tensor(features, requires_grad=True)
    out = roi_max_pool(x, torch.tensor(rois), size, scale, mode)
    out.backward(torch.tensor(grad_out))
    np.testing.assert_array_equal(out.detach().numpy(), pooled)
    np.testing.assert_array_equal(x.grad.numpy(), grad)


def test_modes_differ():
    torch.manual_seed(0)
    features = torch.randn(1, 2, 20, 20)
    rois = torch.tensor([[0, 6.0, 6.0, 101.0, 93.0]])
    outs = [roi_max_pool(features, rois, 7, 1 / 8, mode) for mode in ROI_POOL_MODES]
    assert not torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    assert not torch.equal(outs[1], outs[2])


@pytest.mark.parametrize('mode', ROI_POOL_MODES)
def test_slices_do_not_change_the_result(mode, monkeypatch):
    torch.manual_seed(1)
    features, rois = torch.randn(2, 20, 12, 9), _random_rois(2, 50, 80, 100)

    def run():
        x = features.clone().requires_grad_()
        out = roi_max_pool(x, rois, 5, 1 / 8, mode)
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


@pytest.mark.parametrize('mode', ROI_POOL_MODES)
def test_path_of_accelerators_agrees(mode, monkeypatch):
    """Off the CPU nothing looks at the data: static table size, repeated bins kept. Run that path
    here."""
    torch.manual_seed(2)
    features, rois = torch.randn(2, 4, 12, 9), _random_rois(2, 40, 80, 100)
    expected = roi_max_pool(features, rois, 4, 1 / 8, mode)
    x = features.clone().requires_grad_()
    monkeypatch.setattr(sys.modules['wsod_mm.ops.rect_argmax'], '_levels', lambda lengths, limit: limit.bit_length())
    monkeypatch.setattr(sys.modules['wsod_mm.ops.roi_pool'], '_distinct', lambda rects, *_: (rects, None))
    out = roi_max_pool(x, rois, 4, 1 / 8, mode)
    assert torch.equal(out, expected)
    grad_out = torch.randint(-9, 9, out.shape).float()
    out.backward(grad_out)
    y = features.clone().requires_grad_()
    monkeypatch.undo()
    roi_max_pool(y, rois, 4, 1 / 8, mode).backward(grad_out)
    assert torch.equal(x.grad, y.grad)


@pytest.mark.parametrize('mode', ROI_POOL_MODES)
def test_gradcheck(mode):
    torch.manual_seed(3)
    features = torch.randperm(2 * 2 * 6 * 7).double().view(2, 2, 6, 7).sub(60).requires_grad_()
    rois = _random_rois(2, 5, 60, 50)
    assert torch.autograd.gradcheck(lambda x: roi_max_pool(x, rois, 3, 1 / 8, mode), (features,), eps=1e-3)


def test_double_keeps_its_precision():
    features = torch.tensor([1.0, 1.0 + 1e-12, 1.0 + 1e-12, 1.0], dtype=torch.float64).view(1, 1, 2, 2).requires_grad_()
    out = roi_max_pool(features, torch.tensor([[0, 0, 0, 1.0, 1.0]]), 1, 1.0, 'torchvision')
    out.sum().backward()
    assert out.item() == 1.0 + 1e-12
    assert features.grad.flatten().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_is_pooled_with_float32_coordinates(dtype):
    torch.manual_seed(4)
    features = torch.randn(1, 3, 150, 260).to(dtype)
    rois = torch.tensor([[0, 1003.0, 511.0, 2051.0, 1189.0], [0, 1000.3, 7.7, 1500.1, 900.9]])
    x = features.clone().requires_grad_()
    out = roi_max_pool(x, rois, 7, 1 / 8)
    assert out.dtype == dtype
    assert torch.equal(out.float(), roi_max_pool(features.float(), rois, 7, 1 / 8))
    out.sum().backward()
    assert x.grad.dtype == dtype and x.grad.sum() == out.numel()


def test_autocast():
    torch.manual_seed(5)
    features, rois = torch.randn(1, 3, 20, 20), _random_rois(1, 8, 160, 160)
    with torch.autocast('cpu', torch.bfloat16):
        out = roi_max_pool(features, rois, 7, 1 / 8)
    assert out.dtype == torch.float32
    assert torch.equal(out, roi_max_pool(features, rois, 7, 1 / 8))


def test_no_rois_stays_in_the_graph():
    features = torch.randn(2, 3, 4, 5, requires_grad=True)
    out = roi_max_pool(features, torch.zeros(0, 5), (2, 3), 1 / 8)
    assert out.shape == (0, 3, 2, 3)
    out.sum().backward()
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_noncontiguous_inputs():
    torch.manual_seed(6)
    features = torch.randn(2, 9, 7, 4).permute(0, 3, 1, 2)
    rois = torch.cat([_random_rois(2, 10, 60, 60)] * 2, 1)[:, :5]
    assert torch.equal(
        roi_max_pool(features, rois, 3, 1 / 8),
        roi_max_pool(features.contiguous(), rois.clone(), 3, 1 / 8),
    )


def test_layer():
    layer = RoIMaxPool(3, 1 / 8, 'truncate')
    features, rois = torch.randn(1, 2, 8, 8), _random_rois(1, 4, 60, 60)
    assert torch.equal(layer(features, rois), roi_max_pool(features, rois, 3, 1 / 8, 'truncate'))
    assert "mode='truncate'" in repr(layer)


@pytest.mark.parametrize(
    ('features', 'rois', 'mode', 'error', 'text'),
    [
        (torch.zeros(1, 1, 4, 4), torch.zeros(1, 5), 'ring', ValueError, "'ring'"),
        (torch.zeros(1, 4, 4), torch.zeros(1, 5), 'mmcv', ValueError, r'\[N, C, H, W\]'),
        (torch.zeros(1, 1, 4, 4), torch.zeros(1, 4), 'mmcv', ValueError, r'\[R, 5\]'),
        (torch.zeros(1, 1, 4, 4), torch.ones(1, 5), 'mmcv', IndexError, 'the batch has 1'),
    ],
)
def test_errors(features, rois, mode, error, text):
    with pytest.raises(error, match=text):
        roi_max_pool(features, rois, 2, 1 / 8, mode)


def test_imports_without_mmcv():
    code = "import sys; sys.modules['mmcv'] = None; import wsod_mm.ops; assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, '-c', code], check=True)


def test_truncate_equals_the_ring_pool_kernel(goldens_dir):
    """The 'roi' set of CASD's ring pooling has no inner rectangle: it is our truncating rule."""
    files = sorted((goldens_dir / 'casd').glob('clnet_ringpool_case*.npz'))
    assert files
    for file in files:
        case = np.load(file)
        features = torch.tensor(case['features'], requires_grad=True)
        rois = torch.tensor(case['roi_rects'][:, :5])
        size = case['roi_pooled'].shape[-2:]
        out = roi_max_pool(features, rois, tuple(size), float(case['spatial_scale']), 'truncate')
        out.backward(torch.tensor(case['roi_grad_out']))
        np.testing.assert_array_equal(out.detach().numpy(), case['roi_pooled'], err_msg=file.name)
        np.testing.assert_allclose(
            features.grad.numpy(), case['roi_grad_feat'], rtol=1e-5, atol=1e-6, err_msg=file.name
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
# strides that are no power of two are left out: there the compiler may fuse the subtraction too
@pytest.mark.parametrize('name', ['plain', 'integer', 'ties', 'negative', 'outside', 'degenerate', 'large'])
def test_gpu_equals_cpu_and_mmcv_op(name, monkeypatch):
    features, rois, size, scale = _case(name, np.random.default_rng(7))
    module = sys.modules['wsod_mm.ops.roi_pool']
    has_op = module._mmcv_kernel() is not None
    results = []
    for device, kernel in (('cuda', has_op), ('cuda', False), ('cpu', False)):
        with monkeypatch.context() as patch:
            if not kernel:
                patch.setattr(module, '_mmcv_kernel', lambda: None)
            x = torch.tensor(features, device=device, requires_grad=True)
            out = roi_max_pool(x, torch.tensor(rois, device=device), size, scale, 'mmcv')
            out.sum().backward()
            results.append((out.detach().cpu(), x.grad.cpu()))
    for other in results[1:]:
        torch.testing.assert_close(other[0], results[0][0], rtol=0, atol=0)
        torch.testing.assert_close(other[1], results[0][1], rtol=0, atol=0)


def _random_rois(images, count, width, height):
    corners = torch.rand(count, 2, 2).sort(1).values * torch.tensor([width, height])
    return torch.cat([torch.randint(0, images, (count, 1)).float(), corners.flatten(1)], 1)
