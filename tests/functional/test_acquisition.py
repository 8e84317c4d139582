"""Acquisition functions against literal loops."""

import itertools
import math

import numpy as np
import pytest
import torch

from wsod_mm.functional.acquisition import (
    aggregate_detections,
    aggregate_instances,
    k_center_greedy,
    least_confidence,
    logit_entropy,
    logit_outcomes,
    margin,
    score_entropy,
    score_outcomes,
)

from .test_no_host_sync import SYNCHRONISE, Trace


@pytest.fixture
def logits():
    return torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(3)) * 3


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def softmax(row):
    terms = [math.exp(z) for z in row]
    return [term / sum(terms) for term in terms]


def binary(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def by_row(function, logits):
    return torch.tensor([[function(row) for row in image] for image in logits.tolist()])


def sigmoid_outcomes(row):
    p = [sigmoid(z) for z in row]
    return [*p, 1 - max(p)]


def literal_margin(outcomes):
    first, second = sorted(outcomes, reverse=True)[:2]
    return 1 - (first - second)


def literal_k_center(features, centers, candidates, size):
    centers, rest, picks = list(centers), sorted(candidates), []
    while rest and len(picks) < size:
        best, pick = -1.0, None
        for i in rest:
            pairs = ([(a - b) ** 2 for a, b in zip(features[i], features[c], strict=True)] for c in centers)
            distance = min(map(sum, pairs), default=1e9)
            if distance > best:
                best, pick = distance, i
        picks.append(pick)
        centers.append(pick)
        rest.remove(pick)
    return picks


def test_entropy_of_independent_classes(logits):
    expected = by_row(lambda row: sum(binary(sigmoid(z)) for z in row), logits)
    torch.testing.assert_close(logit_entropy(logits, True), expected)
    torch.testing.assert_close(logit_entropy(logits, True, 'mean'), expected / 4)


def test_entropy_of_exclusive_classes(logits):
    expected = by_row(lambda row: -sum(p * math.log(p) for p in softmax(row)), logits)
    torch.testing.assert_close(logit_entropy(logits, False), expected)
    torch.testing.assert_close(logit_entropy(logits, False, 'mean'), expected / 4)


def test_bounds_of_the_entropy():
    even, sure = torch.zeros(1, 5), torch.tensor([[200.0, -200, -200, -200, -200]])
    assert logit_entropy(even, True).item() == pytest.approx(5 * math.log(2))
    assert logit_entropy(even, False).item() == pytest.approx(math.log(5))
    assert logit_entropy(sure, True).item() == 0 and logit_entropy(sure, False).item() == 0
    assert score_entropy(torch.tensor([0.0, 1.0, 0.5])).tolist() == pytest.approx([0, 0, math.log(2)])


def test_entropy_of_confident_logits_does_not_underflow():
    z = torch.tensor([[20.0], [-20.0]])
    assert logit_entropy(z, True).tolist() == pytest.approx([21 * math.exp(-20)] * 2, rel=1e-3)


def test_a_score_is_a_class_of_its_own(logits):
    p = logits[0, :, :1].sigmoid()
    torch.testing.assert_close(score_entropy(p[:, 0]), logit_entropy(logits[0, :, :1], True), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(score_outcomes(p[:, 0]), logit_outcomes(logits[0, :, :1], True))
    assert torch.equal(score_outcomes(p[:, 0], background=False), p)


def test_outcomes(logits):
    torch.testing.assert_close(logit_outcomes(logits, True), by_row(sigmoid_outcomes, logits))
    torch.testing.assert_close(logit_outcomes(logits, False), by_row(softmax, logits))
    assert torch.equal(logit_outcomes(logits, True, False), logit_outcomes(logits, True)[..., :-1])
    assert torch.equal(logit_outcomes(logits, False, False), logit_outcomes(logits, False)[..., :-1])


@pytest.mark.parametrize('is_sigmoid', [True, False])
def test_least_confidence_and_margin(logits, is_sigmoid):
    outcomes = sigmoid_outcomes if is_sigmoid else softmax
    found = logit_outcomes(logits, is_sigmoid)
    torch.testing.assert_close(least_confidence(found), by_row(lambda row: 1 - max(outcomes(row)), logits))
    torch.testing.assert_close(margin(found), by_row(lambda row: literal_margin(outcomes(row)), logits))
    assert (margin(found) >= least_confidence(found) - 1e-6).all()


def test_plain_background_is_certain():
    anchors = torch.tensor([[-6.0, -6.0], [0.0, -6.0], [2.0, 2.0]])
    values = margin(logit_outcomes(anchors, True))
    assert values[0] < 0.01 and values[1] == pytest.approx(1) and values[2] == pytest.approx(1)
    assert margin(logit_outcomes(anchors, True, background=False))[0] == pytest.approx(1)


def test_a_margin_needs_two_outcomes():
    with pytest.raises(ValueError, match='two outcomes'):
        margin(torch.zeros(3, 1))


def test_half_precision_inputs(logits):
    for is_sigmoid in (True, False):
        for function in (logit_entropy, logit_outcomes):
            found = function(logits.half(), is_sigmoid)
            assert found.dtype == torch.float32
            torch.testing.assert_close(found, function(logits, is_sigmoid), rtol=0, atol=5e-3)


def test_aggregates():
    values = torch.rand(3, 9, generator=torch.Generator().manual_seed(0))
    rows = [sorted(row, reverse=True) for row in values.tolist()]
    for aggregate, k, expected in [
        ('topk_mean', 10000, [sum(row) / 9 for row in rows]),
        ('topk_mean', 2, [sum(row[:2]) / 2 for row in rows]),
        ('topk_mean', 0.5, [sum(row[:4]) / 4 for row in rows]),
        ('mean', 2, [sum(row) / 9 for row in rows]),
        ('max', 2, [row[0] for row in rows]),
        ('sum', 2, [sum(row) for row in rows]),
    ]:
        torch.testing.assert_close(aggregate_instances(values, aggregate, k), torch.tensor(expected))
    with pytest.raises(ValueError, match='aggregate'):
        aggregate_instances(values, 'median')


@pytest.mark.parametrize('aggregate', ['topk_mean', 'mean', 'max', 'sum'])
def test_aggregates_of_detections(aggregate):
    rows = [torch.tensor([0.5, 0.25, 0.75]), torch.zeros(0), torch.tensor([0.125])]
    found = aggregate_detections(rows, aggregate, 2)
    assert found.shape == (3,) and found[1] == 0 and found[2] == 0.125
    assert found[0] == {'topk_mean': 0.625, 'mean': 0.5, 'max': 0.75, 'sum': 1.5}[aggregate]


def test_scoring_never_waits_for_the_device(logits):
    with Trace() as trace:
        for is_sigmoid in (True, False):
            values = margin(logit_outcomes(logits, is_sigmoid)) + logit_entropy(logits, is_sigmoid)
            aggregate_instances(values, k=3)
    assert 'topk' in trace.names and not trace.names & SYNCHRONISE


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('whole', [False, True], ids=['floats', 'ties'])
def test_k_center_is_the_literal_loop(seed, whole):
    rng = np.random.RandomState(seed)
    features = (rng.randint(0, 3, (24, 2)) if whole else rng.randn(24, 5)).astype(np.float32)
    order = rng.permutation(24)
    centers, candidates = order[: seed * 2], order[seed * 2 : 20]
    for size in (0, 1, 7, 100):
        expected = literal_k_center(features.tolist(), centers, candidates, size)
        assert k_center_greedy(features, centers, candidates, size).tolist() == expected
        assert k_center_greedy(features, centers, candidates, size, chunk=1).tolist() == expected


def test_k_center_covers_at_most_twice_as_badly_as_the_best_choice():
    rng = np.random.RandomState(0)
    features = rng.rand(12, 2)

    def radius(centers):
        distances = np.linalg.norm(features[:, None] - features[list(centers)][None], axis=2)
        return distances.min(axis=1).max()

    picks = k_center_greedy(features, [0], range(1, 12), 3)
    best = min(radius((0, *choice)) for choice in itertools.combinations(range(1, 12), 3))
    assert radius((0, *picks)) <= 2 * best


def test_k_center_of_equal_images_goes_by_id():
    features = np.full((9, 33), 0.1, np.float32)
    assert k_center_greedy(features, [4], [8, 3, 7, 1], 3).tolist() == [1, 3, 7]
    assert k_center_greedy(features, [], [8, 3, 7, 1], 2).tolist() == [1, 3]


def test_k_center_without_candidates():
    found = k_center_greedy(np.zeros((3, 2)), [0, 1, 2], [], 2)
    assert found.dtype == np.int64 and found.size == 0


def test_errors_of_k_center():
    features = np.zeros((4, 2), np.float32)
    features[2, 1], features[3, 0] = np.nan, np.inf
    for centers, candidates, which in [([0], [1, 2], 'c$'), ([2, 0], [1], 'c$'), ([3], [2, 1], 'c, d$')]:
        with pytest.raises(ValueError, match='not finite for . of .* images: ' + which):
            k_center_greedy(features, centers, candidates, 1, list('abcd'))
    assert k_center_greedy(features, [0], [1], 1).tolist() == [1]
    with pytest.raises(ValueError, match=r'\[n, D\]'):
        k_center_greedy(features[0], [0], [1], 1)
    with pytest.raises(ValueError, match='negative'):
        k_center_greedy(features, [0], [1], -1)
    with pytest.raises(ValueError, match='classes'):
        logit_entropy(torch.zeros(1, 2), True, 'max')
