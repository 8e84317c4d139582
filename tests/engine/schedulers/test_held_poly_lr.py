"""The polynomial schedule against its formula."""

import pytest
import torch
from mmengine.optim import PolyLR

from wsod_mm.registry import PARAM_SCHEDULERS


def rates(steps, kind='HeldPolyLR', **kwargs):
    """Learning rates of two groups at every step."""
    groups = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=lr) for lr in (0.1, 1.0)]
    optimizer = torch.optim.SGD(groups, 0.1)
    kwargs = dict(by_epoch=False, optimizer=optimizer, **kwargs)
    schedule = PARAM_SCHEDULERS.build(dict(type=kind, **kwargs)) if isinstance(kind, str) else kind(**kwargs)
    found = []
    for _ in range(steps):
        found.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


def test_formula_and_what_comes_after():
    total = 7
    found = rates(total + 3, power=0.9, end=total)
    for t, (slow, fast) in enumerate(found):
        expected = (1 - min(t, total - 1) / total) ** 0.9
        assert slow == pytest.approx(0.1 * expected) and fast == pytest.approx(expected)


def test_begin_and_minimum():
    found = [slow for slow, _ in rates(6, power=1.0, begin=2, end=4, eta_min=0.02)]
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.06, 0.06, 0.06])


def test_it_is_mmengines_with_another_end():
    ours, theirs = rates(5, power=0.9, end=5), rates(5, PolyLR, power=0.9, end=5)
    assert theirs[4] == [0, 0] and ours[4] != [0, 0]
    assert torch.allclose(torch.tensor(ours), torch.tensor(rates(5, PolyLR, power=0.9, end=6)))


def test_epochs_become_iterations():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule = PARAM_SCHEDULERS.build(
        dict(type='HeldPolyLR', power=0.9, end=2, by_epoch=True, convert_to_iter_based=True, optimizer=optimizer),
        default_args=dict(epoch_length=5),
    )
    assert schedule.total_iters == 10 and not schedule.by_epoch
