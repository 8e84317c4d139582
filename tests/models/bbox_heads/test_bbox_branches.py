import pytest
import torch

from wsod_mm.registry import MODELS


def test_branch_heads_are_separate_and_start_small():
    heads = MODELS.build(dict(type='BranchBBoxHeads', in_channels=512, num_classes=20, num_branches=3))
    heads.init_weights()
    features = torch.randn(5, 512)
    outputs = [heads(features, k) for k in range(heads.num_branches)]
    assert [tuple(o.shape) for o in outputs] == [(5, 84)] * 3 and not torch.equal(outputs[0], outputs[1])
    for layer in heads.branches:
        assert not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(0.001, rel=0.05)
    outputs[1].sum().backward()
    assert [layer.weight.grad is not None for layer in heads.branches] == [False, True, False]


def test_casd_has_two_branches_and_the_std_is_an_argument():
    heads = MODELS.build(dict(type='BranchBBoxHeads', in_channels=512, num_classes=20, std=0.1))
    heads.init_weights()
    assert heads.num_branches == 2
    assert heads.branches[1].weight.std().item() == pytest.approx(0.1, rel=0.05)


def test_fast_rcnn_branch():
    branch = MODELS.build(dict(type='FastRCNNBranch', in_channels=512, num_classes=20))
    branch.init_weights()
    logits, deltas = branch(torch.randn(5, 512))
    assert logits.shape == (5, 21) and deltas.shape == (5, 84)
    assert branch.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert branch.fc_reg.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert not branch.fc_cls.bias.any() and not branch.fc_reg.bias.any()


def test_a_given_initialisation_wins():
    config = dict(in_channels=8, num_classes=2, init_cfg=dict(type='Constant', layer='Linear', val=2.0))
    for kind in ('BranchBBoxHeads', 'FastRCNNBranch'):
        module = MODELS.build(dict(type=kind, **config))
        module.init_weights()
        assert all(p.eq(2).all() for name, p in module.named_parameters() if name.endswith('weight'))


def test_no_proposal():
    heads = MODELS.build(dict(type='BranchBBoxHeads', in_channels=8, num_classes=2))
    assert heads(torch.zeros(0, 8), 0).shape == (0, 12)
