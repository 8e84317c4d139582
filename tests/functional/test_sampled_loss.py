import pytest
import torch

from wsod_mm.functional.sampled_loss import sampled_ce_loss

from .test_no_host_sync import SYNCHRONISE, Trace


def example():
    torch.manual_seed(0)
    logits = torch.randn(3, 7, 5, requires_grad=True)
    labels = torch.randint(0, 5, (3, 7))
    valid = torch.tensor([[1, 1, 1, 0, 1, 0, 0], [0] * 7, [1] * 7], dtype=torch.bool)
    return logits, labels, valid


def test_sum_over_views_of_the_mean_over_valid_slots():
    logits, labels, valid = example()
    probs = logits.detach().softmax(dim=2)
    expected = 0.0
    for v in range(3):
        losses = [-probs[v, k, labels[v, k]].log() for k in range(7) if valid[v, k]]
        expected += sum(losses) / len(losses) if losses else 0.0
    torch.testing.assert_close(sampled_ce_loss(logits, labels, valid), expected)


def test_padding_has_no_gradient_even_if_it_is_not_finite():
    logits, labels, valid = example()
    sampled_ce_loss(logits, labels, valid).backward()
    assert not logits.grad[~valid].any() and logits.grad[valid].ne(0).all()
    broken = torch.where(valid[..., None], logits.detach(), float('nan')).requires_grad_()
    sampled_ce_loss(broken, labels, valid).backward()
    torch.testing.assert_close(broken.grad, logits.grad)


def test_an_impossible_label_is_finite():
    logits = torch.tensor([[[0.0, 300.0]]], requires_grad=True)  # its probability underflows in float32
    loss = sampled_ce_loss(logits, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool))
    loss.backward()
    assert loss == 300 and torch.isfinite(logits.grad).all()


def test_nothing_valid_is_zero_with_a_graph():
    logits, labels, _ = example()
    loss = sampled_ce_loss(logits, labels, torch.zeros(3, 7, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_half_precision_is_computed_in_float32():
    logits, labels, valid = example()
    half = logits.detach().bfloat16()
    loss = sampled_ce_loss(half, labels, valid)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, sampled_ce_loss(half.float(), labels, valid))


@pytest.mark.parametrize('cut', [0, 1, 2])
def test_shapes_are_checked(cut):
    arguments = list(example())
    arguments[cut] = arguments[cut][:2]
    with pytest.raises(ValueError, match=r'\[V, K, C \+ 1\]'):
        sampled_ce_loss(*arguments)


def test_no_host_synchronisation():
    logits, labels, valid = example()
    with Trace() as trace:
        sampled_ce_loss(logits, labels, valid).backward()
    assert 'gather' in trace.names and not trace.names & SYNCHRONISE
