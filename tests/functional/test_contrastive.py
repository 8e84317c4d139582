"""Raw image scores and the hinge loss of ContextLocNet."""

import math

import pytest
import torch

from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.functional.contrastive import contrastive_scores, mil_hinge_loss
from wsod_mm.functional.mil import wsddn_scores


def _streams(proposals=6, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(proposals, classes, generator=generator) * 3 for _ in range(2))


def test_scores_against_loops():
    cls, det = _streams()
    scores, raw = contrastive_scores(cls, det)
    for c in range(3):
        weights = [math.exp(v) for v in det[:, c].tolist()]
        expected = 0.0
        for r in range(6):
            share = weights[r] / sum(weights)
            expected += cls[r, c].item() * share
            prob = math.exp(cls[r, c].item()) / sum(math.exp(v) for v in cls[r].tolist())
            assert scores[r, c].item() == pytest.approx(prob * share, rel=1e-5)
        assert raw[c].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(scores, wsddn_scores(cls, det))


def test_raw_scores_are_a_weighted_mean_of_the_class_logits():
    cls, det = _streams()
    _, raw = contrastive_scores(cls, torch.zeros_like(det))
    torch.testing.assert_close(raw, cls.mean(dim=0))
    _, one = contrastive_scores(cls[:1], det[:1])
    torch.testing.assert_close(one, cls[0])
    # moving all class logits of a class moves its raw score; the detection logits can be shifted freely
    _, moved = contrastive_scores(cls + 5, det + torch.tensor([1.0, -2, 7]))
    torch.testing.assert_close(moved, contrastive_scores(cls, det)[1] + 5)


def test_scores_stay_in_float32():
    cls, det = _streams(seed=1)
    scores, raw = contrastive_scores(cls.bfloat16(), det.bfloat16())
    assert scores.dtype == raw.dtype == torch.float32
    torch.testing.assert_close(raw, contrastive_scores(cls.bfloat16().float(), det.bfloat16().float())[1])


@pytest.mark.parametrize('normaliser', [None, 20.0])
def test_hinge_against_a_loop(normaliser):
    scores = torch.tensor([[2.0, 0.5, -0.5, -3.0], [-1.0, 1.0, 0.0, 4.0]])
    labels = torch.tensor([[1.0, 1, 0, 0], [1, 0, 0, 0]])
    expected = 0.0
    for row, truth in zip(scores.tolist(), labels.tolist(), strict=True):
        for s, y in zip(row, truth, strict=True):
            expected += max(0.0, 1 - (1 if y else -1) * s) / (normaliser or 4) / 2
    assert mil_hinge_loss(scores, labels, normaliser=normaliser).item() == pytest.approx(expected)
    alone = [mil_hinge_loss(s, y, normaliser=normaliser) for s, y in zip(scores, labels, strict=True)]
    assert sum(alone).item() / 2 == pytest.approx(expected)


def test_hinge_gradient():
    scores = torch.tensor([2.0, 0.5, -0.5, -3.0], requires_grad=True)
    labels = torch.tensor([1.0, 1, 0, 0])
    mil_hinge_loss(scores, labels).backward()
    assert scores.grad.tolist() == [0, -0.25, 0.25, 0]  # none beyond the margin


def test_unknown_labels_are_missing_terms():
    scores, labels = torch.tensor([0.5, -0.5, 0.25], requires_grad=True), torch.tensor([1.0, 0, 1])
    weight = torch.tensor([1.0, 0, 1])
    loss = mil_hinge_loss(scores, labels, weight)
    assert loss.item() == pytest.approx((0.5 + 0.75) / 3)
    loss.backward()
    assert scores.grad[1] == 0 and scores.grad[0] != 0
    torch.testing.assert_close(
        mil_hinge_loss(scores, labels, torch.ones(3)), mil_hinge_loss(scores, labels), rtol=0, atol=0
    )


def test_no_host_synchronisation():
    cls, det = (t.requires_grad_() for t in _streams())
    with Trace() as trace:
        _, raw = contrastive_scores(cls, det)
        mil_hinge_loss(raw, torch.tensor([1.0, 0, 0]), torch.ones(3)).backward()
    assert '_softmax' in trace.names and not trace.names & SYNCHRONISE


def test_errors():
    with pytest.raises(ValueError, match='one shape'):
        contrastive_scores(torch.zeros(3, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r'\(2, 3\).*\(3,\)'):
        mil_hinge_loss(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ValueError, match='positive'):
        mil_hinge_loss(torch.zeros(3), torch.zeros(3), normaliser=0)
