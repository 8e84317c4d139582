"""Uncertainty of instances and images against literal loops."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.active_mil import mil_scores
from wsod_mm.functional.uncertainty import image_uncertainty, instance_uncertainty, number_of_instances

from .test_active_losses import random_levels, sigmoid
from .test_no_host_sync import SYNCHRONISE, Trace


@pytest.fixture
def heads():
    return [random_levels(seed) for seed in range(3)]


@pytest.mark.parametrize('distance', ['l2', 'l1'])
@pytest.mark.parametrize('reweight', [False, True])
def test_instances_of_a_literal_loop(heads, distance, reweight):
    f1, f2, _ = heads
    weights = mil_scores(*heads) if reweight else None
    found = instance_uncertainty(f1, f2, weights, distance)
    assert found.shape == (2, 9)
    for b in range(2):
        rows = [(k, i) for k in range(2) for i in range(f1[k].shape[1])]
        for at, (k, i) in enumerate(rows):
            terms = []
            for c in range(3):
                d = abs(sigmoid(float(f1[k][b, i, c])) - sigmoid(float(f2[k][b, i, c])))
                d = d * d if distance == 'l2' else d
                terms.append(d * float(weights[k][b, i, c]) if reweight else d)
            assert float(found[b, at]) == pytest.approx(sum(terms) / 3, abs=1e-6)


def test_no_graph_is_kept():
    f1, f2 = (random_levels(seed, grad=True) for seed in range(2))
    assert not image_uncertainty(instance_uncertainty(f1, f2)).requires_grad


def test_equal_classifiers_are_certain(heads):
    for distance in ('l2', 'l1'):
        assert (instance_uncertainty(heads[0], heads[0], distance=distance) == 0).all()


def test_image_is_the_mean_of_the_k_largest(heads):
    instances = instance_uncertainty(*heads[:2])
    for k in (1, 4, 9, 10, 10000):
        expected = [sum(sorted(row, reverse=True)[:k]) / min(k, 9) for row in instances.tolist()]
        torch.testing.assert_close(image_uncertainty(instances, k), torch.tensor(expected))


def test_falls_with_k(heads):
    instances = instance_uncertainty(*heads[:2])
    values = torch.stack([image_uncertainty(instances, k) for k in range(1, 10)])
    assert (values[1:] <= values[:-1] + 1e-7).all()


def test_value_does_not_depend_on_ties_and_order():
    row = torch.tensor([0.25, 0.5, 0.25, 0.125, 0.25])
    for order in torch.stack([torch.randperm(5, generator=torch.Generator().manual_seed(s)) for s in range(8)]):
        assert image_uncertainty(row[order][None], 3).item() == pytest.approx(1 / 3)


def test_aggregates(heads):
    instances = instance_uncertainty(*heads[:2])
    assert torch.equal(image_uncertainty(instances, 2, 'mean'), instances.mean(dim=1))
    assert torch.equal(image_uncertainty(instances, 2, 'max'), instances.max(dim=1).values)
    torch.testing.assert_close(image_uncertainty(instances, 1), image_uncertainty(instances, aggregate='max'))


def test_one_anchor_and_one_class():
    f1, f2 = [torch.tensor([[[2.0]]])], [torch.tensor([[[-1.0]]])]
    value = image_uncertainty(instance_uncertainty(f1, f2))
    assert value.shape == (1,)
    assert value.item() == pytest.approx((sigmoid(2) - sigmoid(-1)) ** 2, abs=1e-6)


def test_a_batch_is_as_its_images_alone(heads):
    f1, f2, _ = heads
    together = image_uncertainty(instance_uncertainty(f1, f2), 4)
    for b in range(2):
        alone = instance_uncertainty([x[b : b + 1] for x in f1], [x[b : b + 1] for x in f2])
        torch.testing.assert_close(image_uncertainty(alone, 4)[0], together[b])


def test_half_precision_inputs(heads):
    f1, f2, _ = ([level.half() for level in head] for head in heads)
    found = instance_uncertainty(f1, f2)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, instance_uncertainty(*heads[:2]), rtol=0, atol=2e-3)


def test_number_of_instances():
    assert [number_of_instances(k, 50) for k in (1, 50, 51, 0.1, 1.0, 1e-9, np.int64(7))] == [1, 50, 50, 5, 50, 1, 7]
    for k in (0, -1, 1.5, 0.0, True, float('nan')):
        with pytest.raises(ValueError, match='k must be'):
            number_of_instances(k, 50)
    with pytest.raises(ValueError, match='without anchors'):
        number_of_instances(1, 0)


def test_errors(heads):
    f1, f2, fmil = heads
    with pytest.raises(ValueError, match='distance'):
        instance_uncertainty(f1, f2, distance='l3')
    with pytest.raises(ValueError, match='expected one list'):
        instance_uncertainty(f1, f2[:1])
    with pytest.raises(ValueError, match='weights'):
        instance_uncertainty(f1, f2, mil_scores(f1, f2, fmil)[:1])
    with pytest.raises(ValueError, match=r'\[B, A\]'):
        image_uncertainty(torch.zeros(3))
    with pytest.raises(ValueError, match='aggregate'):
        image_uncertainty(torch.zeros(1, 3), aggregate='sum')


def test_scoring_never_waits_for_the_device(heads):
    with Trace() as trace:
        image_uncertainty(instance_uncertainty(*heads[:2], mil_scores(*heads)), 4)
    assert 'topk' in trace.names and not trace.names & SYNCHRONISE
