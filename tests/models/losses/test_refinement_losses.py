import pytest
import torch

import wsod_mm.models  # noqa: F401
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment
from wsod_mm.registry import MODELS

# IoU with the seed (the first): 1, .5, 1/3, .05, 0
BOXES = torch.tensor([[0.0, 0, 9, 9], [0, 0, 19, 9], [0, 0, 29, 9], [9, 0, 19, 9], [50, 50, 59, 59]])
SEEDS = Seeds(
    BOXES[:1].repeat(2, 1), torch.tensor([2, 1]), torch.tensor([0.8, 0.0]), torch.zeros(2).long(), torch.eye(2)[0] > 0
)
LOSSES = ['OICRLoss', 'PCLLoss']
# branch 0 and a switch that must change the gradient
SWITCHES = [
    ('OICRLoss', dict(fg_iou=0.6)),
    ('OICRLoss', dict(ignore_iou=0.1)),
    ('OICRLoss', dict(ignore_iou=0.1, norm='valid')),
    ('OICRLoss', dict(eps=0.1)),
    ('OICRLoss', dict(loss_weight=2.0)),
    ('OICRLoss', dict(first_branch_weight=3.0)),
    ('PCLLoss', dict(fg_iou=0.6)),
    ('PCLLoss', dict(ignore_iou=0.0)),
    ('PCLLoss', dict(eps=0.9)),
    ('PCLLoss', dict(loss_weight=2.0)),
    ('PCLLoss', dict(first_branch_weight=3.0)),
]


def loss_and_gradient(name, branch=0, views=1, dtype=torch.float32, **switch):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(len(BOXES), 4, generator=generator).to(dtype).repeat(views, 1).requires_grad_()
    module = MODELS.build(dict(type=name, **switch))
    assignment = module.assign(BOXES, SEEDS)
    assignment = Assignment(*(field.repeat(views) for field in assignment))
    loss = module(logits, assignment, SEEDS, branch)
    loss.backward()
    return loss.detach(), logits.grad


@pytest.mark.parametrize(('name', 'switch'), SWITCHES, ids=str)
def test_every_switch_changes_the_gradient(name, switch):
    assert not torch.allclose(loss_and_gradient(name)[1], loss_and_gradient(name, **switch)[1])


@pytest.mark.parametrize('name', LOSSES)
def test_factors(name):
    loss, grad = loss_and_gradient(name)
    for branch, factor in ((0, 6.0), (1, 2.0)):
        weighted = loss_and_gradient(name, branch, loss_weight=2.0, first_branch_weight=3.0)
        torch.testing.assert_close(weighted[0], factor * loss)
        torch.testing.assert_close(weighted[1], factor * grad)


def test_norm_valid_alone_changes_the_gradient():
    everything = loss_and_gradient('OICRLoss', ignore_iou=0.1)[1]
    valid = loss_and_gradient('OICRLoss', ignore_iou=0.1, norm='valid')[1]
    torch.testing.assert_close(valid, everything * 5 / 3)


@pytest.mark.parametrize('name', LOSSES)
def test_equal_views_have_the_loss_of_one(name):
    torch.testing.assert_close(loss_and_gradient(name, views=3)[0], loss_and_gradient(name)[0])


@pytest.mark.parametrize('name', LOSSES)
def test_half_precision_logits(name):
    loss, grad = loss_and_gradient(name, dtype=torch.bfloat16)
    assert loss.dtype == torch.float32 and grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss, loss_and_gradient(name)[0], rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize('name', LOSSES)
def test_no_valid_seed(name):
    module, logits = MODELS.build(dict(type=name)), torch.randn(5, 4, requires_grad=True)
    seeds = SEEDS._replace(valid=torch.zeros(2, dtype=torch.bool))
    loss = module(logits, module.assign(BOXES, seeds), seeds, 0)
    loss.backward()
    assert loss == 0 and not logits.grad.any()
