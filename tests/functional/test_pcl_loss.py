import torch

from wsod_mm.functional.cluster_loss import cluster_means, pcl_loss

from .test_no_host_sync import SYNCHRONISE, Trace

PROBS = torch.tensor([[0.2, 0.7, 0.1], [0.1, 0.4, 0.5], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
LABELS = torch.tensor([1, 1, 0, 2, 2])
WEIGHTS = torch.tensor([0.9, 0.9, 0.5, 0.4, 0.4])
INDEX = torch.tensor([0, 0, -1, 2, 2])  # seed 1 has no proposal


def test_by_hand():
    log = lambda x: torch.tensor(x).log()  # noqa: E731
    expected = -(0.5 * log(0.6) + 1.8 * log((0.7 + 0.4) / 2) + 0.8 * log((0.4 + 0.7) / 2)) / 5
    torch.testing.assert_close(pcl_loss(PROBS, LABELS, WEIGHTS, INDEX, 3), expected)
    clusters = cluster_means(PROBS, LABELS, WEIGHTS, INDEX, 3)
    assert clusters.counts.tolist() == [2, 0, 2]
    torch.testing.assert_close(clusters.probs, torch.tensor([0.55, 0, 0.55]))
    torch.testing.assert_close(clusters.weights, torch.tensor([1.8, 0, 0.8]))


def test_clusters_of_one_are_the_weighted_cross_entropy():
    index = torch.tensor([0, 1, -1, 2, 3])
    expected = -(WEIGHTS * PROBS.gather(1, LABELS[:, None])[:, 0].log()).mean()
    torch.testing.assert_close(pcl_loss(PROBS, LABELS, WEIGHTS, index, 4), expected)


def test_gradient_by_formula_and_none_for_the_weights():
    probs, weights = PROBS.clone().requires_grad_(), WEIGHTS.clone().requires_grad_()
    pcl_loss(probs, LABELS, weights, INDEX, 3).backward()
    # d/dq of W ln(mean q): each proposal of the cluster gets W / sum q
    expected = torch.zeros_like(PROBS)
    expected[:2, 1] = 1.8 / 1.1
    expected[3:, 2] = 0.8 / 1.1
    expected[2, 0] = 0.5 / 0.6
    torch.testing.assert_close(probs.grad, -expected / 5)
    assert weights.grad is None


def test_padding_seeds_do_not_change_the_loss():
    torch.testing.assert_close(pcl_loss(PROBS, LABELS, WEIGHTS, INDEX, 3), pcl_loss(PROBS, LABELS, WEIGHTS, INDEX, 9))


def test_limit_inside_the_logarithm():
    probs = torch.zeros(5, 3, requires_grad=True)
    loss = pcl_loss(probs, LABELS, WEIGHTS, INDEX, 3, eps=1e-3)
    torch.testing.assert_close(loss, -torch.tensor(1e-3).log() * (0.5 + 1.8 + 0.8) / 5)
    loss.backward()
    assert not probs.grad.any()


def test_nothing_has_a_weight():
    probs = PROBS.clone().requires_grad_()
    loss = pcl_loss(probs, LABELS * 0, WEIGHTS * 0, INDEX * 0 - 1, 1)
    loss.backward()
    assert loss == 0 and not probs.grad.any()


def test_only_background_or_only_foreground():
    background = torch.full((5,), -1)
    torch.testing.assert_close(
        pcl_loss(PROBS, LABELS * 0, WEIGHTS, background, 2), -(WEIGHTS * PROBS[:, 0].log()).mean()
    )
    torch.testing.assert_close(
        pcl_loss(PROBS, LABELS * 0 + 1, WEIGHTS, background + 1, 1), -WEIGHTS.sum() * PROBS[:, 1].mean().log() / 5
    )


def test_no_proposals():
    empty = torch.zeros(0, dtype=torch.long)
    assert pcl_loss(torch.zeros(0, 3), empty, torch.zeros(0), empty, 1) == 0


def test_does_not_wait_for_the_device():
    probs = PROBS.clone().requires_grad_()
    with Trace() as trace:
        pcl_loss(probs, LABELS, WEIGHTS, INDEX, 3).backward()
    assert 'index_add' in trace.names and not trace.names & SYNCHRONISE
