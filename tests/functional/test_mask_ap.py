"""VOC AP of instance masks."""

import numpy as np
import pytest

from wsod_mm.functional.mask_ap import instance_ap_voc, mask_iou, overlaps_of_image


def bars(*spans, width=20):
    """Masks of one row."""
    masks = np.zeros((len(spans), 1, width), bool)
    for mask, (start, end) in zip(masks, spans, strict=True):
        mask[0, start:end] = True
    return masks


def brute_force(images, iou_thr, num_classes):
    """The rule in loops, one class after the other."""
    ap = []
    for label in range(num_classes):
        total = sum((image.gt_labels == label).sum() for image in images)
        ranked = []
        for image in images:
            taken = set()
            for row in sorted(np.flatnonzero(image.pred_labels == label), key=lambda r: -image.pred_scores[r]):
                objects = np.flatnonzero(image.gt_labels == label)
                best = max(objects, key=lambda o: image.iou[row, o], default=None)
                right = best is not None and image.iou[row, best] >= iou_thr and best not in taken
                if right:
                    taken.add(best)
                ranked.append((image.pred_scores[row], right))
        ranked.sort(key=lambda pair: -pair[0])
        right = np.cumsum([pair[1] for pair in ranked])
        precision = right / np.arange(1, len(ranked) + 1)
        recall = right / total if total else right
        value, last = 0.0, 0.0
        for k in range(len(ranked)):
            value += (recall[k] - last) * precision[k:].max()
            last = recall[k]
        ap.append(value if total else np.nan)
    return ap


@pytest.mark.parametrize('iou_thr', [0.3, 0.5, 0.7])
def test_against_brute_force(iou_thr):
    rng = np.random.RandomState(0)
    images = []
    for _ in range(6):
        n, m = rng.randint(0, 9), rng.randint(0, 5)
        pred = bars(*(sorted(rng.choice(21, 2, False)) for _ in range(n)))
        truth = bars(*(sorted(rng.choice(21, 2, False)) for _ in range(m)))
        images.append(overlaps_of_image(pred, rng.randint(0, 3, n), rng.rand(n), truth, rng.randint(0, 2, m)))
    result = instance_ap_voc(images, iou_thr, 4)
    np.testing.assert_allclose(result['ap'], brute_force(images, iou_thr, 4))
    assert np.isnan(result['ap'][2:]).all() and result['num_predictions'][2] > 0 == result['num_positive'][2]


def test_iou():
    a, b = bars((0, 4), (2, 2), (10, 20)), bars((2, 6), (0, 0))
    np.testing.assert_allclose(mask_iou(a, b), [[2 / 6, 0], [0, 0], [0, 0]])
    with pytest.raises(ValueError, match='alike'):
        mask_iou(a, bars((1, 2), width=21))


def test_duplicates_exact_threshold_and_wrong_class():
    truth = bars((0, 10))
    pred = bars((0, 10), (0, 5), (0, 10))
    # half the object is enough at .5, but a surer one took it; the third is of another class
    images = [overlaps_of_image(pred, [0, 0, 1], [0.4, 0.9, 1.0], truth, [0])]
    result = instance_ap_voc(images, 0.5)
    assert result['ap'][0] == 1 and np.isnan(result['ap'][1]) and result['recall'][0] == 1
    assert instance_ap_voc(images, 0.6)['ap'][0] == 0.5


def test_nothing_at_all():
    empty = np.zeros((0, 1, 20), bool)
    no_prediction = overlaps_of_image(empty, [], [], bars((0, 3)), [1])
    result = instance_ap_voc([no_prediction, overlaps_of_image(np.zeros((0, 0, 0)), [], [], empty, [])])
    assert np.isnan(result['ap'][0]) and result['ap'][1] == 0 and result['recall'][1] == 0
    assert len(instance_ap_voc([])['ap']) == 0
    only_wrong = overlaps_of_image(bars((0, 3)), [0], [0.5], empty, [])
    assert instance_ap_voc([no_prediction, only_wrong])['num_predictions'].tolist() == [1, 0]


def test_equal_scores_keep_their_order():
    truth = bars((0, 10))
    images = [overlaps_of_image(bars((0, 10), (15, 20)), [0, 0], [0.0, 0.0], truth, [0])]
    assert instance_ap_voc(images)['ap'][0] == 1
    images = [overlaps_of_image(bars((15, 20), (0, 10)), [0, 0], [0.0, 0.0], truth, [0])]
    assert instance_ap_voc(images)['ap'][0] == 0.5


def test_wrong_input():
    with pytest.raises(ValueError, match='2 predicted masks, 1 labels'):
        overlaps_of_image(bars((0, 1), (2, 3)), [0], [0.1, 0.2], bars((0, 1)), [0])
    with pytest.raises(ValueError, match='1 scores are NaN'):
        overlaps_of_image(bars((0, 1)), [0], [np.nan], bars((0, 1)), [0])
    with pytest.raises(ValueError, match='label 3 among 2 classes'):
        instance_ap_voc([overlaps_of_image(bars((0, 1)), [3], [1.0], bars((0, 1)), [0])], num_classes=2)
