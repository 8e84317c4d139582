"""The mean and the sum of accumulated gradients, and mixed precision on the CPU."""

import pytest
import torch
from mmengine.registry import OPTIM_WRAPPERS, init_default_scope
from torch import nn

from wsod_mm.engine.optim import AmpOptimWrapper, OptimWrapper
from wsod_mm.utils.compat import has_accelerator

INPUTS = torch.tensor([1.0, 2.0, 6.0])


def weight_after(count, kind=OptimWrapper, batches=None, **options):
    """Weight after the given batches of ``loss = -w * mean(x)``, from 0, with learning rate 1."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    wrapper = kind(optimizer=optimizer, accumulative_counts=count, **options)
    batches = batches if batches is not None else [x.view(1, 1) for x in INPUTS]
    wrapper.initialize_count_status(layer, 0, len(batches))
    for batch in batches:
        with wrapper.optim_context(layer):
            loss = -layer(batch).mean()
        wrapper.update_params(loss)
    return layer.weight.item()


def test_sum_is_count_times_mean():
    assert weight_after(3, accumulation='mean') == pytest.approx(3.0)  # mean of 1, 2, 6
    assert weight_after(3, accumulation='sum') == pytest.approx(9.0)
    assert weight_after(3) == weight_after(3, accumulation='mean')


def test_mean_is_one_large_batch():
    assert weight_after(3) == pytest.approx(weight_after(1, batches=[INPUTS.view(3, 1)]))


def test_incomplete_last_group():
    # two updates: batches 1 and 2, then batch 3 alone
    assert weight_after(2, accumulation='mean') == pytest.approx(1.5 + 6)
    assert weight_after(2, accumulation='sum') == pytest.approx(3 + 6)


def test_without_accumulation_both_are_the_same():
    assert weight_after(1, accumulation='sum') == weight_after(1, accumulation='mean') == 9.0


def test_unknown_kind():
    with pytest.raises(ValueError, match="'mean' or 'sum'"):
        weight_after(2, accumulation='average')


@pytest.mark.skipif(has_accelerator(), reason='about machines without a GPU')
def test_amp_on_the_cpu():
    assert weight_after(3, AmpOptimWrapper, accumulation='sum', loss_scale='dynamic') == 9.0
    layer = nn.Linear(4, 2)
    wrapper = AmpOptimWrapper(optimizer=torch.optim.SGD(layer.parameters(), lr=0.1))
    with wrapper.optim_context(layer):
        assert layer(torch.ones(1, 4)).dtype == torch.bfloat16
    wrapper.load_state_dict(wrapper.state_dict())
    with pytest.raises(ValueError, match='bfloat16'):
        AmpOptimWrapper(optimizer=torch.optim.SGD(layer.parameters(), lr=0.1), dtype='float16')


def test_names_in_scope():
    init_default_scope('wsod_mm')
    with OPTIM_WRAPPERS.switch_scope_and_registry('wsod_mm') as node:
        assert node.get('OptimWrapper') is OptimWrapper
        assert node.get('AmpOptimWrapper') is AmpOptimWrapper
