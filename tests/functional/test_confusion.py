"""Confusion matrices, IoU and threshold sweeps."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.cam_maps import best_class, predict_labels
from wsod_mm.functional.confusion import (
    confusion_matrix,
    error_fractions,
    iou_from_confusion,
    label_table,
    mean_iou,
    threshold_confusions,
)


def random_maps(seed=0, num_classes=4):
    rng = np.random.RandomState(seed)
    pred, truth = rng.randint(0, num_classes, (2, 6, 7)), rng.randint(0, num_classes, (2, 6, 7))
    truth[rng.rand(2, 6, 7) < 0.2] = 255
    pred[rng.rand(2, 6, 7) < 0.1] = 255
    return torch.from_numpy(pred.astype(np.uint8)), torch.from_numpy(truth.astype(np.uint8))


def test_against_pixel_loops():
    pred, truth = random_maps()
    expected = np.zeros((4, 4), int)
    for p, t in zip(pred.flatten().tolist(), truth.flatten().tolist(), strict=True):
        if t != 255:
            expected[t, 0 if p == 255 else p] += 1
    np.testing.assert_array_equal(confusion_matrix(pred, truth, 4), expected)
    np.testing.assert_array_equal(confusion_matrix(pred, truth), expected)
    assert confusion_matrix(pred, truth, 6).shape == (6, 6)
    # -1 is ignored too, and another value may be
    signed = truth.long()
    np.testing.assert_array_equal(confusion_matrix(pred, torch.where(signed == 255, -1, signed), 4), expected)
    other = torch.where(signed == 255, 3, signed)
    assert confusion_matrix(pred, other, 4, ignore_index=3)[3].sum() == 0 < confusion_matrix(pred, other, 4)[3].sum()
    assert confusion_matrix(pred, truth, 256, pred_ignore=-7)[:, 255].sum() > 0


def test_iou_with_absent_and_never_predicted_classes():
    pred, truth = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, 2]])
    confusion = confusion_matrix(pred, truth, 4)
    iou = iou_from_confusion(confusion)
    np.testing.assert_allclose(iou, [1 / 2, 1 / 3, 0, np.nan])
    assert mean_iou(iou) == pytest.approx((1 / 2 + 1 / 3) / 3)
    false_positive, false_negative = error_fractions(confusion)
    np.testing.assert_allclose(false_positive, [1 / 2, 1 / 3, 0, np.nan])
    np.testing.assert_allclose(false_negative, [0, 1 / 3, 1, np.nan])
    assert mean_iou(iou_from_confusion(torch.zeros(3, 3, dtype=torch.int64))).isnan()


def test_wrong_maps():
    pred, truth = random_maps()
    with pytest.raises(ValueError, match='differ in size'):
        confusion_matrix(pred[:1], truth)
    with pytest.raises(ValueError, match='labels run from 0 to 3, but there are 3 classes'):
        confusion_matrix(pred, truth, 3)
    assert confusion_matrix(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2), 3).tolist() == [[0] * 3] * 3


@pytest.mark.parametrize('num_present', [0, 1, 3])
def test_sweep_equals_one_prediction_per_threshold(num_present):
    rng = np.random.RandomState(1)
    cams = torch.from_numpy(rng.choice(np.float32([0, 0.1, 0.2, 0.35, 0.5, 0.99]), (num_present, 8, 9)))
    keys = torch.arange(num_present)
    truth = torch.from_numpy(rng.choice([0, 1, 2, 3, 255], (8, 9)))
    thresholds = [0.5, 0.0, 0.2, 0.15, 2.0, 0.1]  # in no order; ties with the scores
    out = threshold_confusions(*best_class(cams, keys), truth, thresholds, 5)
    assert out.shape == (6, 5, 5) and out.dtype == torch.int64
    for confusion, threshold in zip(out, thresholds, strict=True):
        assert torch.equal(confusion, confusion_matrix(predict_labels(cams, keys, threshold), truth, 5))
    assert iou_from_confusion(out).shape == (6, 5) and mean_iou(iou_from_confusion(out)).shape == (6,)


def test_sweep_of_wrong_maps():
    score, label = torch.rand(2, 2), torch.ones(2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match='differ in size'):
        threshold_confusions(score, label, label[:1], [0.1], 3)
    with pytest.raises(ValueError, match='there are 1 classes'):
        threshold_confusions(score, label, label, [0.1], 1)
    with pytest.raises(ValueError, match='no thresholds'):
        threshold_confusions(score, label, label, [], 3)


def test_maps_of_another_class_list():
    label = torch.tensor([0, 1, 2, 3, 255, 4])
    source, target = ('cat', 'cow', 'dog'), ('dog', 'cat')
    assert label_table(source, target)[label].tolist() == [0, 2, 0, 1, 255, 256]
    assert label_table(source, target, other=255)[label].tolist() == [0, 2, 255, 1, 255, 256]
    with pytest.raises(ValueError, match=r"which lack \['hen'\]"):
        label_table(source, ('hen', 'cat'))
