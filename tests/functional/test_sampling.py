import pytest
import torch

from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.sampling import casd_labels, nearest_seeds, sample_rows

from .test_no_host_sync import SYNCHRONISE, Trace


def make_seeds(boxes, labels, valid=None):
    boxes = torch.tensor(boxes, dtype=torch.float32)
    valid = torch.ones(len(boxes), dtype=torch.bool) if valid is None else torch.tensor(valid)
    return Seeds(boxes, torch.tensor(labels), torch.full((len(boxes),), 0.3), torch.arange(len(boxes)), valid)


def strips(*widths):
    """Boxes of height 1 whose IoU with the seed [0, 0, 99, 0] is width / 100."""
    return torch.tensor([[0.0, 0, w - 1, 0] for w in widths])


SEED = make_seeds([[0, 0, 99, 0]], [3])
# 5 foreground, 20 background, 3 unused
IOUS = torch.tensor([0.7] * 5 + [0.2] * 20 + [0.5, 0.05, 0.0])


def test_thresholds_are_open_and_closed_as_documented():
    # float32 quotients: 60 / 100 and 10 / 100 are rounded like the constants, so equality is equality
    assigned = casd_labels(strips(100, 61, 60, 40, 39, 10, 9), SEED, fg_iou=0.6, bg_low=0.1, bg_high=0.4)
    assert assigned.labels.tolist() == [3, 3, 0, 0, 0, 0, 0]
    assert assigned.weights.tolist() == [1, 1, 0, 0, 1, 1, 0]
    assert assigned.seed_index.tolist() == [0, 0, -1, -1, -1, -1, -1]


@pytest.mark.parametrize('change', [dict(fg_iou=0.65), dict(bg_low=0.2), dict(bg_high=0.3)])
def test_every_threshold_matters(change):
    boxes = strips(100, 62, 35, 15)
    before, after = casd_labels(boxes, SEED), casd_labels(boxes, SEED, **change)
    assert not torch.equal(before.weights, after.weights)


def test_labels_match_a_loop_over_proposals():
    torch.manual_seed(0)
    boxes = torch.rand(60, 2).mul(40).repeat(1, 2) + torch.tensor([0.0, 0, 30, 30])
    seeds = make_seeds(boxes[[4, 9, 20]].tolist(), [2, 1, 5], [True, False, True])
    assigned = casd_labels(boxes, seeds)
    for r in range(60):
        iou, index = max((float(bbox_overlaps_inclusive(boxes[r : r + 1], seeds.boxes[g : g + 1])), -g) for g in (0, 2))
        assert assigned.labels[r] == (seeds.labels[-index] if iou > 0.6 else 0)
        assert assigned.weights[r] == (iou > 0.6 or 0.1 <= iou < 0.4)
        assert assigned.seed_index[r] == (-index if iou > 0.6 else -1)
    assert {0, 2, 5} == set(assigned.labels.tolist())


def test_of_duplicate_seeds_the_first_valid_one_wins():
    box = [0, 0, 9, 9]
    _, nearest = nearest_seeds(torch.tensor([box]).float(), make_seeds([box] * 3, [7, 4, 6], [False, True, True]))
    assert nearest.tolist() == [1]


@pytest.mark.parametrize('bg_low', [0.0, 0.1])
def test_without_a_seed_everything_is_unused(bg_low):
    assigned = casd_labels(strips(100, 20), make_seeds([[0, 0, 99, 0]], [3], [False]), bg_low=bg_low)
    assert not assigned.labels.any() and not assigned.weights.any() and not assigned.max_ious.any()
    assert assigned.seed_index.tolist() == [-1, -1]


def check_structure(samples, ious, num_fg, num_bg):
    kinds = ious > 0.6, (ious >= 0.1) & (ious < 0.4)
    split = min(num_fg, len(ious))
    assert samples.rows.shape[1] == split + min(num_bg, len(ious))
    for v in range(len(samples.rows)):
        parts = slice(0, split), slice(split, None)
        for kind, part, limit in zip(kinds, parts, (num_fg, num_bg), strict=True):
            rows, valid = samples.rows[v, part], samples.valid[v, part]
            drawn = rows[valid].tolist()
            assert len(drawn) == len(set(drawn)) == min(limit, int(kind.sum()))
            assert kind[drawn].all() and not rows[~valid].any()
            assert valid.tolist() == sorted(valid.tolist(), reverse=True)  # padding at the end
    assert torch.equal(samples.foreground[:, :split], samples.valid[:, :split])
    assert not samples.foreground[:, split:].any()


@pytest.mark.parametrize('num_fg, num_bg', [(3, 4), (32, 96), (5, 20), (1, 0), (0, 1)])
def test_more_or_fewer_than_asked(num_fg, num_bg):
    samples = sample_rows(IOUS, 4, num_fg, num_bg)
    check_structure(samples, IOUS, num_fg, num_bg)


@pytest.mark.parametrize('ious', [[0.5, 0.0], [0.7], [0.2], [0.5], [-1.0, -1.0]])
def test_empty_foreground_or_background_and_one_proposal(ious):
    check_structure(sample_rows(torch.tensor(ious), 2), torch.tensor(ious), 32, 96)


def test_uniform_in_every_view_and_independent_between_views():
    torch.manual_seed(0)
    trials, num_bg = 3000, 4
    samples = sample_rows(IOUS, 2 * trials, num_fg=2, num_bg=num_bg)
    counts = torch.zeros(2 * trials, len(IOUS)).scatter_add_(1, samples.rows, samples.valid.float())
    share = counts.mean(dim=0)
    # five standard deviations of a share of 6000 draws
    assert (share[:5] - 2 / 5).abs().max() < 5 * (0.4 * 0.6 / (2 * trials)) ** 0.5
    assert (share[5:25] - num_bg / 20).abs().max() < 5 * (0.2 * 0.8 / (2 * trials)) ** 0.5
    assert not share[25:].any()
    # two views draw the same proposal as often as chance says
    together = (counts[0::2] * counts[1::2])[:, 5:25].mean()
    assert abs(together - 0.04) < 5 * (0.04 * 0.96 / (20 * trials)) ** 0.5
    # the order of the slots is random too: every foreground row is as often first as second
    first = torch.bincount(samples.rows[:, 0], minlength=5)[:5] / (2 * trials)
    assert (first - 0.2).abs().max() < 5 * (0.2 * 0.8 / (2 * trials)) ** 0.5


def test_noise_decides_and_may_be_negative():
    noise = torch.tensor([[-3.0, -1, -2, -9, -8], [0, 1, 2, 3, 4]])
    samples = sample_rows(torch.tensor([0.7, 0.7, 0.7, 0.2, 0.2]), 2, num_fg=2, num_bg=1, noise=noise)
    assert samples.rows.tolist() == [[1, 2, 4], [2, 1, 4]]


def test_seeded_draws_repeat():
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append(sample_rows(IOUS, 4, 2, 2).rows)
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    'change', [dict(num_fg=1), dict(num_bg=1), dict(fg_iou=0.75), dict(bg_low=0.3), dict(bg_high=0.15)]
)
def test_every_switch_matters(change):
    noise = torch.rand(2, len(IOUS), generator=torch.Generator().manual_seed(0))
    assert sample_rows(IOUS, 2, noise=noise, **change).valid.sum() < sample_rows(IOUS, 2, noise=noise).valid.sum()


def test_bad_input():
    with pytest.raises(ValueError, match='P >= 1'):
        sample_rows(torch.zeros(0), 4)
    with pytest.raises(ValueError, match='noise must be'):
        sample_rows(IOUS, 4, noise=torch.rand(3, len(IOUS)))
    with pytest.raises(ValueError, match='at once'):
        sample_rows(IOUS, 4, bg_high=0.7)
    with pytest.raises(ValueError, match='at once'):
        casd_labels(strips(3), SEED, bg_low=0.5)


def test_no_host_synchronisation():
    boxes = strips(100, 80, 30, 20)
    with Trace() as trace:
        samples = sample_rows(casd_labels(boxes, SEED).max_ious, 4)
    assert 'topk' in trace.names and not trace.names & SYNCHRONISE
    assert samples.valid.sum() == 4 * 4
