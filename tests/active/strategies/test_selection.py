"""What all strategies promise about a selection, and the strategies that do not look at class probabilities."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.miaod import detector, images, retina_head, samples, ssd_head
from tests.models.stock_detectors import scatter, stock_detector
from wsod_mm.active.strategies import (
    CoreSetStrategy,
    EntropyStrategy,
    LearningLossStrategy,
    MIAODStrategy,
    RandomStrategy,
    Strategy,
)
from wsod_mm.functional.acquisition import k_center_greedy
from wsod_mm.registry import TASK_UTILS

TYPES = ['Entropy', 'LeastConfidence', 'Margin', 'MIAOD', 'LearningLoss', 'CoreSet', 'Random']
LABELED, CANDIDATES = [2, 5], [9, 0, 7, 3, 8, 1]


def strategy_of(name) -> Strategy:
    return TASK_UTILS.build(dict(type=f'{name}Strategy'))


def values_for(strategy, n=10):
    if not strategy.needs_scores:
        return None
    values = np.random.RandomState(0).rand(n, 4).astype(np.float32)
    values = values if isinstance(strategy, CoreSetStrategy) else values[:, 0]
    if not strategy.score_labeled:
        values[LABELED] = np.nan
    values[[4, 6]] = np.nan  # neither labeled nor a candidate
    return values


@pytest.mark.parametrize('name', TYPES)
def test_selection(name):
    strategy = strategy_of(name)
    values = values_for(strategy)
    found = strategy.select(values, LABELED, CANDIDATES, 3, seed=1)
    assert found.dtype == np.int64 and len(set(found)) == 3 and set(found) <= set(CANDIDATES)
    # deterministic; neither the order of the ids nor numpy's global state matters; a larger choice only adds
    np.random.seed(7)
    state = np.random.get_state()[1].copy()
    assert found.tolist() == strategy.select(values, LABELED[::-1], sorted(CANDIDATES), 3, seed=1).tolist()
    assert (np.random.get_state()[1] == state).all()
    everything = strategy.select(values, LABELED, CANDIDATES, 100, seed=1)
    assert everything[:3].tolist() == found.tolist() and sorted(everything) == sorted(CANDIDATES)
    assert strategy.select(values, LABELED, [], 3, seed=1).tolist() == []
    assert strategy.select(values, LABELED, CANDIDATES, 0, seed=1).tolist() == []
    assert (strategy.select(values, LABELED, CANDIDATES, 6, seed=2).tolist() == everything.tolist()) != (
        name == 'Random'
    )


@pytest.mark.parametrize('name', TYPES)
def test_bad_arguments(name):
    strategy = strategy_of(name)
    values = values_for(strategy)
    with pytest.raises(ValueError, match='1 candidates are labeled already'):
        strategy.select(values, LABELED, [5, 1], 1, 0)
    with pytest.raises(ValueError, match='more than once'):
        strategy.select(values, LABELED, [1, 1], 1, 0)
    with pytest.raises(ValueError, match='integer ids'):
        strategy.select(values, LABELED, [0.5], 1, 0)
    with pytest.raises(ValueError, match='negative'):
        strategy.select(values, LABELED, CANDIDATES, -1, 0)
    if strategy.needs_scores:
        with pytest.raises(ValueError, match='needs the values'):
            strategy.select(None, LABELED, CANDIDATES, 1, 0)
        with pytest.raises(ValueError, match='ids go up to 10'):
            strategy.select(values, LABELED, [10], 1, 0)
        values[3] = np.nan
        with pytest.raises(ValueError, match='not finite.*: VOC/3'):
            strategy.select(values, LABELED, CANDIDATES, 1, 0, [f'VOC/{i}' for i in range(10)])


def test_the_largest_come_first_and_ties_go_by_id():
    values = np.array([0.5, 0.9, 0.1, 0.9, 0.5], np.float32)
    assert EntropyStrategy().select(values, [], [4, 3, 2, 1, 0], 4, 0).tolist() == [1, 3, 0, 4]


def test_random_is_uniform_and_needs_no_model():
    strategy = RandomStrategy()
    assert not strategy.needs_scores
    strategy.check(nn.Identity())
    with pytest.raises(ValueError, match='needs no scores'):
        strategy.score(nn.Identity(), images(), samples())
    counts = np.bincount([strategy.select(None, [], range(5), 1, seed)[0] for seed in range(1000)])
    assert counts.min() > 150
    expected = np.random.RandomState(3).permutation(sorted(CANDIDATES))[:2]
    assert strategy.select(None, LABELED, CANDIDATES, 2, 3).tolist() == expected.tolist()


def test_core_set_is_k_center_greedy_from_the_labeled_images():
    strategy = CoreSetStrategy()
    assert strategy.score_labeled
    values = values_for(strategy)
    found = strategy.select(values, LABELED, CANDIDATES, 4, 0)
    assert found.tolist() == k_center_greedy(values, LABELED, CANDIDATES, 4).tolist()
    assert found.tolist() != k_center_greedy(values, [], CANDIDATES, 4).tolist()
    values[5, 2] = np.nan
    with pytest.raises(ValueError, match='not finite for 1 of 8 images: e5'):
        strategy.select(values, LABELED, CANDIDATES, 4, 0, [f'e{i}' for i in range(10)])


@pytest.mark.parametrize('model', [stock_detector, detector], ids=['retina', 'miaod'])
def test_features_of_core_set(model):
    model = model().eval()
    maps = model.extract_feat(images())
    pooled = [torch.stack([m[b, c].mean() for b in range(2) for c in range(8)]).view(2, 8) for m in maps]
    strategy = CoreSetStrategy()
    strategy.check(model)
    found = strategy.score(model, images(), samples())
    assert not found.requires_grad and found.dtype == torch.float32
    torch.testing.assert_close(found, torch.cat(pooled, 1))
    torch.testing.assert_close(CoreSetStrategy([-1]).score(model, images(), samples()), pooled[1])
    torch.testing.assert_close(CoreSetStrategy([1, 0]).score(model, images(), samples()), torch.cat(pooled[::-1], 1))
    with pytest.raises(ValueError, match='has 2 feature maps'):
        CoreSetStrategy([2]).score(model, images(), samples())


@pytest.mark.parametrize('head', [retina_head, ssd_head])
def test_miaod_is_the_uncertainty_of_the_head(head):
    model = scatter(detector(head())).eval()
    strategy = MIAODStrategy()
    strategy.check(model)
    assert torch.equal(strategy.score(model, images(), samples()), model.uncertainty(images()))


def test_models_of_another_kind_are_refused():
    for strategy, fix in [
        (MIAODStrategy(), 'MIAODDetector'),
        (LearningLossStrategy(), 'LearningLossDetector'),
        (CoreSetStrategy(), 'extract_feat'),
    ]:
        with pytest.raises(ValueError, match=fix + '.*got Linear'):
            strategy.check(nn.Linear(1, 1))
    with pytest.raises(ValueError, match='got SingleStageDetector'):
        MIAODStrategy().check(stock_detector())


def test_only_in_evaluation_mode():
    with pytest.raises(ValueError, match=r'call model.eval\(\)'):
        EntropyStrategy().score(stock_detector().train(), images(), samples())


def test_errors_of_levels():
    for levels in ([], [0, 0]):
        with pytest.raises(ValueError, match='levels must'):
            CoreSetStrategy(levels)
