"""The Grad-CAM family beside loops in numpy, its relations, and the overlay."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional import cam_methods as m
from wsod_mm.functional.cam_overlay import jet_colors, overlay_cam


def pair(batch=2, dtype=torch.float32):
    torch.manual_seed(0)
    return torch.rand(batch, 4, 5, 6, dtype=dtype), torch.randn(batch, 4, 5, 6, dtype=dtype)


def test_methods_by_loops():
    activations, gradients = pair(dtype=torch.float64)
    for a, g, *maps in zip(
        activations.numpy(),
        gradients.numpy(),
        *(each(activations, gradients).numpy() for each in m.GRADIENT_METHODS.values()),
        strict=True,
    ):
        out = dict(zip(m.GRADIENT_METHODS, maps, strict=True))
        total = a.sum((1, 2))[:, None, None]
        plus = g**2 / (2 * g**2 + total * g**3 + 1e-6) * np.maximum(g, 0)
        for name, expected in (
            ('gradcam', sum(g[c].mean() * a[c] for c in range(4))),
            ('gradcam++', sum(plus[c].sum() * a[c] for c in range(4))),
            ('xgradcam', sum((g[c] * a[c]).sum() / (a[c].sum() + 1e-7) * a[c] for c in range(4))),
            ('layercam', sum(np.maximum(g[c], 0) * a[c] for c in range(4))),
            ('hirescam', sum(g[c] * a[c] for c in range(4))),
            ('elementwise', sum(np.maximum(g[c] * a[c], 0) for c in range(4))),
        ):
            np.testing.assert_allclose(out[name], expected, rtol=1e-9, err_msg=name)


def test_cam_grad_cam_and_hires_cam_agree_after_global_average_pooling():
    activations, _ = pair()
    activations.requires_grad_()
    weight = torch.randn(3, 4)
    score = F.linear(activations.mean((2, 3)), weight)[:, 1].sum()
    (gradients,) = torch.autograd.grad(score, activations)
    expected = torch.einsum('c,bchw->bhw', weight[1], activations) / 30
    for name in ('gradcam', 'hirescam'):
        torch.testing.assert_close(m.GRADIENT_METHODS[name](activations, gradients), expected)


@pytest.mark.parametrize('name', m.GRADIENT_METHODS)
def test_batch_dead_samples_and_gradients(name):
    activations, gradients = pair(3)
    activations[1], gradients[2] = 0, 0
    maps = m.GRADIENT_METHODS[name](activations, gradients)
    assert maps.shape == (3, 5, 6) and maps.isfinite().all() and not maps[1:].any()
    torch.testing.assert_close(m.GRADIENT_METHODS[name](activations[:1], gradients[:1]), maps[:1], rtol=1e-4, atol=1e-5)
    scaled = m.scale_cams(maps, (20, 24))
    assert scaled[0].max() > 0.5 and not scaled[1:].any()
    activations.requires_grad_()
    m.GRADIENT_METHODS[name](activations[:1], gradients[:1]).square().sum().backward()
    assert activations.grad[0].isfinite().all() and activations.grad[0].any()


def test_dialects_of_grad_cam_plusplus_differ():
    activations, gradients = pair(dtype=torch.float64)
    gradients[0, 1] = 0
    alpha = gradients**2 / (2 * gradients**2 + (activations * gradients**3).sum((2, 3), keepdim=True) + 1e-8)
    expected = (alpha * gradients.clamp(min=0)).sum((2, 3))
    other = m.grad_cam_plusplus_weights(activations, gradients, 'torch-cam')
    torch.testing.assert_close(other, expected)
    assert not torch.allclose(other, m.grad_cam_plusplus_weights(activations, gradients))
    assert other[0, 1] == 0
    with pytest.raises(ValueError, match='dialect'):
        m.grad_cam_plusplus(activations, gradients, 'captum')


def test_eigen_cam_is_the_first_principal_component():
    activations, gradients = pair(dtype=torch.float64)
    maps = m.eigen_cam(activations)
    for a, cam in zip(activations.flatten(2).numpy(), maps.flatten(1).numpy(), strict=True):
        rows = a.T - a.T.mean(0)
        values, vectors = np.linalg.eigh(rows.T @ rows)
        expected = rows @ vectors[:, -1]
        assert np.allclose(cam, expected) or np.allclose(cam, -expected)
        assert cam.mean() == pytest.approx(0, abs=1e-12) and cam @ rows.sum(1) >= 0
    torch.testing.assert_close(m.eigen_grad_cam(activations, gradients), m.eigen_cam(activations * gradients))
    # the solver's sign, and turned activations turn the map
    raw = m.eigen_cam(activations, 'raw')
    torch.testing.assert_close(raw.abs(), maps.abs())
    negative = m.eigen_cam(-activations)
    torch.testing.assert_close(negative, -maps)
    holes = activations.clone()
    holes[0, 0, 0, 0] = float('nan')
    torch.testing.assert_close(m.eigen_cam(holes), m.eigen_cam(holes.nan_to_num()))
    assert m.eigen_cam(torch.rand(1, 7, 1, 1)).item() == 0 and m.eigen_cam(activations.half()).dtype == torch.float32
    with pytest.raises(ValueError, match='sign'):
        m.eigen_cam(activations, 'negative')


def test_weights_without_gradients():
    activations, _ = pair()
    scores = torch.randn(2, 4)
    torch.testing.assert_close(m.score_cam_weights(scores), scores.softmax(1))
    torch.testing.assert_close(m.score_cam_weights(scores, torch.tensor([3.0, -2])), scores.softmax(1))
    masks = m.activation_masks(activations, (10, 12))
    assert masks.shape == (2, 4, 10, 12) and masks.max() == pytest.approx(1) and masks.min() == 0
    lost = m.ablation_weights(torch.tensor([2.0, 0]), torch.tensor([[1.0, 3], [1, 1]]))
    assert lost.tolist() == [[0.5, -0.5], [0, 0]]
    torch.testing.assert_close(m.featmap_cam(activations), activations.mean(1))


def test_scaling():
    raw = torch.tensor([[[-1.0, 0], [1, 3]]])
    torch.testing.assert_close(m.scale_cams(raw)[0], torch.tensor([[0, 0], [1 / 3, 1]]))
    torch.testing.assert_close(m.scale_cams(raw, relu=False)[0], torch.tensor([[0, 0.25], [0.5, 1]]))
    assert m.scale_cams(raw, (6, 8)).shape == (1, 6, 8) and not m.scale_cams(-raw.abs()).any()
    assert m.scale_cams(raw, eps=3.0).max() == 0.5


def test_fusion():
    layers = [torch.tensor([[[0.0, 0.5], [1, 0]]]), torch.tensor([[[0.0, 1], [0.2, 0.2]]])]
    torch.testing.assert_close(m.fuse_cams(layers)[0], torch.tensor([[0, 1], [0.8, 0.4 / 3]]))
    torch.testing.assert_close(m.fuse_cams(layers, 'max')[0], torch.tensor([[0, 1], [1, 0.2]]))
    tanh = m.fuse_cams(layers, 'tanh_max')[0]
    assert 0.2 < tanh[1, 1] < 0.5
    with pytest.raises(ValueError, match='fusion'):
        m.fuse_cams(layers, 'sum')
    with pytest.raises(ValueError, match='no layers'):
        m.fuse_cams([])


def test_errors():
    activations, gradients = pair()
    for name, method in m.GRADIENT_METHODS.items():
        with pytest.raises(ValueError, match='one shape'):
            method(activations, gradients[:, :2])
        with pytest.raises(ValueError, match='transformer'):
            method(activations[0], gradients[0])
        assert name in m.GRADIENT_METHODS
    with pytest.raises(ValueError, match='do not fit'):
        m.weighted_map(torch.rand(2, 3), activations)


@pytest.mark.parametrize('use_rgb', [False, True])
@pytest.mark.parametrize('weight', [0.0, 0.3, 1.0])
def test_overlay_by_opencv(use_rgb, weight):
    images, maps = torch.rand(2, 9, 7, 3), torch.rand(2, 9, 7)
    out = overlay_cam(images, maps, use_rgb, weight)
    for image, each, picture in zip(images.numpy(), maps.numpy(), out.numpy(), strict=True):
        heat = cv2.applyColorMap(np.uint8(255 * each), cv2.COLORMAP_JET)
        heat = np.float32(heat[..., ::-1] if use_rgb else heat) / 255
        mixed = (1 - weight) * heat + weight * image
        assert np.abs(np.uint8(255 * (mixed / mixed.max())).astype(int) - picture).max() <= 1
    assert torch.equal(overlay_cam(images[0], maps[0], use_rgb, weight), out[0])


def test_hot_is_red():
    table = jet_colors(use_rgb=True)
    assert table[255].argmax() == 0 and table[0].argmax() == 2
    assert torch.equal(jet_colors(use_rgb=False), table.flip(-1))


def test_overlay_switches_and_errors():
    image, cam = torch.rand(4, 5, 3) * 0.5, torch.rand(4, 5)
    zhou = overlay_cam(image, cam, False, 0.5, heat_weight=0.3, stretch=False)
    heat = jet_colors(False)[(cam * 255).byte().long()].float() / 255
    assert torch.equal(zhou, ((0.3 * heat + 0.5 * image) * 255).byte())
    assert overlay_cam(image, cam, True).max() == 255 and not torch.equal(overlay_cam(image, cam, True), zhou)
    assert not overlay_cam(torch.zeros(2, 2, 3), torch.ones(2, 2), image_weight=1.0).any()  # black stays black
    for args, match in (
        ((image, cam[:2]), 'H, W, 3'),
        ((image * 255, cam), r'in \[0, 1\], got'),
        ((image.byte(), cam), 'float'),
        ((image, cam, True, 1.5), 'image_weight'),
    ):
        with pytest.raises(ValueError, match=match):
            overlay_cam(*args)
