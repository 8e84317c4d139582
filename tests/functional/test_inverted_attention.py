import pytest
import torch

from wsod_mm.functional.inverted_attention import (
    draw_erasure,
    erasure_candidates,
    erasure_change,
    gradcam_channel_weights,
    gradcam_maps,
    hardest_threshold,
    ia_phase,
    keep_hardest,
    scale_phase,
)

from .test_no_host_sync import SYNCHRONISE, Trace


class Head:
    """fc6, fc7 and a refinement layer of random weights."""

    def __init__(self, channels: int = 5, cells: int = 49, d6: int = 12, d7: int = 9, classes: int = 4) -> None:
        torch.manual_seed(0)
        self.w6, self.b6 = torch.randn(d6, channels * cells) * 0.1, torch.randn(d6) * 0.1
        self.w7, self.b7 = torch.randn(d7, d6) * 0.3, torch.randn(d7) * 0.1
        self.w8, self.b8 = torch.randn(classes, d7) * 0.3, torch.randn(classes) * 0.1

    def __call__(self, x):
        hidden6 = torch.relu(x.flatten(1) @ self.w6.T + self.b6)
        hidden7 = torch.relu(hidden6 @ self.w7.T + self.b7)
        return hidden6, hidden7, hidden7 @ self.w8.T + self.b8

    def closed_form(self, x, labels, weight6=None):
        hidden6, hidden7, _ = self(x)
        weight6 = self.w6 if weight6 is None else weight6
        return gradcam_channel_weights(hidden6, hidden7, self.w8[labels], self.w7, weight6, x.shape[1])


@pytest.mark.parametrize('size', [7, 3, 1])
@pytest.mark.parametrize('rows', [1, 8])
def test_closed_form_equals_autograd(size, rows):
    head = Head(cells=size * size)
    x, labels = torch.randn(rows, 5, size, size, requires_grad=True), torch.randint(0, 4, (rows,))
    score = head(x)[2].gather(1, labels[:, None]).sum()
    (grad,) = torch.autograd.grad(score, x)
    weights = head.closed_form(x, labels)
    torch.testing.assert_close(weights, grad.mean((2, 3)), rtol=1e-5, atol=1e-5)
    expected = (grad.mean((2, 3), keepdim=True) * x).sum(1).flatten(1)
    maps = gradcam_maps(x, weights)
    torch.testing.assert_close(maps, expected, rtol=1e-5, atol=1e-5)
    assert not weights.requires_grad and not maps.requires_grad
    if size == 7 and rows == 8:
        assert (maps < 0).any()  # no ReLU


def test_closed_form_of_a_dead_unit_is_zero():
    head = Head()
    head.b7 -= 100
    assert not head.closed_form(torch.randn(2, 5, 7, 7), torch.tensor([0, 1])).any()


def test_closed_form_takes_averaged_weights():
    head = Head()
    x, labels = torch.randn(3, 5, 7, 7), torch.tensor([0, 1, 2])
    averaged = head.w6.view(12, 5, 49).mean(2)
    torch.testing.assert_close(head.closed_form(x, labels, averaged), head.closed_form(x, labels))


def test_rows_are_independent():
    head = Head()
    x, labels = torch.randn(9, 5, 7, 7), torch.randint(0, 4, (9,))
    some = torch.tensor([4, 1, 8])
    torch.testing.assert_close(head.closed_form(x[some], labels[some]), head.closed_form(x, labels)[some])


def test_autocast_leaves_the_attention_in_float32():
    head = Head()
    x, labels = torch.randn(4, 5, 7, 7), torch.randint(0, 4, (4,))
    hidden6, hidden7, _ = head(x)
    plain = gradcam_maps(x, head.closed_form(x, labels))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        weights = gradcam_channel_weights(hidden6, hidden7, head.w8[labels], head.w7, head.w6, 5)
        maps = gradcam_maps(x, weights)
    assert torch.equal(maps, plain)


def test_candidates_are_strictly_above_the_rank():
    attention = torch.tensor([[5.0, 1, 4, 2, 3], [2, 2, 2, 1, 1], [0, 0, 0, 0, 0]])
    candidates = erasure_candidates(attention, 2)
    assert candidates.tolist() == [[True, False, True, False, False], [False] * 5, [False] * 5]
    assert erasure_candidates(attention, 3)[1].tolist() == [True, True, True, False, False]
    assert not erasure_candidates(attention, 0).any()


def erased_share(candidates: torch.Tensor, erase: int, rows: int = 6000) -> torch.Tensor:
    torch.manual_seed(0)
    keep = draw_erasure(candidates.expand(rows, -1), erase)
    assert ((~keep).sum(1) == erase).all()
    return (~keep).float().mean(0)


def test_erasure_is_uniform_among_enough_candidates():
    candidates = torch.zeros(49, dtype=torch.bool)
    candidates[torch.randperm(49)[:25]] = True
    share = erased_share(candidates, 16)
    assert not share[~candidates].any()
    assert (share[candidates] - 16 / 25).abs().max() < 0.035  # more than five standard deviations


@pytest.mark.parametrize('count', [0, 1, 15])
def test_erasure_is_uniform_among_all_cells_without_enough_candidates(count):
    share = erased_share(torch.arange(49) < count, 16)
    assert (share - 16 / 49).abs().max() < 0.035


def test_erasure_of_exactly_as_many_candidates_takes_them_all():
    candidates = torch.arange(49)[None] % 3 == 0
    keep = draw_erasure(candidates, int(candidates.sum()))
    assert torch.equal(keep, ~candidates)


def test_erasure_follows_the_noise():
    candidates, noise = torch.tensor([[True, True, True, False]]), torch.tensor([[0.1, 0.9, 0.5, 0.99]])
    assert draw_erasure(candidates, 2, noise).tolist() == [[True, False, False, True]]
    assert draw_erasure(candidates[:, [0, 3, 3, 3]], 2, noise).tolist() == [[True, False, True, False]]
    assert draw_erasure(candidates, 0, noise).all() and not draw_erasure(candidates, 4, noise).any()


def test_change():
    before, after = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.3, 0.49, 0.9])
    torch.testing.assert_close(erasure_change(before, after), torch.tensor([0.18, 0.0, 0.0]))
    torch.testing.assert_close(erasure_change(before, after, margin=0), torch.tensor([0.2, 0.01, 0.0]))


def hardest_by_hand(change, rows, num, rate):
    ranked = sorted((change[i] for i in rows), reverse=True)
    return {i for i in rows if change[i] > ranked[min(round(num * rate), len(ranked) - 1)]}


@pytest.mark.parametrize('seed', range(6))
def test_hardest_rows_against_lists(seed):
    torch.manual_seed(seed)
    change, labels = torch.rand(60).sub(0.3).clamp(min=0), torch.randint(-3, 5, (60,)).clamp(min=0)
    valid = torch.rand(60) < 0.8
    change = torch.where(valid, change, 0.0)
    nums = [int((valid & (labels > 0)).sum()), int((valid & (labels == 0)).sum())]
    expected = set()
    for num, rate, background in ((nums[0], 1 / 5, False), (nums[1], 1 / 15, True)):
        # all rows with such a label take part here, sampled or not: the result is the same
        rows = [i for i in range(60) if (labels[i] == 0) == background]
        expected |= hardest_by_hand(change.tolist(), rows, num, rate)
    for numbers in (nums, [torch.tensor(n) for n in nums]):
        keep = keep_hardest(change, labels, valid, *numbers, 1 / 5, 1 / 15)
        assert set(keep.nonzero()[:, 0].tolist()) == expected and expected


@pytest.mark.parametrize('num', [0, 1, 2, 3, 9, 15, 21, 27, 45, 64, 128])
def test_the_rank_is_rounded_half_to_even(num):
    change = torch.arange(200.0, 0, -1)
    rows = torch.ones(200, dtype=torch.bool)
    for rate in (1 / 6, 1 / 5, 1 / 18, 1 / 15, 1 / 2):
        expected = 200 - round(num * rate)
        assert hardest_threshold(change, rows, num, rate) == expected
        assert hardest_threshold(change, rows, torch.tensor(num), rate) == expected


def test_a_class_of_rows_may_be_empty():
    change, valid = torch.arange(6.0), torch.ones(6, dtype=torch.bool)
    for labels, numbers in ((torch.zeros(6).long(), (0, 6)), (torch.ones(6).long(), (6, 0))):
        keep = keep_hardest(change, labels, valid, *numbers, 1 / 3, 1 / 3)
        assert keep.tolist() == [False] * 4 + [True] * 2
    assert not keep_hardest(change, labels, ~valid, 0, 0, 1 / 3, 1 / 3).any()
    none = torch.zeros(0)
    assert keep_hardest(none, none.long(), none.bool(), 0, 0, 1 / 3, 1 / 3).shape == (0,)


def test_one_row_and_rows_without_a_change_are_never_kept():
    one = torch.ones(1)
    assert not keep_hardest(one, one.long(), one.bool(), 1, 0, 1 / 5, 1 / 15).any()
    change, labels = torch.zeros(8), torch.tensor([0, 1] * 4)
    assert not keep_hardest(change, labels, labels >= 0, 4, 4, 1 / 2, 1 / 2).any()


def test_rows_that_tie_at_the_threshold_are_not_kept():
    change, labels = torch.tensor([3.0, 2, 2, 1]), torch.ones(4).long()
    assert keep_hardest(change, labels, labels > 0, 4, 0, 1 / 2, 1 / 2).tolist() == [True, False, False, False]


def test_the_quirk_protects_eleven_rows_without_foreground_only():
    change, valid = torch.arange(14.0, 0, -1), torch.ones(14, dtype=torch.bool)
    change[12] = 20
    labels = torch.zeros(14).long()
    args = (valid, 0, 14, 1 / 6, 1 / 4)  # rank round(3.5) = 4
    right, wrong = keep_hardest(change, labels, *args), keep_hardest(change, labels, *args, quirk=True)
    assert right.nonzero()[:, 0].tolist() == [0, 1, 2, 12] and wrong.nonzero()[:, 0].tolist() == [12]
    labels[13] = 1
    assert torch.equal(keep_hardest(change, labels, *args), keep_hardest(change, labels, *args, quirk=True))
    short = keep_hardest(change[:3], labels[:3], valid[:3], 0, 3, 1 / 6, 1 / 3, quirk=True)
    assert not short.any()  # the public code fails below 11 rows


def test_phases():
    assert ia_phase(0) == ia_phase(60000) == (25, 16, 1 / 6, 1 / 18)
    assert ia_phase(60001) == ia_phase(11, switch=10) == (29, 20, 1 / 5, 1 / 15)
    assert scale_phase(ia_phase(0), 49) == ia_phase(0)
    small = scale_phase(ia_phase(0), 9)
    assert (small.rank, small.erase, small.rate_fg) == (5, 3, 1 / 6)
    assert scale_phase(ia_phase(0), 1)[:2] == (0, 0)
    for cells in range(1, 60):
        phase = scale_phase(ia_phase(10**6), cells)
        attention = torch.rand(2, cells)
        keep = draw_erasure(erasure_candidates(attention, phase.rank), phase.erase)
        assert ((~keep).sum(1) == phase.erase).all()


def test_bad_input():
    head = Head()
    x, labels = torch.randn(2, 5, 7, 7), torch.tensor([0, 1])
    with pytest.raises(ValueError, match='weight7'):
        gradcam_channel_weights(torch.zeros(2, 9), torch.zeros(2, 9), head.w8[labels], head.w7, head.w6, 5)
    with pytest.raises(ValueError, match='weight6'):
        gradcam_channel_weights(torch.zeros(2, 12), torch.zeros(2, 9), head.w8[labels], head.w7, head.w6, 4)
    with pytest.raises(ValueError, match='weights'):
        gradcam_maps(x, torch.zeros(2, 4))
    with pytest.raises(ValueError, match='rank'):
        erasure_candidates(torch.zeros(2, 49), 49)
    with pytest.raises(ValueError, match='num_erase'):
        draw_erasure(torch.zeros(2, 49).bool(), 50)
    with pytest.raises(ValueError, match='noise'):
        draw_erasure(torch.zeros(2, 49).bool(), 5, torch.rand(2, 48))
    with pytest.raises(ValueError, match='one shape'):
        keep_hardest(torch.zeros(3), torch.zeros(2), torch.zeros(3).bool(), 1, 1, 0.5, 0.5)
    with pytest.raises(ValueError, match='cell'):
        scale_phase(ia_phase(0), 0)


@pytest.mark.parametrize('as_tensors', [False, True])
def test_no_host_synchronisation(as_tensors):
    head = Head()
    x, labels = torch.randn(20, 5, 7, 7), torch.arange(20) % 4
    valid = torch.arange(20) < 17
    numbers = [torch.tensor(n) for n in (12, 5)] if as_tensors else [12, 5]
    phase = ia_phase(0)
    with Trace() as trace:
        attention = gradcam_maps(x, head.closed_form(x, labels))
        mask = draw_erasure(erasure_candidates(attention, phase.rank), phase.erase)
        masked = x * mask.view(-1, 1, 7, 7)
        before, after = (head(f)[2].softmax(1).gather(1, labels[:, None])[:, 0] for f in (x, masked))
        change = erasure_change(before, after, margin=0)
        for quirk in (False, True):
            keep = keep_hardest(change, labels, valid, *numbers, phase.rate_fg, phase.rate_bg, quirk)
    assert keep.any() and {'topk', 'sort', 'bmm'} <= trace.names and not trace.names & SYNCHRONISE
