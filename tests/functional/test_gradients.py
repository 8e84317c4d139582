import torch

from wsod_mm.functional.gradients import gradient_norms, gradient_shares


def test_norms_by_hand_and_a_graph_that_stays():
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    losses = {'square': (a**2).sum(), 'product': 4 * b.sum() + (3 * a).sum(), 'constant': torch.tensor(1.0)}
    norms = gradient_norms(losses, [a, b])
    torch.testing.assert_close(norms['square'], torch.tensor(20.0).sqrt())  # (2, 4)
    torch.testing.assert_close(norms['product'], torch.tensor(34.0).sqrt())  # (3, 3) and 4
    assert norms['constant'] == 0
    sum(losses.values()).backward()
    assert a.grad is not None


def test_a_loss_that_does_not_reach_the_parameters_has_no_share():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    shares = gradient_shares(gradient_norms({'here': a.sum(), 'elsewhere': b.sum()}, [a]))
    assert shares['here'] == 1 and shares['elsewhere'] == 0


def test_no_gradient_at_all_is_not_a_division_by_zero():
    shares = gradient_shares({'one': torch.tensor(0.0), 'other': torch.tensor(0.0)})
    assert shares['one'] == 0 and shares['other'] == 0
