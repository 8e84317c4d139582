"""The formulas of a training step never wait for the device (seen on the CPU as operators that need a value)."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from wsod_mm.functional.mil import image_scores, mil_bce_loss, wsddn_scores
from wsod_mm.functional.mining import top1_seeds
from wsod_mm.functional.refinement import assign_seeds, oicr_loss
from wsod_mm.utils.measure import SYNCHRONISING

SYNCHRONISE = SYNCHRONISING


class Trace(TorchDispatchMode):
    """Names of the operators that ran."""

    def __init__(self) -> None:
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.overloadpacket._qualified_op_name.split('::')[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('norm', ['all', 'valid'])
def test_training_step(norm):
    torch.manual_seed(0)
    boxes = torch.rand(40, 2).mul(80).repeat(1, 2) + torch.tensor([0.0, 0, 20, 20])
    cls, det, refine = (torch.randn(40, c, requires_grad=True) for c in (5, 5, 6))
    labels = torch.tensor([0.0, 1, 0, 1, 1])
    with Trace() as trace:
        scores = wsddn_scores(cls, det)
        loss = mil_bce_loss(image_scores(scores), labels)
        assigned = assign_seeds(boxes, top1_seeds(boxes, scores.detach(), labels), ignore_iou=0.1)
        loss = loss + oicr_loss(refine.softmax(1), assigned.labels, assigned.weights, norm=norm)
        loss.backward()
    assert 'argmax' in trace.names and not trace.names & SYNCHRONISE


def test_the_trace_sees_a_synchronisation():
    with Trace() as trace:
        torch.rand(3)[torch.tensor(1)]
    assert '_local_scalar_dense' in trace.names
