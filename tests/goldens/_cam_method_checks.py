"""Golden vectors of WSOL methods and of the Grad-CAM family: what runs on the device."""

import numpy as np
import torch
import torch.nn.functional as F

from wsod_mm.functional.acol import acol_cam, acol_loss, class_attention, erase_attended
from wsod_mm.functional.adl import adl, adl_maps
from wsod_mm.functional.cam_methods import (
    GRADIENT_METHODS,
    eigen_cam,
    fuse_cams,
    scale_cams,
)
from wsod_mm.functional.cutmix import cutmix_box, cutmix_images
from wsod_mm.functional.hide_and_seek import hide_patches
from wsod_mm.functional.spg import fused_attention, guidance_mask, spg_attention, spg_losses

from ._common import Golden

FLOAT = {'rtol': 1e-5, 'atol': 1e-6}
HALF = {'rtol': 1e-3, 'atol': 1e-3}  # of float16 copies


def check_has(path):
    g = Golden(path, rtol=0, atol=0)
    images, draws = g.tensor('image'), g.tensor('uniform_draws')
    settings = int(g.scalar('grid_size')), g.scalar('drop_rate')
    g.compare('out', hide_patches(images, draws, *settings, compat=True))
    if images.shape[2] == images.shape[3]:
        g.compare('out', hide_patches(images, draws, *settings))
    g.done()


def check_adl(path):
    g = Golden(path, **FLOAT)
    x, draw = g.tensor('x'), g.tensor('uniform_draw')
    rate, threshold = g.scalar('adl_drop_rate'), g.scalar('adl_threshold')
    importance, mask = adl_maps(x, threshold)
    g.compare('importance_map', importance)
    g.compare('drop_mask', mask, rtol=0, atol=0)
    g.compare('out_train', adl(x, draw, rate, threshold))
    g.compare('out_eval', adl(x, draw, rate, threshold, training=False), rtol=0, atol=0)
    g.done()


def check_acol(path):
    g = Golden(path, **FLOAT)
    feature, threshold = g.tensor('feature'), g.scalar('drop_threshold')
    labels, erase = g.tensor('labels_for_loss'), g.tensor('erase_labels')
    maps_a = F.conv2d(feature, g.tensor('wA'), g.tensor('bA'))
    logits_a = maps_a.mean(dim=(2, 3))
    if g.scalar('erase_with_predicted'):
        assert torch.equal(erase, logits_a.argmax(1))
    attention = class_attention(maps_a, erase)
    erased = erase_attended(feature, attention, threshold)
    maps_b = F.conv2d(erased, g.tensor('wB'), g.tensor('bB'))
    logits_b = maps_b.mean(dim=(2, 3))
    g.compare('attention', attention)
    g.compare('erased_feature', erased)
    g.compare('logits_a', logits_a)
    g.compare('logits_b', logits_b)
    g.compare('loss', acol_loss(logits_a, logits_b, labels))
    cam = acol_cam(maps_a, maps_b, labels)  # of the label, also where the predicted class was erased
    unknown = np.isnan(g.array('cam'))
    if unknown.any():  # everything was erased: 0 / 0 in the reference, ours has what the first classifier says
        np.testing.assert_array_equal(cam.cpu().numpy()[unknown], class_attention(maps_a, labels)[:, 0].cpu()[unknown])
        g.arrays['cam'] = np.where(unknown, cam.cpu().numpy(), g.arrays['cam'])
    g.compare('cam', cam)
    g.done()


def check_spg(path):
    g = Golden(path, **FLOAT)
    maps, labels, logits = g.tensor('feat_map'), g.tensor('labels'), g.tensor('logits')
    b1, b2, c = (g.tensor(f'logits_{name}') for name in ('b1', 'b2', 'c'))
    thresholds = g.array('thresholds').tolist()
    attention, fused = spg_attention(maps, labels), fused_attention(b1, b2)
    g.compare('attention', attention.half(), **HALF)
    g.compare('fused_attention', fused.half(), **HALF)
    middle = F.interpolate(b2, (224, 224), mode='bilinear').sigmoid()
    masks = [guidance_mask(a, *pair) for a, pair in zip((attention, middle, fused), thresholds, strict=True)]
    g.compare('mask_from_attention_sum', masks[0].sum())
    counts = torch.stack([torch.stack([(m == kind).sum() for kind in (1, 0, 255)]) for m in masks])
    if g.device == 'cpu':
        g.compare('mask_counts_fg_bg_ign', counts)
    else:  # pixels at a threshold
        assert np.abs(counts.cpu().numpy() - g.array('mask_counts_fg_bg_ign')).max() <= 3
    losses = spg_losses(logits, maps, b1, b2, c, labels, thresholds)
    g.compare('loss', sum(losses.values()))
    g.done()


def check_cutmix_bbox(path):
    g = Golden(path, rtol=0, atol=0)
    size = [int(v) for v in g.array('size_nchw')]
    centre = tuple(int(v) for v in g.array('centre_draws'))
    box = cutmix_box(tuple(size[2:]), g.scalar('lam'), centre)
    g.compare('bbox_x1_y1_x2_y2_on_dims_2_3', np.array(box))
    images = torch.zeros(2, 1, *size[2:], device=g.device)
    images[1] = 1
    mixed = cutmix_images(images, torch.tensor([1, 0]), box)
    assert mixed[0].sum() == (box[2] - box[0]) * (box[3] - box[1])
    g.done()


def check_grad_family(path):
    g = Golden(path, rtol=1e-5, atol=1e-5)
    activations, gradients = g.tensor('activations'), g.tensor('gradients')
    width, height = (int(v) for v in g.array('target_wh'))
    names = {'gradcampp': 'gradcam++', **{name: name for name in ('gradcam', 'xgradcam', 'layercam', 'hirescam')}}
    maps = {ours: GRADIENT_METHODS[name](activations, gradients) for ours, name in names.items()}
    raw = eigen_cam(activations, 'raw')
    expected = g.tensor('eigencam_raw')
    sign = (raw * expected).sum(dim=(1, 2), keepdim=True).sign()
    maps['eigencam'] = raw * torch.where(sign == 0, 1.0, sign)
    for name, each in maps.items():
        # the solver of singular vectors is another one
        tolerance = {'rtol': 1e-4, 'atol': 1e-4} if name == 'eigencam' else {}
        g.compare(f'{name}_raw', each, **tolerance)
        scaled = scale_cams(each, (height, width))
        g.compare(f'{name}_scaled', scaled, **tolerance)
        g.compare(f'{name}_final', fuse_cams([scaled]), **tolerance)
    g.done()
