"""Golden vectors of CAM localisation, its metrics, and the drawing: what ends on the host."""

import cv2
import numpy as np
import torch

from wsod_mm.functional.cam_localization import cam_map, cam_to_uint8, normalize_cam, resize_cam, score_map
from wsod_mm.functional.cam_overlay import overlay_cam
from wsod_mm.functional.pxap import pxap, pxap_gt_mask, pxap_histograms
from wsod_mm.functional.scoremap_boxes import boxes_from_scoremap, contour_rects
from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes
from wsod_mm.functional.wsol_metrics import box_hits, max_box_acc, resize_boxes, wsol_iou

from ._common import Golden

FLOAT = {'rtol': 1e-5, 'atol': 1e-6}


def sorted_rows(rows):
    """Rows in lexicographic order."""
    return np.array(sorted(map(tuple, np.asarray(rows).tolist())), np.int64).reshape(-1, 4)


def as_xywh(bboxes):
    """Corners on the outer edges of pixels as (x, y, w, h)."""
    boxes = bboxes.cpu().numpy().astype(np.int64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def check_blog_cam(path):
    g = Golden(path, rtol=1e-4, atol=1e-5)
    features, weight, logits = g.tensor('features'), g.tensor('fc_weight'), g.tensor('logits')
    width, height = (int(v) for v in g.array('image_wh'))
    class_id = logits.argmax()
    g.compare('class_id', class_id)
    raw = cam_map(features, weight, class_id[None], normalize=None)
    g.compare('cam_raw', raw[0])
    small = cam_to_uint8(normalize_cam(raw))
    g.compare('cam_small_uint8', small[0])
    heat = resize_cam(small, (height, width), 'cv2')[0]
    assert torch.equal(heat, score_map(raw, (height, width), 'blog')[0])
    g.compare('heatmap_uint8', heat)
    threshold = int(g.scalar('threshold'))
    mask = (heat > threshold).to(torch.uint8) * 255
    g.compare('mask_uint8', mask)
    found = boxes_from_scoremap(heat, 'blog', threshold=threshold)
    order = np.lexsort(as_xywh(found.bboxes).T[::-1])
    expected = np.lexsort(g.array('rects_xywh').T[::-1])
    np.testing.assert_array_equal(as_xywh(found.bboxes)[order], g.array('rects_xywh')[expected])
    np.testing.assert_array_equal(found.areas.cpu().numpy()[order], g.array('contour_areas')[expected])
    largest = boxes_from_scoremap(heat, 'cvpr16', corners='outer')
    g.compare('rule20_largest_xywh', as_xywh(largest.bboxes)[0])
    image, panel = g.array('image_bgr'), g.array('panel_bgr')
    if panel.size:
        result = cv2.drawContours(image.copy(), cv2.findContours(mask.cpu().numpy(), 1, 2)[-2], -1, (255, 255, 0), 3)
        for x, y, w, h in contour_rects(mask.cpu().numpy())[0].tolist():
            result = cv2.rectangle(result, (x, y), (x + w, y + h), (255, 0, 0), 2)
        strip = np.hstack([image, *(np.dstack([each.cpu().numpy()] * 3) for each in (heat, mask)), result])
        assert panel.shape == strip.shape
        assert (np.abs(panel.astype(int) - strip.astype(int)).max(axis=2) <= 8).mean() > 0.9  # the text is not ours
    g.done()


def check_normalize(path):
    g = Golden(path, rtol=1e-12, atol=1e-12)
    g.compare('out', normalize_cam(g.tensor('cam')))
    g.done()


def check_wsol_boxes(path):
    g = Golden(path, **FLOAT)
    scoremap, thresholds = g.tensor('scoremap'), g.array('thresholds')
    sweep = sweep_boxes(scoremap, thresholds)
    g.compare('single_boxes_xyxy', sweep.single())
    g.compare('single_counts', np.ones(len(thresholds), np.int64))
    multi = sweep.multi()
    g.compare('multi_counts', np.array([len(boxes) for boxes in multi]))
    g.compare('multi_boxes_xyxy_sorted', np.concatenate([sorted_rows(boxes) for boxes in multi]))
    for tau, single, boxes in zip(thresholds, sweep.single(), multi, strict=True):
        for preset, expected in (('wsol_v1', single[None]), ('wsol_v2', boxes)):
            found = boxes_from_scoremap(scoremap, preset, threshold=tau).bboxes.cpu().numpy()
            np.testing.assert_array_equal(sorted_rows(found), sorted_rows(expected))
    g.done()


def check_wsol_iou(path):
    g = Golden(path, rtol=1e-12, atol=0)
    g.compare('iou', wsol_iou(g.array('boxes_a'), g.array('boxes_b')))
    g.compare('resize_out', resize_boxes(g.array('resize_in'), g.array('image_wh'), g.array('resize_wh')))
    g.done()


def check_wsol_maxboxacc(path):
    g = Golden(path, rtol=1e-12, atol=0)
    maps = g.array('scoremaps_u16') / g.scalar('scoremap_divisor')
    ends = np.cumsum(g.array('gt_counts'))[:-1]
    boxes = [
        resize_boxes(each, size)
        for each, size in zip(np.split(g.array('gt_boxes_xyxy'), ends), g.array('image_sizes_wh'), strict=True)
    ]
    g.compare('gt_boxes_resized224', np.concatenate(boxes))
    thresholds, overlaps = cam_thresholds(g.scalar('cam_threshold_interval')), g.array('iou_thresholds') / 100
    hits = [box_hits(sweep_boxes(m, thresholds), b, overlaps) for m, b in zip(maps, boxes, strict=True)]
    for version, score in ((1, 'maxboxacc'), (2, 'maxboxaccv2')):
        counts = np.sum([each[version - 1] for each in hits], axis=0)
        g.compare(f'v{version}_num_correct_iou_by_tau', counts.astype(np.float64))
        result = max_box_acc(counts, len(maps), thresholds, overlaps, version)
        g.compare(f'v{version}_acc_per_iou', result['acc'])
        g.compare(score, result['score'])
    g.done()


def check_wsol_pxap(path):
    g = Golden(path, rtol=1e-9, atol=0)
    maps, interval = g.array('scoremaps_u16') / g.scalar('scoremap_divisor'), g.scalar('cam_threshold_interval')
    ends = np.cumsum(g.array('masks_per_image'))[:-1]
    objects = np.split(g.array('instance_masks'), ends)
    truth = [pxap_gt_mask(m, i, (224, 224)) for m, i in zip(objects, g.array('ignore_masks'), strict=True)]
    g.compare('gt_mask_0bg_1fg_255ign', np.stack(truth))
    histograms = [pxap_histograms(m, t, interval) for m, t in zip(maps, truth, strict=True)]
    true, false = (np.sum(each, axis=0) for each in zip(*histograms, strict=True))
    g.compare('hist_true', true)
    g.compare('hist_false', false)
    g.compare('pxap', pxap(true, false).score)
    g.done()


def check_overlay(path):
    g = Golden(path, **FLOAT)
    assert str(g.array('colormap')) == 'JET'
    out = overlay_cam(
        g.tensor('image01'), g.tensor('mask01'), bool(g.scalar('use_rgb')), image_weight=g.scalar('image_weight')
    )
    g.compare('out_uint8', out)
    g.done()
