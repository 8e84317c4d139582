import pytest
import torch

from wsod_mm.functional.mean_logits import mean_logits


def pair(shape=(2, 12, 3, 4), scale=2.0):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) * scale for _ in range(2)]


def test_sigmoid_gives_the_mean_of_the_scores():
    a, b = pair()
    torch.testing.assert_close(mean_logits(a, b, 4).sigmoid(), (a.sigmoid() + b.sigmoid()) / 2)


def test_softmax_gives_the_mean_of_the_scores():
    a, b = pair()
    probs = [z.unflatten(1, (3, 4)).softmax(dim=2) for z in (mean_logits(a, b, 4, 'softmax'), a, b)]
    torch.testing.assert_close(probs[0], (probs[1] + probs[2]) / 2)


@pytest.mark.parametrize('activation', ['sigmoid', 'softmax'])
def test_large_logits_and_equal_ones(activation):
    a, _ = pair(scale=80.0)
    mean = mean_logits(a, -a, 4, activation)
    assert torch.isfinite(mean).all()
    same = mean_logits(a, a, 4, activation)
    if activation == 'softmax':
        a = a.unflatten(1, (3, 4)).log_softmax(dim=2).flatten(1, 2)
    torch.testing.assert_close(same, a, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ('args', 'match'),
    [
        ((torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 3), 4), 'shapes equal'),
        ((torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2), 3), 'expected'),
        ((torch.zeros(1, 4), torch.zeros(1, 4), 4), 'expected'),
        ((torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2), 4, 'tanh'), 'activation'),
    ],
)
def test_bad_input(args, match):
    with pytest.raises(ValueError, match=match):
        mean_logits(*args)
