"""Dense CRF: kernels against all pairs, backends against each other, and what they refuse."""

import importlib.util

import numpy as np
import pytest
import torch
from scipy import ndimage

from wsod_mm.functional.crf_labels import hard_unary, soft_unary
from wsod_mm.ops.bilateral_grid import BilateralGrid
from wsod_mm.ops.crf_mean_field import MAX_EXACT_PIXELS, bilateral_features, gaussian_blur, pixel_grid
from wsod_mm.ops.dense_crf import DenseCRFParams, dense_crf, resolve_crf_backend

INSTALLED = importlib.util.find_spec('pydensecrf') is not None
IRN = DenseCRFParams(bilateral_sigma=50, color_sigma=5)


def probability_unary(probabilities):
    return soft_unary(torch.as_tensor(probabilities)).numpy()


def scene(height=26, width=34, labels=3, seed=0):
    """Image of blots, and probabilities that half know them."""
    rng = np.random.default_rng(seed)
    ids = ndimage.gaussian_filter(rng.standard_normal((labels, height, width)), (0, 4, 4)).argmax(0)
    colours = rng.integers(30, 220, (labels, 3))
    image = np.clip(colours[ids] + 9 * rng.standard_normal((height, width, 3)), 0, 255).astype(np.uint8)
    scores = (ids == np.arange(labels)[:, None, None]) + 1.1 * rng.standard_normal((labels, height, width))
    scores = np.exp(ndimage.gaussian_filter(scores, (0, 1, 1)) * 3)
    return image, (scores / scores.sum(0)).astype(np.float32), ids


def naive(image, unary, params):
    """The formula, with a matrix per kernel."""
    height, width = image.shape[:2]
    places = np.stack(np.mgrid[:height, :width], -1).reshape(-1, 2).astype(float)
    colours = image.reshape(-1, 3).astype(float)
    total = 0
    for weight, features in (
        (params.gaussian_weight, places / params.gaussian_sigma),
        (params.bilateral_weight, np.hstack([places / params.bilateral_sigma, colours / params.color_sigma])),
    ):
        kernel = np.exp(-0.5 * ((features[:, None] - features) ** 2).sum(-1))
        scale = 1 / np.sqrt(kernel.sum(1))
        total = total + weight * scale[:, None] * kernel * scale
    unary = unary.reshape(len(unary), -1).astype(float)
    logits = -unary
    for _ in range(params.iterations + 1):
        q = np.exp(logits - logits.max(0))
        q /= q.sum(0)
        logits = -unary + q @ total
    return q.reshape(len(unary), height, width)


@pytest.mark.parametrize('params', [DenseCRFParams(), DenseCRFParams(3, 2, 5, 20, 30, 4), DenseCRFParams(0)])
@pytest.mark.parametrize('labels', [2, 6])
def test_exact_is_the_formula(params, labels):
    image, probabilities, _ = scene(14, 17, labels)
    unary = probability_unary(probabilities)
    posterior = dense_crf(image, unary, params, 'exact')
    assert posterior.dtype == np.float32
    np.testing.assert_allclose(posterior, naive(image, unary, params), atol=1e-6)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(('params', 'labels'), [(DenseCRFParams(), 3), (DenseCRFParams(), 8), (IRN, 2)])
def test_grid_agrees_with_exact(seed, params, labels):
    image, probabilities, ids = scene(labels=labels, seed=seed)
    unary = probability_unary(probabilities)
    if params is IRN:
        unary = hard_unary(torch.from_numpy(probabilities.argmax(0)), labels).numpy()
    grid, exact = dense_crf(image, unary, params, 'grid'), dense_crf(image, unary, params, 'exact')
    assert (grid.argmax(0) != exact.argmax(0)).mean() <= 0.01
    assert np.abs(grid - exact).mean() < 0.01
    np.testing.assert_allclose(grid.sum(0), 1, atol=1e-5)
    if params is not IRN:  # it is the CRF that agrees, and not the start
        assert (exact.argmax(0) != unary.argmin(0)).mean() > 0.05
        assert (exact.argmax(0) == ids).mean() > (unary.argmin(0) == ids).mean()


@pytest.mark.skipif(not INSTALLED, reason='needs pydensecrf2')
def test_pydensecrf_agrees_with_exact():
    image, probabilities, _ = scene()
    unary = probability_unary(probabilities)
    theirs, exact = (dense_crf(image, unary, backend=name) for name in ('pydensecrf', 'exact'))
    assert (theirs.argmax(0) != exact.argmax(0)).mean() <= 0.03
    image.setflags(write=False)  # like that of a PIL image
    np.testing.assert_array_equal(dense_crf(image, unary.astype(np.float64)[:, ::1], backend='auto'), theirs)


def test_every_parameter_counts():
    image, probabilities, _ = scene(12, 14)
    unary = probability_unary(probabilities)
    for backend in ('exact', 'grid'):
        base = dense_crf(image, unary, backend=backend)
        for name, value in vars(DenseCRFParams()).items():
            other = dense_crf(image, unary, DenseCRFParams(**{name: value / 4 if name != 'iterations' else 1}), backend)
            assert np.abs(base - other).max() > 1e-3, (backend, name)


@pytest.mark.parametrize('backend', ['grid', 'exact', 'none', 'auto'])
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 2), (5, 6)])
def test_odd_images(backend, size):
    flat = np.full((*size, 3), 77, np.uint8)
    unary = probability_unary(np.random.default_rng(0).dirichlet(np.ones(3), size).transpose(2, 0, 1))
    posterior = dense_crf(flat, unary, backend=backend)
    assert posterior.shape == unary.shape and np.isfinite(posterior).all()
    np.testing.assert_allclose(posterior.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(dense_crf(flat, unary[:1], backend=backend), np.ones((1, *size), np.float32))


def test_none_changes_no_label():
    image, probabilities, _ = scene()
    unary = probability_unary(probabilities)
    clipped = np.clip(probabilities, 1e-5, 1)
    np.testing.assert_allclose(dense_crf(image, unary, backend='none'), clipped / clipped.sum(0), atol=1e-6)


def test_grid_sums_over_all_pairs():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(300, 5, generator=generator) * 0.6
    values = torch.rand(300, 3, generator=generator)
    exact = torch.exp(-0.5 * torch.cdist(features, features).square()) @ values
    errors = []
    for cell in (0.4, 0.7, 1.0):
        grid = BilateralGrid(features, torch.full((5,), cell))
        sums = grid(values)
        # up to a common factor, which normalisation takes away
        sums = sums * (exact.sum() / sums.sum())
        errors.append(float(((sums - exact).abs() / exact).mean()))
        other = torch.rand(300, 3, generator=generator)
        torch.testing.assert_close((other * grid(values)).sum(), (values * grid(other)).sum())
    assert errors[0] < errors[1] < errors[2] < 0.15 and errors[0] < 0.03


@pytest.mark.parametrize(('size', 'sigma'), [((9, 40), 3), ((37, 5), 1.3), ((1, 1), 3), ((6, 100), 0.1)])
def test_blur_is_a_gaussian_sum(size, sigma):
    values = torch.rand(2, *size, dtype=torch.float64)
    rows, columns = (
        torch.exp(-((torch.arange(n)[:, None] - torch.arange(n)) ** 2) / (2 * sigma**2)).double() for n in size
    )
    torch.testing.assert_close(gaussian_blur(values, sigma), rows @ values @ columns, rtol=1e-4, atol=1e-6)


def test_cells_grow_where_there_are_too_many(monkeypatch):
    shapes = []
    build = BilateralGrid.__init__

    def remember(self, features, cell):
        build(self, features, cell)
        shapes.append((self.nodes, cell.tolist()))

    monkeypatch.setattr(BilateralGrid, '__init__', remember)
    image = torch.randint(0, 256, (20, 30, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features = bilateral_features(image, 10, 13).float()
    values = torch.rand(1, 20, 30)
    sums = [pixel_grid(features, (20, 30), most)(values) for most in (10**7, 10**5, 1000, 1)]
    (most, finest), (fewer, larger), (few, _), (least, _) = shapes
    assert most > 10**5 >= fewer > 1000 >= few and least == 32
    assert finest == [0.5] * 5 and larger[0] < larger[2]
    assert not torch.allclose(sums[0], sums[1], rtol=1e-3)


def test_colours_are_turned_where_that_saves_cells(monkeypatch):
    grey = torch.arange(250, dtype=torch.uint8).view(10, 25, 1).expand(-1, -1, 3)
    features = bilateral_features(grey, 80, 13).float()
    spans = []
    monkeypatch.setattr('wsod_mm.ops.crf_mean_field.BilateralGrid', lambda f, cell: spans.append(f.amax(0) - f.amin(0)))
    pixel_grid(features, (10, 25))
    assert sorted(round(v, 2) for v in spans[0].tolist()[2:])[:2] == [0, 0]


def test_backend_without_pydensecrf(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert resolve_crf_backend('auto') == 'grid' and resolve_crf_backend() == 'grid'
    with pytest.raises(ModuleNotFoundError, match='pip install pydensecrf2'):
        resolve_crf_backend('pydensecrf')
    with pytest.raises(ModuleNotFoundError, match="choose 'grid'"):
        dense_crf(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 2)), backend='pydensecrf')


def test_backend_with_pydensecrf(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())
    assert resolve_crf_backend() == resolve_crf_backend('pydensecrf') == 'pydensecrf'
    assert [resolve_crf_backend(name) for name in ('grid', 'exact', 'none')] == ['grid', 'exact', 'none']
    with pytest.raises(ValueError, match='must be one of'):
        resolve_crf_backend('convcrf')


@pytest.mark.parametrize(
    ('image', 'unary', 'match'),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((2, 4, 5)), r"convert\('RGB'\)"),
        (np.zeros((4, 5, 4), np.uint8), np.zeros((2, 4, 5)), 'must be RGB'),
        (np.zeros((4, 5, 3), np.float32), np.zeros((2, 4, 5)), 'float32'),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((2, 5, 4)), r'costs must be \[L, 4, 5\]'),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((0, 4, 5)), 'a label and a pixel'),
        (np.zeros((4, 5, 3), np.uint8), np.full((2, 4, 5), np.inf), 'must be finite'),
    ],
)
def test_what_a_crf_refuses(image, unary, match):
    with pytest.raises(ValueError, match=match):
        dense_crf(image, unary, backend='grid')


def test_exact_refuses_large_images():
    side = int(MAX_EXACT_PIXELS**0.5) + 1
    with pytest.raises(ValueError, match="use 'grid'"):
        dense_crf(np.zeros((side, side, 3), np.uint8), np.zeros((2, side, side)), backend='exact')


@pytest.mark.parametrize('change', [{'gaussian_sigma': 0}, {'color_sigma': -1}, {'iterations': -1}])
def test_what_is_no_parameter(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        DenseCRFParams(**change)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('backend', ['grid', 'exact'])
def test_on_a_gpu(backend):
    image, probabilities, _ = scene()
    unary = probability_unary(probabilities)
    here, there = (dense_crf(image, unary, backend=backend, device=device) for device in ('cpu', 'cuda'))
    assert (here.argmax(0) != there.argmax(0)).mean() < 0.002
