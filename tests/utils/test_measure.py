"""Meters, against computations whose cost is known."""

import time

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

from wsod_mm.utils.measure import FlopStages, MemoryStages, SyncTrace, TimeStages, no_stage


def test_flops_by_stage():
    first, second = torch.randn(3, 4, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    with FlopStages() as meter:
        with meter.stage('outer'):
            x = torch.randn(2, 3) @ first
            with meter.stage('inner'):
                x = x @ second
        x.sum().backward()
    # backward: one product for the gradient of a factor that needs one
    assert meter.flops['outer'] == 2 * 2 * 3 * 4 * 2
    assert meter.flops['inner'] == 2 * 2 * 4 * 5 * 3
    assert not meter.flops['rest']


def test_flops_of_a_checkpoint_and_of_an_inner_backward_pass():
    weight = torch.randn(4, 4, requires_grad=True)
    with FlopStages() as meter:
        with meter.stage('attention'):
            x = torch.randn(2, 4, requires_grad=True)
            torch.autograd.grad((x @ weight).sum(), x)
        with meter.stage('again'):
            y = checkpoint(lambda x: (x @ weight).sin(), torch.randn(2, 4), use_reentrant=False)
        y.sum().backward()
    one = 2 * 2 * 4 * 4
    assert meter.flops['attention'] == 2 * one
    assert sum(meter.flops.values()) == 2 * one + 3 * one


@pytest.mark.parametrize('fake', [False, True])
def test_memory(fake):
    kib = 1024
    with FakeTensorMode(allow_non_fake_inputs=True) if fake else torch.enable_grad():
        with MemoryStages() as meter:
            a = torch.zeros(kib // 4)
            with meter.stage('b'):
                b = a + 1
                view = b.view(2, -1)
            assert meter.live == meter.peak == 2 * kib
            del b
            assert meter.live == 2 * kib  # the view holds it
            assert meter.peak_parts == {('rest', 'zeros'): kib, ('b', 'add'): kib}
            del view
            assert meter.live == kib
            a.add_(1)
            assert (meter.live, meter.peak) == (kib, 2 * kib)
            c = a * 2
            d = a * 3
            assert meter.peak == meter.total_peak == 3 * kib
            del a, c, d
            assert meter.live == 0


def test_memory_of_a_backward_pass():
    layer, x = nn.Linear(32, 32, bias=False), torch.randn(8, 32)
    row, weight = 8 * 32 * 4, 32 * 32 * 4
    with MemoryStages(layer.parameters()) as meter:
        meter.add([x], 'input')
        y = layer(x).relu()
        assert meter.live == 2 * row and meter.peak == 3 * row  # the product is needed for the ReLU only
        y.square().sum().backward()
        del y
    assert meter.live == row
    assert meter.total_peak >= 2 * weight + 2 * row  # weight and gradient
    assert meter.peak < 10 * row


def test_gradients_of_a_tensor_that_is_used_twice_are_added_in_place():
    def peak(uses):
        x = torch.zeros(1000, requires_grad=True)
        with MemoryStages() as meter:
            torch.stack([(x * n).sum() for n in range(1, uses + 1)]).sum().backward()
        return meter.peak / 4000

    # forward results of sizes that do not matter here, the sum so far, and what is added
    assert peak(2) == pytest.approx(peak(6), abs=0.1)


def test_synchronisation():
    x = torch.tensor([1.0, -1.0, 2.0, -2.0], requires_grad=True)
    with SyncTrace() as trace:
        with trace.stage('looks'):
            (x > 0).nonzero()
            x.detach().sum().item()
        with trace.stage('masks'):
            y = x.detach()[x > 0]
            z = torch.zeros(4)
            z[x > 0] = 1
            z[x > 0] = torch.ones(len(y))
        (x * 2)[torch.tensor([1, 0])].sum().backward()
    assert trace.waits == {
        ('looks', 'nonzero'): 1,
        ('looks', '_local_scalar_dense'): 1,
        ('masks', 'index by a mask'): 1,
        ('masks', 'index_put_ by a mask'): 1,
    }
    assert trace.operators['rest'] > 0


def test_time_is_that_of_the_innermost_stage():
    clock = TimeStages()
    with clock.stage('outer'):
        with clock.stage('inner'):
            time.sleep(0.05)
    assert clock.seconds['inner'] >= 0.05 > clock.seconds['outer'] >= 0
    with no_stage('nothing'):
        pass
