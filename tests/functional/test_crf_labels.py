"""Labels from CAMs and a CRF, here one that is easily followed."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.crf_labels import (
    background_score,
    combine_soft_labels,
    crf_soft_labels,
    hard_unary,
    ir_label,
    soft_unary,
)

IMAGE = np.zeros((3, 4, 3), np.uint8)
NONE = torch.zeros(0, dtype=torch.int64)


def no_crf(image, unary):
    """The posterior without any pairwise term."""
    assert image.dtype == np.uint8 and unary.dtype == np.float32 and unary.flags.c_contiguous
    return torch.from_numpy(-unary).softmax(0).numpy()


def refuse(image, unary):
    raise AssertionError('the CRF must not be asked')


def test_background():
    cams = torch.tensor([[[0.5, 0.1]], [[0.2, 1.0]]])
    np.testing.assert_allclose(background_score(cams, 4), [[0.0625, 0]])
    assert background_score(cams, 32)[0, 0] < background_score(cams, 4)[0, 0]
    assert background_score(torch.zeros(0, 2, 3), 4).tolist() == [[1, 1, 1]] * 2


def test_unaries():
    scores = torch.tensor([[[0.0, 0.3, 1.0, 2.0]]], dtype=torch.float64)
    np.testing.assert_allclose(soft_unary(scores)[0, 0], -np.log([1e-5, 0.3, 1, 1]), rtol=1e-6, atol=1e-7)
    assert soft_unary(scores).dtype == torch.float32 and soft_unary(scores, 1e-3)[0, 0, 0] == pytest.approx(6.9077554)
    unary = hard_unary(torch.tensor([[0, 2]]), 3)
    np.testing.assert_allclose(torch.exp(-unary[:, 0].T), [[0.7, 0.15, 0.15], [0.15, 0.15, 0.7]], rtol=1e-6)
    assert hard_unary(torch.tensor([[0]]), 2, 0.9)[0, 0, 0] == pytest.approx(-np.log(0.9))
    for labels, confidence in ((1, 0.7), (3, 1.0)):
        with pytest.raises(ValueError, match='at least two labels'):
            hard_unary(torch.tensor([[0]]), labels, confidence)


def test_soft_labels():
    torch.manual_seed(0)
    cams = torch.rand(2, 3, 4)
    low, high = (crf_soft_labels(IMAGE, cams, alpha, no_crf) for alpha in (4, 32))
    scores = torch.cat(((1 - cams.amax(0))[None] ** 4, cams)).clamp(min=1e-5)
    np.testing.assert_allclose(low, scores / scores.sum(0), rtol=1e-5)
    assert (high[0] <= low[0]).all() and low.dtype == torch.float32
    with pytest.raises(ValueError, match=r'\(3, 4\) pixels, but CAMs of \(3, 5\)'):
        crf_soft_labels(IMAGE, torch.rand(2, 3, 5), 4, no_crf)


def test_image_without_labels_is_background():
    cams = torch.zeros(0, 3, 4)
    assert torch.equal(crf_soft_labels(IMAGE, cams, 4, refuse), torch.ones(1, 3, 4))
    assert not ir_label(IMAGE, cams, NONE, refuse).any()
    ones = torch.ones(1, 3, 4)
    assert not combine_soft_labels(ones, ones).any()


def test_combination_case_by_case():
    #        la says       ha says       label
    table = [
        ((0.1, 0.8, 0.1), (0.1, 0.8, 0.1), 1),
        ((0.1, 0.8, 0.1), (0.1, 0.1, 0.8), 1),  # only la's class counts
        ((0.8, 0.1, 0.1), (0.1, 0.1, 0.8), 255),
        ((0.8, 0.1, 0.1), (0.8, 0.1, 0.1), 0),
        ((0.1, 0.1, 0.8), (0.8, 0.1, 0.1), 0),  # ha's background overrides
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 255),  # outside the image
        ((0.0, 0.0, 0.0), (2e-5, 0.0, 0.0), 0),
    ]
    low, high = (torch.tensor([row[i] for row in table]).T[:, None] for i in (0, 1))
    expected = [row[2] for row in table]
    assert combine_soft_labels(low, high).tolist() == [expected]
    named = combine_soft_labels(low, high, torch.tensor([0, 6, 16]), ignore=99).tolist()[0]
    assert named == [{1: 6, 255: 99}.get(v, v) for v in expected]
    assert combine_soft_labels(low, high, eps=1e-4).tolist()[0][-1] == 255
    with pytest.raises(ValueError, match='alike'):
        combine_soft_labels(low, high[:2])
    with pytest.raises(ValueError, match='2 keys for 3 maps'):
        combine_soft_labels(low, high, torch.tensor([0, 6]))


def test_ir_label():
    cams = torch.tensor([[[0.9, 0.2, 0.01, 0.04]] * 3, [[0.1, 0.1, 0.02, 0.31]] * 3])
    keys = torch.tensor([4, 14])
    # a CRF without pairwise terms gives the two maps back
    assert ir_label(IMAGE, cams, keys, no_crf)[0].tolist() == [5, 255, 0, 15]
    assert ir_label(IMAGE, cams, keys, no_crf, foreground_thr=0.15)[0].tolist() == [5, 5, 0, 15]
    assert ir_label(IMAGE, cams, keys, no_crf, background_thr=0.25, ignore=77)[0].tolist() == [5, 0, 0, 15]
    assert ir_label(IMAGE, cams, keys, no_crf, ignore=77)[0].tolist() == [5, 77, 0, 15]
    unaries = []
    ir_label(IMAGE, cams, keys, lambda i, u: unaries.append(u) or no_crf(i, u), confidence=0.6)
    assert len(unaries) == 2 and np.exp(-unaries[0].min()) == pytest.approx(0.6)
