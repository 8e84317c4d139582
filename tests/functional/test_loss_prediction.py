"""The pairwise ranking loss against a literal loop."""

import pytest
import torch

from wsod_mm.functional.loss_prediction import loss_prediction_loss

from .test_no_host_sync import SYNCHRONISE, Trace


def literal(predicted, target, margin):
    size = len(predicted)
    terms = []
    for i in range(0, size, 2):
        j = i + 1 if i + 1 < size else 0
        sign = 1 if target[i] > target[j] else -1
        terms.append(max(0.0, -sign * (predicted[i] - predicted[j]) + margin))
    return sum(terms) / len(terms)


@pytest.mark.parametrize('size', [2, 3, 4, 5, 8])
@pytest.mark.parametrize('margin', [0.25, 1.0])
def test_literal_loop(size, margin):
    generator = torch.Generator().manual_seed(size)
    predicted, target = torch.randn(2, size, generator=generator)
    found = loss_prediction_loss(predicted, target, margin)
    assert found.item() == pytest.approx(literal(predicted.tolist(), target.tolist(), margin), rel=1e-5)


def test_gradient_separates_the_pair():
    predicted = torch.zeros(2, requires_grad=True)
    loss_prediction_loss(predicted, torch.tensor([3.0, 1.0])).backward()
    assert predicted.grad.tolist() == [-1, 1]


def test_zero_when_ordered_by_more_than_the_margin():
    assert loss_prediction_loss(torch.tensor([2.5, 1.0]), torch.tensor([9.0, 8.0])) == 0
    assert loss_prediction_loss(torch.tensor([2.5, 1.0]), torch.tensor([9.0, 8.0]), 2.0) == 0.5


def test_only_the_order_of_the_targets_counts():
    predicted, target = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))
    assert loss_prediction_loss(predicted, target) == loss_prediction_loss(predicted, (target * 7).exp())


def test_equal_targets_are_as_in_the_paper():
    assert loss_prediction_loss(torch.tensor([0.5, 0.0]), torch.ones(2)).item() == 1.5


def test_one_image_has_a_gradient_of_zero():
    predicted = torch.tensor([3.0], requires_grad=True)
    loss = loss_prediction_loss(predicted, torch.tensor([1.0]))
    loss.backward()
    assert loss == 0 and predicted.grad.tolist() == [0]


def test_no_gradient_to_the_targets():
    predicted, target = torch.randn(2, 4, requires_grad=True).unbind()
    target.retain_grad()
    loss_prediction_loss(predicted, target).backward()
    assert target.grad is None


def test_the_step_never_waits_for_the_device():
    predicted = torch.randn(5, requires_grad=True)
    with Trace() as trace:
        loss_prediction_loss(predicted, torch.rand(5)).backward()
    assert 'where' in trace.names and not trace.names & SYNCHRONISE


def test_errors():
    for shapes in [((2,), (3,)), ((2, 1), (2, 1)), ((0,), (0,))]:
        with pytest.raises(ValueError, match=r'\[B\]'):
            loss_prediction_loss(*map(torch.zeros, shapes))
    with pytest.raises(ValueError, match='margin'):
        loss_prediction_loss(torch.zeros(2), torch.zeros(2), 0)
