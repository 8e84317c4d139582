"""Golden vectors of PSA and IRN: transforms, CAMs, labels for affinities, IoU and mask AP."""

import random
from functools import partial

import numpy as np
import torch

from wsod_mm.functional.cam_maps import add_mirrored, merge_cams, merge_strided_cams, predict_labels, scaled_size
from wsod_mm.functional.class_maps import class_activation_maps
from wsod_mm.functional.confusion import confusion_matrix, error_fractions, iou_from_confusion, mean_iou
from wsod_mm.functional.crf_labels import combine_soft_labels, crf_soft_labels, ir_label
from wsod_mm.functional.crops import (
    centre_offset,
    crop_box,
    crop_to_container,
    long_side_size,
    mean_pool,
    num_offsets,
)
from wsod_mm.functional.image_input import (
    CAFFE_NORM,
    IMAGENET_NORM,
    multi_scale_inputs,
    normalize_image,
    resize_bicubic,
)
from wsod_mm.functional.mask_ap import instance_ap_voc, overlaps_of_image
from wsod_mm.functional.pair_labels import pair_labels
from wsod_mm.functional.pixel_pairs import pair_offsets

from ._affinity_common import Case

SCALES = (1.0, 0.5, 1.5, 2.0)
CAM = {'rtol': 0, 'atol': 1e-5}
NORMS = {'vgg16': CAFFE_NORM, 'resnet38': IMAGENET_NORM}


def reference_offset(size, crop):
    """The places that the public code draws from Python's global source: the horizontal one first."""
    left = random.randrange(num_offsets(size[1], crop[1]))
    return random.randrange(num_offsets(size[0], crop[0])), left


def check_psa_transforms(path):
    g = Case(path, **CAM)
    crop = (int(g.scalar('crop')),) * 2
    data, seed = g.array('in'), int(g.scalar('seed'))
    size = data.shape[:2]
    random.seed(seed)
    box = crop_box(size, crop, reference_offset(size, crop))
    g.compare('box', np.array([*box.container, *box.image]))
    np.testing.assert_array_equal(g.array('random_crop'), crop_to_container(data, box, crop))
    box = crop_box(size, crop, tuple(centre_offset(m, s) for m, s in zip(size, crop, strict=True)))
    np.testing.assert_array_equal(g.array('center_crop'), crop_to_container(data, box, crop))
    g.compare('avgpool8', mean_pool(g.tensor('in').permute(2, 0, 1)).permute(1, 2, 0))
    image = g.array('img')
    g.compare('norm_resnet38', normalize_image(image, IMAGENET_NORM))
    g.compare('norm_vgg16', normalize_image(image, CAFFE_NORM))
    random.seed(seed)
    g.compare('resize_long_target', random.randint(12, 40))
    target = int(g.scalar('resize_long_target'))
    g.compare('resize_long_12_40', resize_bicubic(image, *long_side_size(*image.shape[:2], target)))
    g.done()


def check_psa_laha_to_pairs(path):
    g = Case(path, **CAM)
    crop = (int(g.scalar('crop_size')),) * 2
    image, low, high = g.array('img'), g.array('la'), g.array('ha')
    assert len(low) == len(g.array('keys')) + 1
    random.seed(int(g.scalar('py_random_seed')))
    size = image.shape[:2]
    box = crop_box(size, crop, reference_offset(size, crop))
    flipped = bool(random.getrandbits(1))
    g.compare('flipped', int(flipped))
    maps = crop_to_container(np.concatenate((low, high)), box, crop, channels_first=True)
    np.testing.assert_array_equal(g.array('cropped_softmaps'), maps.transpose(1, 2, 0))
    net_input = normalize_image(crop_to_container(image, box, crop), NORMS[str(g.array('net'))])
    if flipped:
        net_input, maps = net_input[:, ::-1], maps[..., ::-1]
    g.compare('img_out', net_input.transpose(2, 0, 1))
    pooled = mean_pool(torch.from_numpy(maps.copy()).to(g.device))
    label = combine_soft_labels(*pooled.chunk(2))
    g.compare('label', label)
    # the values of the classes instead of their places in the file: the same pairs
    values = torch.cat((label.new_zeros(1), g.tensor('keys') + 1))
    named = combine_soft_labels(*pooled.chunk(2), keys=values)
    for one in (label, named):
        pairs = pair_labels(one, pair_offsets(5), 5)
        for name in ('bg_pos', 'fg_pos', 'neg'):
            g.compare(name, getattr(pairs, name).to(torch.uint8))
    g.done()


def crf(bilateral_sigma=80.0, color_sigma=13.0):
    from wsod_mm.ops.dense_crf import DenseCRFParams, dense_crf

    params = DenseCRFParams(bilateral_sigma=bilateral_sigma, color_sigma=color_sigma)
    return partial(dense_crf, params=params, backend='pydensecrf')


def check_psa_multiscale_cam_and_crf(path):
    g = Case(path, **CAM)
    image, keys = g.array('img'), g.tensor('keys')
    size = image.shape[:2]
    assert torch.equal(g.tensor('label').nonzero()[:, 0], keys)
    inputs = multi_scale_inputs(image, SCALES, NORMS[str(g.array('net'))])
    for k in range(2 * len(SCALES)):
        one = inputs[k // 2][k % 2]
        g.compare(f'netin{k}_shape', one.shape)
        assert one.shape[1:] == scaled_size(*size, SCALES[k // 2])
        if g.has(f'netin{k}'):
            g.compare(f'netin{k}', one)
    maps = [g.tensor(f'rawcam{k}') for k in range(2 * len(SCALES))]
    cams = merge_cams(maps, [False, True] * len(SCALES), keys, size)
    g.compare('cam', cams)
    g.compare('cam_pred_bg0p2', predict_labels(cams, keys, 0.2))
    g.compare('la_keys', torch.cat((keys.new_zeros(1), keys + 1)))
    for name, alpha in zip(('la', 'ha'), g.array('alpha_la_ha').tolist(), strict=True):
        g.compare(name, crf_soft_labels(image, g.tensor('cam'), alpha, crf()), atol=1e-4)
    g.done()


def check_irn_multiscale_cam(path):
    g = Case(path, **CAM)
    image, keys, weight = g.array('img'), g.tensor('keys'), g.tensor('classifier')
    assert torch.equal(g.tensor('label').nonzero()[:, 0], keys)
    sums = []
    for k, pair in enumerate(multi_scale_inputs(image, SCALES, IMAGENET_NORM)):
        g.compare(f'netin{k}_shape', pair.shape)
        if g.has(f'netin{k}'):
            g.compare(f'netin{k}', pair)
        sums.append(add_mirrored(class_activation_maps(g.tensor(f'feat{k}'), weight)))
        g.compare(f'camsum{k}', sums[-1])
    low, high = merge_strided_cams(sums, keys, image.shape[:2])
    g.compare('cam', low)
    g.compare('high_res', high)
    g.done()


def check_irn_ir_label(path):
    g = Case(path, rtol=0, atol=0)
    label = ir_label(
        g.array('img'),
        g.tensor('high_res'),
        g.tensor('keys'),
        crf(bilateral_sigma=50.0, color_sigma=5.0),
        g.scalar('conf_fg_thres'),
        g.scalar('conf_bg_thres'),
    )
    g.compare('ir_label', label)
    g.done()


def check_miou_confusion(path):
    g = Case(path, rtol=1e-12, atol=1e-12)
    confusion = confusion_matrix(g.tensor('pred'), g.tensor('gt'))
    g.compare('confusion', confusion)
    iou = iou_from_confusion(confusion)
    g.compare('iou', iou)
    g.compare('miou', mean_iou(iou))
    g.compare('fp0_fn0', torch.stack(error_fractions(confusion))[:, 0])
    g.done()


def check_instance_ap_voc(path):
    g = Case(path, rtol=0, atol=1e-9)
    images = [
        overlaps_of_image(*(g.array(f'i{j}_{name}') for name in ('pm', 'pl', 'ps', 'gm', 'gl')))
        for j in range(int(g.scalar('n')))
    ]
    for percent in (50, 70):
        ap = instance_ap_voc(images, percent / 100)['ap']
        g.compare(f'ap{percent}', ap)
        g.compare(f'map{percent}', np.nanmean(ap))
    g.done()
