"""Rows of a large tensor: the gradient of ``index_select``, in another order and with less memory."""

import pytest
import torch

from wsod_mm.functional.select_rows import collect_rows, select_rows
from wsod_mm.utils.measure import MemoryStages


def _losses(x, select):
    """Two selections (a row twice in one of them) and, as a third loss, everything."""
    first = select(x, torch.tensor([1, 3, 3])).square().sum()
    second = (select(x, torch.tensor([0, 3])) * torch.tensor([[2.0], [5.0]])).sum()
    return first, second, x.sin().sum()


@pytest.mark.parametrize('used', [(0, 1, 2), (0,), (1,), (0, 1), (2,), (1, 2)])
def test_gradient(used):
    torch.manual_seed(0)
    leaf = torch.randn(6, 4, requires_grad=True)
    expected = _losses(leaf * 2, lambda x, rows: x.index_select(0, rows))
    found = _losses(collect_rows(leaf * 2), select_rows)
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a, b)
    for _ in range(2):  # the graph serves twice, as for shares of the gradient
        gradients = [
            torch.autograd.grad(sum(losses[i] for i in used), leaf, retain_graph=True)[0]
            for losses in (expected, found)
        ]
        torch.testing.assert_close(*gradients)


def test_a_gradient_that_does_not_get_here_leaves_nothing_behind():
    leaf, factor = torch.ones(3, 2, requires_grad=True), torch.ones(1, requires_grad=True)
    x = collect_rows(leaf * 1)
    loss = (select_rows(x, torch.tensor([1])) * factor).sum()
    torch.autograd.grad(loss, factor, retain_graph=True)
    gradient = torch.autograd.grad(loss, leaf)[0]
    assert gradient.tolist() == [[0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize('make', [lambda x: x, lambda x: x * 1, lambda x: collect_rows(x.detach())])
def test_other_tensors_are_selected_from_as_usual(make):
    x = torch.randn(4, 2, requires_grad=True)
    rows = select_rows(make(x), torch.tensor([2, 0]))
    assert torch.equal(rows, x[[2, 0]])
    if rows.requires_grad:
        rows.sum().backward()
        assert x.grad.sum(1).tolist() == [2, 0, 2, 0]


def test_without_gradient():
    x = collect_rows(torch.randn(4, 2, requires_grad=True))
    with torch.no_grad():
        assert not select_rows(x, torch.tensor([1])).requires_grad


def test_half_precision_and_no_rows():
    leaf = torch.randn(4, 2, dtype=torch.bfloat16, requires_grad=True)
    x = collect_rows(leaf)
    (
        select_rows(x, torch.tensor([1])).float().sum() + select_rows(x, torch.zeros(0, dtype=torch.long)).sum()
    ).backward()
    assert leaf.grad.dtype == torch.bfloat16 and leaf.grad.sum(1).tolist() == [0, 2, 0, 0]


def test_memory():
    def peak(collect, select):
        leaf = torch.zeros(1000, 8, requires_grad=True)
        with MemoryStages() as meter:
            x = collect(leaf * 1)
            dense = x.sin().sin().sin().sum()  # keeps a lot until the gradients of the rows are there
            losses = [select(x, torch.tensor([n])).sum() for n in range(4)]
            del x
            sum(losses, dense).backward()
        return meter.peak / (1000 * 8 * 4)

    assert peak(collect_rows, select_rows) < peak(lambda x: x, lambda x, rows: x.index_select(0, rows)) - 0.5
