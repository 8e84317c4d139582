"""Comparison of the golden families ``casd/voc_eval`` and ``clwsod/voc_metrics`` with our metrics."""

from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

from wsod_mm.functional.detection_metrics import (
    BoxTable,
    average_precision_11pt,
    average_precision_area,
    correct_localisation,
    match_detections,
    precision_recall,
    round_like_devkit,
    voc_average_precision,
)

_TOLERANCE = {'rtol': 1e-5, 'atol': 1e-6}


def check_voc_eval(path: str | Path) -> None:
    """Compare every output of one ``casd/voc_eval_case*.npz``: ``rec, prec, npos, ap_*, corloc``.

    Where the class is absent the reference says 0 for 11 points and NaN for the area; ours says NaN for both in
    ``voc_average_precision`` and reproduces the 0 in ``average_precision_11pt``.

    Args:
        path: The golden file.

    Raises:
        AssertionError: If one of them differs.
    """
    with np.load(path) as file:
        golden = dict(file)
    zeros = np.zeros_like
    truth = BoxTable(golden['gt_image'], zeros(golden['gt_image']), golden['gt_box'], difficult=golden['gt_difficult'])
    found = BoxTable(golden['det_image'], zeros(golden['det_image']), golden['det_box'], golden['det_score'])
    order, outcome = match_detections(
        found.image, found.boxes, found.scores, truth.image, truth.boxes, truth.is_difficult()
    )
    positive = int((~truth.is_difficult()).sum())
    assert positive == golden['npos']
    recall, precision = precision_recall(outcome[order], positive)
    assert_allclose(recall, golden['rec'], **_TOLERANCE)
    assert_allclose(precision, golden['prec'], **_TOLERANCE)
    assert_allclose(average_precision_11pt(recall, precision), golden['ap_11pt'], **_TOLERANCE)
    normal = voc_average_precision(found, truth, 1)
    if positive:
        assert_allclose(average_precision_area(recall, precision), golden['ap_area'], **_TOLERANCE)
        assert_allclose(normal['ap_11pt'][0], golden['ap_11pt'], **_TOLERANCE)
    else:
        assert np.isnan(normal['ap_11pt'][0])
    assert_allclose(normal['ap_area'][0], golden['ap_area'], **_TOLERANCE)
    with_difficult = voc_average_precision(found, truth, 1, use_difficult=True)['ap_11pt'][0]
    assert_allclose(np.nan_to_num(with_difficult), golden['ap_11pt_use_diff'], **_TOLERANCE)
    top = BoxTable(golden['corloc_image'], zeros(golden['corloc_image']), golden['corloc_box'])
    assert_allclose(correct_localisation(top, truth, 1)['corloc'][0], golden['corloc'], **_TOLERANCE)


def check_voc_metrics(path: str | Path) -> None:
    """Compare every output of one ``clwsod/voc_metrics_case*.npz``: CorLoc, AP07 and AP12 per class.

    Args:
        path: The golden file.

    Raises:
        AssertionError: If one of them differs.
    """
    with np.load(path) as file:
        golden = dict(file)
    iou_thr = float(golden['iou_thr'])
    gt = golden['gt_img_cls_difficult_x1y1x2y2_1based']
    truth = BoxTable(gt[:, 0], gt[:, 1], gt[:, 3:] - 1, difficult=gt[:, 2])
    top = golden['corloc_top1_cls_img_x1y1x2y2s_0based']
    num_classes, num_images = top.shape[:2]
    assert num_images == golden['num_images']
    label, image = np.divmod(np.arange(num_classes * num_images), num_images)
    top_boxes, top_scores = round_like_devkit(top.reshape(-1, 5)[:, :4], top.reshape(-1, 5)[:, 4])
    corloc = correct_localisation(BoxTable(image, label, top_boxes, top_scores), truth, num_classes, iou_thr)['corloc']
    assert_allclose(corloc, golden['corloc_per_class'], **_TOLERANCE)
    assert_allclose(corloc.mean(), golden['mean_corloc'], **_TOLERANCE)  # NaN with an absent class, as the reference

    dets = golden['dets_cls_img_x1y1x2y2s_0based']
    boxes, scores = round_like_devkit(dets[:, 2:6], dets[:, 6])
    ours = voc_average_precision(
        BoxTable(dets[:, 1].astype(int), dets[:, 0].astype(int), boxes, scores), truth, num_classes, iou_thr
    )
    absent = ours['num_positive'] == 0
    assert np.isnan(ours['ap_11pt'][absent]).all()
    assert_allclose(np.where(absent, 0, ours['ap_11pt']), golden['ap07_per_class'], **_TOLERANCE)
    assert_allclose(
        np.where(absent & (golden['ap12_per_class'] == 0), 0, ours['ap_area']), golden['ap12_per_class'], **_TOLERANCE
    )
