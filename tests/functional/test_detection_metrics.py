"""Metrics against a loop written straight from the devkit's rules, and against MMDetection's."""

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from wsod_mm.functional import detection_metrics as dm


def _oracle_ap(dets, gts, iou_thr, strict):
    """One class. dets: (image, score, box) list; gts: {image: [(box, difficult)]}. Returns 11pt and area AP."""
    taken, true, false = set(), [], []
    for image, _, box in sorted(dets, key=lambda d: -d[1]):
        best, which = -1.0, None
        for index, (gt, _) in enumerate(gts.get(image, [])):
            width = min(box[2], gt[2]) - max(box[0], gt[0]) + 1
            height = min(box[3], gt[3]) - max(box[1], gt[1]) + 1
            inter = max(width, 0) * max(height, 0)
            union = sum((b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, gt)) - inter
            if inter / union > best:
                best, which = inter / union, index
        if (best > iou_thr or (not strict and best == iou_thr)) and which is not None:
            if gts[image][which][1]:
                continue
            fresh = (image, which) not in taken
            taken.add((image, which))
            true.append(fresh)
            false.append(not fresh)
        else:
            true.append(False)
            false.append(True)
    positive = sum(not hard for boxes in gts.values() for _, hard in boxes)
    recall = np.cumsum(true) / positive
    precision = np.cumsum(true) / np.maximum(np.cumsum(true) + np.cumsum(false), 1)
    eleven = (
        sum(
            max([p for r, p in zip(recall, precision, strict=True) if r >= t], default=0)
            for t in np.arange(0.0, 1.1, 0.1)
        )
        / 11
    )
    area, before = 0.0, 0.0
    for i, r in enumerate(recall):
        area += (r - before) * max(precision[i:])
        before = r
    return eleven, area


def _random_data(seed, images=15, classes=3, per_image=12):
    rng = np.random.default_rng(seed)

    def boxes(n):
        corner = rng.integers(0, 40, (n, 2))
        return np.concatenate([corner, corner + rng.integers(8, 50, (n, 2))], 1).astype(float)

    n_gt = images * 3
    truth = dm.BoxTable(
        rng.integers(0, images, n_gt), rng.integers(0, classes, n_gt), boxes(n_gt), difficult=rng.random(n_gt) < 0.25
    )
    n = images * per_image
    found = boxes(n)
    near = rng.random(n) < 0.5  # half of the detections lie near an object
    source = rng.integers(0, n_gt, n)
    found[near] = truth.boxes[source[near]] + rng.integers(-5, 6, (near.sum(), 4))
    image, label = rng.integers(0, images, n), rng.integers(0, classes, n)
    image[near], label[near] = truth.image[source[near]], truth.label[source[near]]
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 3)
    return dm.BoxTable(image, label, found, rng.permutation(n) / n), truth


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize('iou_thr', [0.5, 0.3])
def test_ap_equals_a_loop_over_boxes(seed, strict, iou_thr):
    found, truth = _random_data(seed)
    ours = dm.voc_average_precision(found, truth, 3, iou_thr, strict)
    for label in range(3):
        dets = [
            (i, s, b)
            for i, c, b, s in zip(found.image, found.label, found.boxes, found.scores, strict=True)
            if c == label
        ]
        gts = {}
        for i, c, b, hard in zip(truth.image, truth.label, truth.boxes, truth.difficult, strict=True):
            if c == label:
                gts.setdefault(i, []).append((b, hard))
        eleven, area = _oracle_ap(dets, gts, iou_thr, strict)
        assert eleven > 0.02
        assert_allclose([ours['ap_11pt'][label], ours['ap_area'][label]], [eleven, area], atol=1e-12)


def test_ap_equals_mmdet_with_its_threshold_rule():
    eval_map = pytest.importorskip('mmdet.evaluation.functional').eval_map
    found, truth = _random_data(7)
    images = range(15)
    # MMDetection computes the IoU in float32; shift what lies on the threshold
    results = [
        [
            np.concatenate([found.boxes, found.scores[:, None]], 1)[(found.image == i) & (found.label == c)].astype(
                np.float32
            )
            for c in range(3)
        ]
        for i in images
    ]

    def part(i, hard):
        keep = (truth.image == i) & (truth.difficult == hard)
        return truth.boxes[keep].astype(np.float32), truth.label[keep]

    annotations = []
    for i in images:
        (boxes, labels), (ignored, ignored_labels) = part(i, False), part(i, True)
        annotations.append(dict(bboxes=boxes, labels=labels, bboxes_ignore=ignored, labels_ignore=ignored_labels))
    ours = dm.voc_average_precision(found, truth, 3, strict=False)
    for mode, key in (('11points', 'ap_11pt'), ('area', 'ap_area')):
        theirs, _ = eval_map(
            results, annotations, iou_thr=0.5, eval_mode=mode, use_legacy_coordinate=True, logger='silent', nproc=1
        )
        assert_allclose(ours[key].mean(), theirs, atol=1e-6)


def _one(box, difficult=False):
    return dm.BoxTable(np.array([0]), np.array([0]), np.array([box], float), difficult=np.array([difficult]))


def _found(boxes, scores):
    n = len(boxes)
    return dm.BoxTable(np.zeros(n, int), np.zeros(n, int), np.array(boxes, float).reshape(-1, 4), np.array(scores))


def test_iou_uses_inclusive_corners():
    assert dm.paired_iou([[0, 0, 9, 9]], [[0, 0, 9, 4]])[0] == 0.5
    assert dm.paired_iou([[0, 0, 9, 9]], [[10, 0, 19, 9]])[0] == 0
    assert dm.paired_iou([[0, 0, 9, 9]], [[9, 9, 18, 18]])[0] == pytest.approx(1 / 199)


def test_strict_switch_decides_an_iou_of_exactly_one_half():
    truth, found = _one([0, 0, 9, 9]), _found([[0, 0, 9, 4]], [0.9])
    assert dm.voc_average_precision(found, truth, 1)['ap_area'][0] == 0
    assert dm.voc_average_precision(found, truth, 1, strict=False)['ap_area'][0] == 1
    assert dm.correct_localisation(found, truth, 1)['corloc'][0] == 0
    assert dm.correct_localisation(found, truth, 1, strict=False)['corloc'][0] == 1


def test_second_detection_of_an_object_is_false():
    order, outcome = dm.match_detections([0, 0], [[0, 0, 9, 9], [0, 0, 9, 8]], [0.5, 0.9], [0], [[0, 0, 9, 9]], [False])
    assert_array_equal(order, [1, 0])
    assert_array_equal(outcome, [dm.FALSE_POSITIVE, dm.TRUE_POSITIVE])


def test_difficult_is_ignored_for_ap_and_counts_for_corloc():
    truth, found = _one([0, 0, 9, 9], difficult=True), _found([[0, 0, 9, 9]], [0.9])
    result = dm.voc_average_precision(found, truth, 1)
    assert result['num_positive'][0] == 0 and np.isnan(result['ap_area'][0])
    assert dm.voc_average_precision(found, truth, 1, use_difficult=True)['ap_area'][0] == 1
    assert dm.correct_localisation(found, truth, 1)['corloc'][0] == 1


def test_equal_scores_keep_the_order_of_rows():
    boxes = [[0, 0, 9, 9], [50, 50, 59, 59]]
    truth = _one([0, 0, 9, 9])
    assert dm.voc_average_precision(_found(boxes, [0.5, 0.5]), truth, 1)['ap_area'][0] == 1
    assert dm.voc_average_precision(_found(boxes[::-1], [0.5, 0.5]), truth, 1)['ap_area'][0] == 0.5


def test_no_detections_and_no_objects():
    empty = _found([], [])
    assert dm.voc_average_precision(empty, _one([0, 0, 9, 9]), 2)['ap_11pt'].tolist()[0] == 0
    result = dm.correct_localisation(empty, _one([0, 0, 9, 9]), 2)
    assert result['corloc'][0] == 0 and np.isnan(result['corloc'][1])
    nothing = dm.BoxTable(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4)))
    assert np.isnan(dm.voc_average_precision(_found([[0, 0, 9, 9]], [0.9]), nothing, 1)['ap_11pt'][0])
    assert np.isnan(dm.correct_localisation(empty, nothing, 1)['corloc'][0])


def test_nan_scores_and_double_tops_are_refused():
    with pytest.raises(ValueError, match='NaN'):
        dm.voc_average_precision(_found([[0, 0, 9, 9]], [np.nan]), _one([0, 0, 9, 9]), 1)
    with pytest.raises(ValueError, match='several of one class'):
        dm.correct_localisation(_found([[0, 0, 9, 9]] * 2, [0.5, 0.4]), _one([0, 0, 9, 9]), 1)


def test_11pt_level_of_three_tenths_is_the_devkits():
    # 3 of 10 objects found: np.arange's .30000000000000004 is not reached, so 3 levels count and not 4
    recall, precision = dm.precision_recall(np.array([1, 1, 1]), 10)
    assert dm.average_precision_11pt(recall, precision) == pytest.approx(3 / 11)
    assert dm.average_precision_area(recall, precision) == pytest.approx(0.3)


def test_image_level_ap():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    targets = np.array([[1, 0], [0, 0], [1, 0], [0, 0]])
    ap = dm.image_level_average_precision(scores, targets)
    assert ap[0] == pytest.approx((1 + 2 / 3) / 2) and np.isnan(ap[1])
    with pytest.raises(ValueError, match='differ in shape'):
        dm.image_level_average_precision(scores, targets[:, :1])


def test_rounding_makes_ties():
    boxes, scores = dm.round_like_devkit(
        np.array([[0, 0.26, 9.04, 9.95]], np.float32),
        np.array(
            [
                0.00049,
            ]
        ),
    )
    assert_allclose(boxes, [[0, 0.3, 9.0, 9.9]], atol=0.051)
    assert scores[0] == 0
    found, truth = _random_data(3)
    small = found._replace(scores=found.scores * 1e-3)
    plain = dm.voc_average_precision(small, truth, 3)['ap_area']
    rounded = small._replace(scores=dm.round_like_devkit(small.boxes, small.scores)[1])
    assert abs(dm.voc_average_precision(rounded, truth, 3)['ap_area'] - plain).max() > 1e-3


def test_voc07_size_takes_seconds():
    rng = np.random.default_rng(0)
    images, per_image, classes, n_gt = 4952, 100, 20, 14976
    n = images * per_image

    def table(image, count):
        corner = rng.integers(0, 300, (count, 2))
        boxes = np.concatenate([corner, corner + rng.integers(20, 200, (count, 2))], 1).astype(np.float32)
        return dm.BoxTable(image, rng.integers(0, classes, count), boxes, rng.random(count), rng.random(count) < 0.1)

    found = table(np.repeat(np.arange(images), per_image), n)
    truth = table(rng.integers(0, images, n_gt), n_gt)
    start = time.perf_counter()
    dm.voc_average_precision(found, truth, classes)
    assert time.perf_counter() - start < 20  # about 1 s on an idle core
