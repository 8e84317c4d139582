import itertools

import numpy as np
import pytest
import torch

from wsod_mm.functional.clustering import _top_cluster_static, top_cluster

from .test_no_host_sync import SYNCHRONISE, Trace

PATHS = [top_cluster, _top_cluster_static]
KINDS = {
    'uniform': lambda n: torch.rand(n),
    'few values': lambda n: torch.randint(0, 6, (n,)).float(),
    'tenths': lambda n: torch.randint(0, 12, (n,)) / 10,
    'peaked': lambda n: torch.randn(n).mul(4).softmax(0),
    'saturated': lambda n: torch.randn(n).mul(40).softmax(0).clamp(1e-9, 1 - 1e-9),
}


def error(*parts):
    return sum(((part - part.mean()) ** 2).sum() for part in parts)


def by_trying_all(scores):
    """Error of the best partition and the top cluster of it, the smallest if several are as good."""
    v = scores.double().numpy()
    begins = np.unique(v)[1:]
    tried = [
        (error(v[v < low], v[(v >= low) & (v < high)], v[v >= high]), high)
        for low, high in itertools.combinations(begins, 2)
    ]
    least = min(e for e, _ in tried)
    return v >= max(high for e, high in tried if e <= least + 1e-12 * error(v))


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize('kind', KINDS)
def test_equals_trying_all_partitions(path, kind):
    for seed in range(60):
        torch.manual_seed(seed)
        scores = KINDS[kind](3 + seed % 30)
        if len(scores.unique()) >= 3:
            np.testing.assert_array_equal(path(scores).numpy(), by_trying_all(scores), err_msg=f'{scores.sort()}')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('n', [17, 300, 1100])
def test_both_paths_agree(kind, n):
    torch.manual_seed(n)
    scores = KINDS[kind](n)
    assert torch.equal(top_cluster(scores), _top_cluster_static(scores))
    valid = torch.rand(n) > 0.6
    chosen = top_cluster(scores, valid)
    assert torch.equal(chosen, _top_cluster_static(scores, valid))
    assert torch.equal(chosen[valid], top_cluster(scores[valid])) and not chosen[~valid].any()


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize(
    ('scores', 'expected'),
    [
        ([], []),
        ([0.3], [1]),
        ([0.3, 0.3], [1, 1]),
        ([0.3, 0.4], [0, 1]),
        ([0.2, 0.2, 0.2, 0.2], [1, 1, 1, 1]),
        ([0.5, 0.2, 0.5, 0.2, 0.2], [1, 0, 1, 0, 0]),
        ([1.0, 3.0, 2.0], [0, 1, 0]),
        # three partitions are equally good
        ([0.0, 1, 2, 3], [0, 0, 0, 1]),
        # the rest has more to gain from a second cluster than the top
        ([0.0, 0.0, 0.5, 0.9, 0.91], [0, 0, 0, 1, 1]),
    ],
)
def test_by_hand(path, scores, expected):
    assert path(torch.tensor(scores)).int().tolist() == expected


@pytest.mark.parametrize('path', PATHS)
def test_nothing_valid(path):
    assert not path(torch.rand(4), torch.zeros(4, dtype=torch.bool)).any()


@pytest.mark.parametrize('path', PATHS)
def test_order_does_not_matter_and_scores_are_kept(path):
    torch.manual_seed(0)
    scores = torch.rand(50)
    before, order = scores.clone(), torch.randperm(50)
    assert torch.equal(path(scores)[order], path(scores[order]))
    assert torch.equal(scores, before)


def test_wrong_shapes():
    with pytest.raises(ValueError, match=r'scores \[n\]'):
        top_cluster(torch.rand(3, 2))
    with pytest.raises(ValueError, match=r'valid \[n\]'):
        top_cluster(torch.rand(3), torch.ones(2, dtype=torch.bool))


def test_static_path_does_not_wait_for_the_device():
    scores, valid = torch.rand(40), torch.rand(40) > 0.3
    with Trace() as trace:
        _top_cluster_static(scores, valid)
    assert 'cumsum' in trace.names and not trace.names & SYNCHRONISE
