"""HaS, ADL, ACoL, SPG and CutMix beside plain loops; nothing in a training step waits for the device."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.acol import acol_cam, acol_loss, class_attention, erase_attended
from wsod_mm.functional.adl import adl, adl_maps
from wsod_mm.functional.cutmix import cutmix_box, cutmix_images, cutmix_loss, cutmix_targets, pasted_share
from wsod_mm.functional.hide_and_seek import hide_patches, patch_grid
from wsod_mm.functional.spg import fused_attention, guidance_loss, guidance_mask, spg_attention, spg_losses

from .test_no_host_sync import SYNCHRONISE, Trace


def hide_by_loops(images, draws, grid, rate, compat):
    images, draws = images.clone(), iter(draws.flatten().tolist())
    height, width = images.shape[2:]
    for image in images:
        for a in range(0, width if compat else height, grid):
            for b in range(0, height if compat else width, grid):
                end = (min(height, a + grid), min(height if compat else width, b + grid))
                if next(draws) <= rate:
                    image[:, a : end[0], b : end[1]] = 0
    return images


@pytest.mark.parametrize('shape', [(12, 12), (10, 23), (23, 10), (3, 5), (1, 9)])
@pytest.mark.parametrize('grid', [1, 4, 30])
@pytest.mark.parametrize('compat', [False, True])
def test_hide_by_loops(shape, grid, compat):
    torch.manual_seed(0)
    images = torch.rand(2, 3, *shape) + 1
    draws = torch.rand(2, *patch_grid(*shape, grid, compat), dtype=torch.float64)
    out = hide_patches(images, draws, grid, 0.4, compat)
    assert torch.equal(out, hide_by_loops(images, draws, grid, 0.4, compat))
    assert torch.equal(out, hide_patches(images, draws.flatten(), grid, 0.4, compat))


def test_reference_bug_is_on_images_that_are_not_square():
    images = torch.ones(1, 1, 8, 16)
    drawn = torch.zeros(1, 8)
    assert not hide_patches(images, drawn, 4, 0.5).any()
    assert hide_patches(images, drawn, 4, 0.5, compat=True)[..., 8:].all()
    square, draws = torch.ones(1, 1, 8, 8), torch.rand(1, 2, 2)
    assert torch.equal(hide_patches(square, draws, 4), hide_patches(square, draws, 4, compat=True))


def test_hide_settings():
    images, draws = torch.ones(1, 1, 4, 4), torch.tensor([0.0, 0.5, 0.50001, 0.9])
    assert hide_patches(images, draws, 2)[0, 0, ::2, ::2].tolist() == [[0, 0], [1, 1]]
    assert hide_patches(images, draws[:0], 0) is images
    assert not hide_patches(images, draws, 2, 1.0).any() and images.all()
    for args, match in (
        ((images, draws[:3], 2), '1 x 2 x 2'),
        ((images[0], draws, 2), 'B, C, H, W'),
        ((images, draws, -1), 'grid_size'),
        ((images, draws, 2, 1.5), 'drop_rate'),
    ):
        with pytest.raises(ValueError, match=match):
            hide_patches(*args)
    with pytest.raises(ValueError, match='at least 1'):
        patch_grid(4, 0, 2)


def test_adl_by_hand():
    torch.manual_seed(0)
    x = torch.randn(3, 5, 4, 6)
    importance, mask = adl_maps(x, 0.8)
    mean = x.mean(1)
    for k in range(3):
        torch.testing.assert_close(importance[k, 0], mean[k].sigmoid())
        assert torch.equal(mask[k, 0], (mean[k] < mean[k].max() * 0.8).float())
    torch.testing.assert_close(adl(x, torch.tensor(0.3), 0.75, 0.8), x * mask)  # floor(1.05) = 1
    torch.testing.assert_close(adl(x, torch.tensor(0.2), 0.75, 0.8), x * importance)
    assert adl(x, 0.3, training=False) is x
    each = adl(x, torch.tensor([0.9, 0.0, 0.9]), 0.75, 0.8)
    torch.testing.assert_close(each[1], (x * importance)[1])
    torch.testing.assert_close(each[2], (x * mask)[2])
    assert not torch.equal(adl_maps(x, 0.1)[1], mask)
    assert adl_maps(x.bfloat16())[0].dtype == torch.bfloat16


def test_adl_gradient_is_that_of_importance_but_not_of_the_mask():
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: adl(t, 0.0, 0.5), x)
    (grad,) = torch.autograd.grad(adl(x, 0.9, 0.5).sum(), x)
    assert torch.equal(grad, adl_maps(x)[1].expand_as(x))


@pytest.mark.parametrize(
    'call, match',
    [
        (lambda x: adl(x[0], 0.1), 'B, C, h, w'),
        (lambda x: adl(x, 0.1, 1.5), 'drop_rate'),
        (lambda x: adl(x, 0.1, threshold=2), 'threshold'),
        (lambda x: adl(x, torch.rand(3)), 'one per image'),
    ],
)
def test_adl_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call(torch.rand(2, 3, 4, 4))


def test_acol():
    torch.manual_seed(0)
    maps_a, maps_b, features = torch.randn(2, 4, 5, 6), torch.randn(2, 4, 5, 6), torch.randn(2, 3, 5, 6)
    labels = torch.tensor([3, 1])
    attention = class_attention(maps_a.requires_grad_(), labels)
    assert attention.shape == (2, 1, 5, 6) and not attention.requires_grad
    for k, label in enumerate(labels):
        own = maps_a[k, label].detach()
        torch.testing.assert_close(attention[k, 0], (own - own.min()) / (own.max() - own.min()))
    erased = erase_attended(features.requires_grad_(), attention, 0.6)
    assert torch.equal(erased, torch.where(attention >= 0.6, 0.0, features))
    erased.sum().backward()
    assert torch.equal(features.grad != 0, (attention < 0.6).expand_as(features))
    assert not erase_attended(features, attention, 0.0).any()
    assert (erase_attended(features, attention, 0.9) != erased).any()
    cam = acol_cam(maps_a, maps_b, labels)
    torch.testing.assert_close(cam, torch.maximum(attention, class_attention(maps_b, labels))[:, 0])
    several = acol_cam(maps_a, maps_b, torch.tensor([[3, 0], [1, 2]]))
    torch.testing.assert_close(several[:, 0], cam)
    # a second classifier without contrast leaves what the first one says
    torch.testing.assert_close(acol_cam(maps_a, torch.ones_like(maps_b), labels), attention[:, 0])
    logits = torch.randn(2, 2, 4)
    expected = F.cross_entropy(logits[0], labels) + F.cross_entropy(logits[1], labels)
    torch.testing.assert_close(acol_loss(*logits, labels), expected)
    assert acol_loss(*logits.bfloat16(), labels).dtype == torch.float32
    for call, match in (
        (lambda: class_attention(maps_a, labels[:1]), 'do not fit'),
        (lambda: erase_attended(features, attention[:, 0]), 'attention'),
        (lambda: erase_attended(features, attention, 1.1), 'threshold'),
        (lambda: acol_cam(maps_a, maps_b[:, :2], labels), 'must agree'),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def mask_by_loops(attention, high, low):
    mask = np.full(attention.shape, 255.0, np.float32)
    for image, out in zip(attention.numpy(), mask, strict=True):
        inside = image > np.float32(high)
        if inside.sum() < 30:
            inside = image > image.max() * np.float32(0.7)
        out[inside] = 1
        out[image < np.float32(low)] = 0
    return torch.from_numpy(mask)


def test_guidance_mask_by_loops():
    torch.manual_seed(0)
    attention = torch.rand(4, 1, 9, 9) * torch.tensor([1.0, 0.5, 0.1, 0.0]).view(4, 1, 1, 1)
    for high, low in ((0.5, 0.05), (0.9, 0.3), (0.2, 0.2)):
        assert torch.equal(guidance_mask(attention, high, low), mask_by_loops(attention, high, low))
    assert not torch.equal(guidance_mask(attention, 0.9, 0.1), guidance_mask(attention, 0.9, 0.1, min_pixels=0))
    assert not torch.equal(guidance_mask(attention, 0.9, 0.1), guidance_mask(attention, 0.9, 0.1, fallback=0.2))


def test_guidance_loss_counts_known_pixels_only():
    logits = torch.randn(2, 1, 6, 6, requires_grad=True)
    mask = torch.randint(0, 2, (2, 1, 6, 6)).float()
    mask[:, :, :3] = 255
    loss = guidance_loss(logits, mask)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits[:, :, 3:], mask[:, :, 3:]))
    loss.backward()
    assert not logits.grad[:, :, :3].any() and logits.grad[:, :, 3:].all()
    assert guidance_loss(logits, torch.full_like(mask, 255)).item() == 0


def test_spg_losses_and_who_learns_from_whom():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 5, 5, requires_grad=True)
    heads = [torch.randn(2, 1, 5, 5, requires_grad=True) for _ in range(3)]
    labels, logits = torch.tensor([2, 0]), torch.randn(2, 3, requires_grad=True)
    losses = spg_losses(logits, maps, *heads, labels, size=(20, 24))
    assert list(losses) == ['loss_cls', 'loss_b2', 'loss_b1', 'loss_c']
    for name, own in (('loss_b1', 0), ('loss_b2', 1), ('loss_c', 2)):
        grads = torch.autograd.grad(losses[name], [maps, *heads], allow_unused=True)
        assert [g is not None for g in grads] == [False, *(k == own for k in range(3))]
    other = spg_losses(logits, maps, *heads, labels, thresholds=((0.6, 0.1),) * 3, size=(20, 24))
    assert all(other[k] != losses[k] for k in ('loss_b1', 'loss_b2', 'loss_c'))
    attention = spg_attention(maps, labels, (20, 24))
    up = F.interpolate(maps, (20, 24), mode='bilinear')
    torch.testing.assert_close(attention, class_attention(up, labels))
    assert not fused_attention(*heads[:2]).requires_grad
    for call, match in (
        (lambda: spg_losses(logits, maps, *heads, labels, thresholds=((0.7, 0.1),)), 'three pairs'),
        (lambda: spg_attention(maps, labels[:1]), 'class_ids'),
        (lambda: guidance_mask(maps, 0.7, 0.1), 'attention'),
        (lambda: guidance_mask(attention, 0.1, 0.7), 'above high'),
        (lambda: guidance_loss(maps, attention), 'do not fit'),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def test_cutmix_box():
    for lam in (0.0, 0.2, 0.77, 1.0):
        for centre in ((0, 0), (15, 20), (31, 47)):
            top, left, bottom, right = cutmix_box((32, 48), lam, centre)
            sides = [int(n * math.sqrt(1 - lam)) // 2 for n in (32, 48)]
            assert (top, bottom) == (max(centre[0] - sides[0], 0), min(centre[0] + sides[0], 32))
            assert (left, right) == (max(centre[1] - sides[1], 0), min(centre[1] + sides[1], 48))
    assert pasted_share(cutmix_box((32, 32), 0.75, (16, 16)), (32, 32)) == 0.75
    assert pasted_share(cutmix_box((32, 32), 0.75, (0, 0)), (32, 32)) > 0.75  # clipped
    with pytest.raises(ValueError, match='lam'):
        cutmix_box((4, 4), 1.2, (0, 0))
    with pytest.raises(ValueError, match='outside'):
        cutmix_box((4, 4), 0.2, (0, 4))


def test_cutmix_images_and_targets():
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 6, 8).clone()
    order, box = torch.tensor([2, 0, 1]), (1, 2, 4, 7)
    mixed = cutmix_images(images, order, box)
    inside = torch.zeros(6, 8, dtype=torch.bool)
    inside[1:4, 2:7] = True
    assert torch.equal(mixed, torch.where(inside, images[order], images)) and images[0].sum() == 0
    labels, logits = torch.tensor([0, 3, 1]), torch.randn(3, 4)
    targets = cutmix_targets(F.one_hot(labels, 4).float(), order, 0.3)
    torch.testing.assert_close(cutmix_loss(logits, labels, order, 0.3), F.cross_entropy(logits, targets))
    assert cutmix_loss(logits, labels, order, 1.0) == F.cross_entropy(logits, labels)
    for call, match in (
        (lambda: cutmix_images(images, order[:2], box), 'do not fit'),
        (lambda: cutmix_targets(F.one_hot(labels, 4), order, 0.3), 'float'),
        (lambda: cutmix_targets(targets, order, 2), 'lam'),
        (lambda: cutmix_loss(logits, labels, order, -1), 'lam'),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def test_training_steps_do_not_wait():
    torch.manual_seed(0)
    x, maps = torch.randn(2, 4, 6, 6, requires_grad=True), torch.randn(2, 3, 6, 6, requires_grad=True)
    heads = [torch.randn(2, 1, 6, 6, requires_grad=True) for _ in range(3)]
    labels, draw = torch.tensor([0, 2]), torch.rand(())
    with Trace() as trace:
        loss = adl(x, draw).sum() + hide_patches(x, torch.rand(2, 2, 2), 4).sum()
        loss = loss + erase_attended(x, class_attention(maps, labels)).sum()
        loss = loss + sum(spg_losses(maps.mean((2, 3)), maps, *heads, labels, size=(12, 12)).values())
        mixed = cutmix_images(x, torch.tensor([1, 0]), (1, 1, 3, 4))
        loss = loss + mixed.sum() + cutmix_loss(maps.mean((2, 3)), labels, torch.tensor([1, 0]), 0.4)
        loss.backward()
    assert not trace.names & SYNCHRONISE
