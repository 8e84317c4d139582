import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.bootstrap import bootstrap_bce, bootstrap_cross_entropy, weighted_mean


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(30, 5, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(0, 5, (30,), generator=generator)


@pytest.mark.parametrize('hard', [True, False])
def test_definition(data, hard):
    logits, labels = data
    q = logits.softmax(1)
    belief = F.one_hot(q.argmax(1), 5).double() if hard else q
    target = 0.7 * F.one_hot(labels, 5) + 0.3 * belief
    expected = -(target * q.log()).sum(1)
    found = bootstrap_cross_entropy(logits, labels, 0.7, hard)
    torch.testing.assert_close(found, expected)
    grads = [torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (found, expected)]
    torch.testing.assert_close(*grads)  # soft: also through the target


@pytest.mark.parametrize('hard', [True, False])
def test_full_trust_is_cross_entropy(data, hard):
    logits, labels = data
    torch.testing.assert_close(
        bootstrap_cross_entropy(logits, labels, 1.0, hard), F.cross_entropy(logits, labels, reduction='none')
    )


@pytest.mark.parametrize('hard', [True, False])
@pytest.mark.parametrize('beta', [0.0, 0.8, 1.0])
def test_one_logit_is_two(hard, beta):
    pair = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4
    pair[0] = 0.5  # a tie: background, the first
    pair.requires_grad_()
    labels = torch.arange(50) % 2
    two = bootstrap_cross_entropy(pair, labels, beta, hard)
    one = bootstrap_bce(pair[:, 1] - pair[:, 0], labels, beta, hard)
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(*(torch.autograd.grad(x.sum(), pair)[0] for x in (one, two)))


def test_large_logits_and_half_precision():
    logits = torch.tensor([[300.0, -300.0, 0.0]], requires_grad=True)
    loss = bootstrap_cross_entropy(logits, torch.tensor([1]), hard=False)
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()
    x = torch.tensor([300.0, -300.0], requires_grad=True)
    bootstrap_bce(x, torch.tensor([0, 1]), hard=False).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert bootstrap_cross_entropy(logits.half(), torch.tensor([1])).dtype == torch.float32
    assert bootstrap_bce(x.bfloat16(), torch.tensor([0, 1])).dtype == torch.float32


def test_weighted_mean():
    losses, weights = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.5, 2.0])
    assert weighted_mean(losses) == 2
    torch.testing.assert_close(weighted_mean(losses, weights), torch.tensor(7 / 3))
    assert weighted_mean(losses, weights, torch.tensor(0)) == 7 and weighted_mean(losses, weights, 7) == 1
    empty = torch.zeros(0, requires_grad=True)
    assert weighted_mean(empty) == 0 and weighted_mean(empty).requires_grad


def test_errors():
    with pytest.raises(ValueError, match='beta'):
        bootstrap_bce(torch.zeros(1), torch.zeros(1), 1.5)
    with pytest.raises(ValueError, match=r'logits \[N, K\]'):
        bootstrap_cross_entropy(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))
