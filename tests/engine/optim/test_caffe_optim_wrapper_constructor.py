"""Bias rules and layer rules multiply."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.backbone[0].weight.requires_grad_(False)
        self.cls = nn.Linear(4, 2)
        self.refine_cls = nn.ModuleList(nn.Linear(4, 3) for _ in range(2))
        self.refine_box = nn.Linear(4, 8)


def build(constructor='CaffeOptimWrapperConstructor', optimizer=None, **paramwise):
    init_default_scope('wsod_mm')
    optimizer = optimizer or dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0005)
    net = Net()
    wrapper = build_optim_wrapper(
        net, dict(type='OptimWrapper', constructor=constructor, optimizer=optimizer, paramwise_cfg=paramwise)
    )
    names = {id(p): n for n, p in net.named_parameters()}
    return {
        names[id(p)]: (g['lr'], g['weight_decay']) for g in wrapper.optimizer.param_groups for p in g['params']
    }, wrapper


def test_papers_groups():
    """Biases: rate x2 and no decay; refinement heads: rate x10, their biases x20."""
    found, wrapper = build(custom_keys={'refine': dict(lr_mult=10)})
    expected = {
        'backbone.0.bias': (0.002, 0),
        'backbone.1.weight': (0.001, 0.0005),
        'backbone.1.bias': (0.002, 0),
        'cls.weight': (0.001, 0.0005),
        'cls.bias': (0.002, 0),
        'refine_cls.0.weight': (0.01, 0.0005),
        'refine_cls.0.bias': (0.02, 0),
        'refine_cls.1.weight': (0.01, 0.0005),
        'refine_cls.1.bias': (0.02, 0),
        'refine_box.weight': (0.01, 0.0005),
        'refine_box.bias': (0.02, 0),
    }
    assert found.keys() == expected.keys()  # the frozen weight is left out
    assert all(found[k] == pytest.approx(expected[k]) for k in expected)
    assert len(wrapper.optimizer.param_groups) == 4
    assert wrapper.get_lr()['base_lr'] == [0.001]


def test_mmengines_constructor_cannot_say_it():
    found, _ = build(
        'DefaultOptimWrapperConstructor',
        bias_lr_mult=2.0,
        bias_decay_mult=0.0,
        custom_keys={'refine': dict(lr_mult=10)},
    )
    assert found['refine_box.bias'] == pytest.approx((0.01, 0.0005))  # neither x20 nor undecayed


def test_longest_key_wins_and_switches_work():
    found, _ = build(
        bias_lr_mult=1.0,
        bias_decay_mult=1.0,
        norm_decay_mult=0.0,
        custom_keys={'refine': dict(lr_mult=10), 'refine_box': dict(lr_mult=3, decay_mult=2)},
    )
    assert found['refine_box.bias'] == pytest.approx((0.003, 0.001))
    assert found['refine_cls.0.bias'] == pytest.approx((0.01, 0.0005))
    assert found['backbone.1.weight'] == pytest.approx((0.001, 0))


def test_defaults_without_paramwise_cfg():
    found, _ = build()
    assert found['cls.bias'] == pytest.approx((0.002, 0))


def test_optimizer_without_decay():
    found, _ = build(optimizer=dict(type='Adam', lr=0.1))
    assert found['cls.bias'] == pytest.approx((0.2, 0))


def test_mistakes():
    with pytest.raises(ValueError, match="unknown paramwise_cfg \\['bias_lr'\\]"):
        build(bias_lr=2)
    with pytest.raises(ValueError, match="\\['refnie'\\] match no trainable"):
        build(custom_keys={'refnie': dict(lr_mult=10)})
    with pytest.raises(ValueError, match='needs lr'):
        build(optimizer=dict(type='SGD', weight_decay=0.1))


def test_one_step_moves_by_the_rates():
    _, wrapper = build(custom_keys={'refine': dict(lr_mult=10)})
    before = [[p.detach().clone() for p in g['params']] for g in wrapper.optimizer.param_groups]
    for group in wrapper.optimizer.param_groups:
        group['weight_decay'] = 0.0
        for parameter in group['params']:
            parameter.grad = torch.ones_like(parameter)
    wrapper.step()
    for group, old in zip(wrapper.optimizer.param_groups, before, strict=True):
        for parameter, start in zip(group['params'], old, strict=True):
            torch.testing.assert_close(
                start - parameter.detach(), torch.full_like(start, group['lr']), atol=1e-7, rtol=1e-3
            )
