"""Labels of pairs, and the losses over them, against loops over the pairs."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from wsod_mm.functional.affinity_losses import (
    PAPER_WEIGHTS,
    affinity_loss,
    boundary_loss,
    displacement_losses,
    irn_loss,
    mean_displacement,
    pair_displacement,
)
from wsod_mm.functional.pair_affinity import boundary_affinity, embedding_affinity
from wsod_mm.functional.pair_labels import PairLabels, pair_labels, shrink_labels
from wsod_mm.functional.pixel_pairs import all_pair_indices, pair_indices, pair_offsets, path_offsets
from wsod_mm.utils.measure import SYNCHRONISING

from .test_no_host_sync import Trace

VALUES = torch.tensor([0, 0, 1, 2, 20, 21, 255])


def random_labels(*size):
    torch.manual_seed(0)
    return VALUES[torch.randint(len(VALUES), size)]


def expected_label(a, b, ignore_from):
    """Name of the set of a pair, or None."""
    if max(a, b) >= ignore_from:
        return None
    return 'neg' if a != b else 'fg_pos' if a else 'bg_pos'


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64, torch.int16])
@pytest.mark.parametrize('ignore_from', [255, 21])
def test_labels_of_pairs(ignore_from, dtype):
    label, offsets = random_labels(2, 7, 11).to(dtype), pair_offsets(5)
    source, target = pair_indices(7, 11, offsets, 5)
    ours = pair_labels(label, offsets, 5, ignore_from)
    flat = label.flatten(1).tolist()
    for name, mask in zip(ours._fields, ours, strict=True):
        assert mask.dtype == torch.bool and mask.shape == (2, 34, len(source)) and mask.any()
        for b in range(2):
            expected = [
                [expected_label(flat[b][i], flat[b][j], ignore_from) == name for i, j in zip(source, row, strict=True)]
                for row in target
            ]
            assert mask[b].tolist() == expected
            assert torch.equal(getattr(pair_labels(label[b], offsets, 5, ignore_from), name), mask[b])


def test_what_is_ignored_changes_the_labels():
    label = random_labels(2, 7, 11)
    sums = [[mask.sum() for mask in pair_labels(label, pair_offsets(5), 5, v)] for v in (255, 21)]
    assert sums[0][0] == sums[1][0] and sums[0][1] > sums[1][1] and sums[0][2] > sums[1][2]


@pytest.mark.parametrize('ignore_from', [255, 21, 300])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64])
@pytest.mark.parametrize('size', [(7, 11), (3, 4), (1, 1)])
def test_the_full_border_has_every_pair_of_the_map(size, dtype, ignore_from):
    label, offsets = random_labels(*size).to(dtype), pair_offsets(5)
    number, source, target = all_pair_indices(*size, offsets)
    ours, flat = pair_labels(label, offsets, 5, ignore_from, border='full'), label.flatten().tolist()
    for name, mask in zip(ours._fields, ours, strict=True):
        expected = torch.zeros(34, label.numel(), dtype=torch.bool)
        for p, i, j in zip(number, source, target, strict=True):
            expected[p, i] = expected_label(flat[i], flat[j], ignore_from) == name
        assert torch.equal(mask, expected)


@pytest.mark.parametrize('stride', [1, 2, 3, 4])
def test_shrinking_is_pils_nearest(stride):
    label = np.random.RandomState(0).randint(0, 21, (4 * stride, 5 * stride)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(label).resize((5, 4), Image.Resampling.NEAREST))
    assert np.array_equal(shrink_labels(torch.from_numpy(label), stride), expected)


def random_pairs(dtype=torch.float64):
    torch.manual_seed(0)
    affinity = torch.rand(2, 34, 9, dtype=dtype, requires_grad=True)
    kind = torch.randint(4, affinity.shape)
    return affinity, PairLabels(kind == 0, kind == 1, kind == 2)


def loop_mean(values, mask, eps=1e-5, per_pair=1):
    """Mean of a list by a mask, with eps in the count."""
    chosen = [v for v, m in zip(values, mask.flatten().tolist(), strict=True) if m]
    return sum(chosen) / (per_pair * len(chosen) + eps)


def test_losses_of_affinities():
    affinity, labels = random_pairs()
    values = affinity.flatten().tolist()
    near, far = [-math.log(a + 1e-5) for a in values], [-math.log(1 + 1e-5 - a) for a in values]
    bg, fg, neg = (loop_mean(v, m) for v, m in zip((near, near, far), labels, strict=True))
    ours = affinity_loss(affinity, labels)
    expected = bg, fg, neg, bg / 4 + fg / 4 + neg / 2
    torch.testing.assert_close(torch.stack(ours), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(affinity_loss(affinity, labels, PAPER_WEIGHTS).total, 4 * ours.total)
    boundary = boundary_loss(affinity, labels)
    torch.testing.assert_close(torch.stack(boundary), torch.tensor([(bg + fg) / 2, neg], dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda a: affinity_loss(a, labels).total, affinity)


def test_eps_changes_the_losses():
    affinity, labels = random_pairs()
    assert affinity_loss(affinity, labels, eps=0.1).total != affinity_loss(affinity, labels).total
    assert boundary_loss(affinity, labels, eps=0.1).negative != boundary_loss(affinity, labels).negative


@pytest.mark.parametrize('border', ['reference', 'full'])
def test_displacements(border):
    torch.manual_seed(0)
    offsets, size = path_offsets(5), (7, 11)
    field = torch.randn(2, 2, *size, dtype=torch.float64, requires_grad=True)
    labels = pair_labels(random_labels(2, *size), offsets, 5, 21, border)
    ours = pair_displacement(field, offsets, 5, border)
    flat = field.flatten(2)
    if border == 'reference':
        source, target = pair_indices(*size, offsets, 5)
        expected = flat[:, :, source].unsqueeze(2) - flat[:, :, target]
    else:
        number, source, target = all_pair_indices(*size, offsets)
        expected = flat.new_zeros(2, 2, 34, 77)
        expected[:, :, number, source] = flat[:, :, source] - flat[:, :, target]
    torch.testing.assert_close(ours, expected)

    values = expected.permute(0, 2, 3, 1).tolist()
    fg, bg = [], []
    for image in values:
        for (dy, dx), row in zip(offsets.tolist(), image, strict=True):
            fg += [abs(y - dy) + abs(x - dx) for y, x in row]
            bg += [abs(y) + abs(x) for y, x in row]
    losses = displacement_losses(ours, labels, offsets)
    wanted = loop_mean(fg, labels.fg_pos, per_pair=2), loop_mean(bg, labels.bg_pos, per_pair=2)
    torch.testing.assert_close(torch.stack(losses), torch.tensor(wanted, dtype=torch.float64))
    assert displacement_losses(ours, labels, offsets, eps=1.0) != losses
    torch.stack(losses).sum().backward()
    assert field.grad.abs().sum() > 0


def test_displacements_towards_one_cell_cost_nothing():
    centre = torch.stack(torch.meshgrid(3.0 - torch.arange(7), 5.0 - torch.arange(11), indexing='ij'))[None]
    offsets = path_offsets(5)
    labels = pair_labels(torch.ones(1, 7, 11, dtype=torch.int64), offsets, 5)
    assert displacement_losses(pair_displacement(centre, offsets, 5), labels, offsets) == (0, 0)


def test_a_known_sum_of_irn():
    boundary = boundary_loss(*random_pairs())
    losses = displacement_losses(torch.ones(2, 2, 34, 9), random_pairs()[1], pair_offsets(5))
    total = irn_loss(boundary, losses)
    torch.testing.assert_close(total, (sum(boundary) + sum(losses)) / 2, check_dtype=False)


@pytest.mark.parametrize('border', ['reference', 'full'])
@pytest.mark.parametrize(('size', 'value'), [((3, 4), 1), ((7, 11), 255), ((1, 1), 0)])
def test_nothing_to_learn_from_is_zero_with_a_zero_gradient(size, value, border):
    x, edge, field = torch.rand(1, 3, *size), torch.rand(1, *size), torch.rand(1, 2, *size)
    leaves = [t.requires_grad_() for t in (x, edge, field)]
    label = torch.full((1, *size), value)
    offsets = path_offsets(5)
    labels = pair_labels(label, offsets, 5, 21, border)
    psa = affinity_loss(embedding_affinity(x, offsets, 5, border), labels).total
    difference = pair_displacement(field, offsets, 5, border)
    boundary = boundary_loss(boundary_affinity(edge, 5, border), labels)
    total = psa + irn_loss(boundary, displacement_losses(difference, labels, offsets))
    total.backward()
    if border == 'reference' or value == 255:
        assert total == 0 and not any(t.grad.any() for t in leaves)
    assert all(t.grad.isfinite().all() for t in leaves)


def test_extreme_affinities_stay_finite():
    affinity = torch.tensor([[[0.0, 1.0, 1e-7]]], requires_grad=True)
    everything = torch.ones(1, 1, 3, dtype=torch.bool)
    loss = affinity_loss(affinity, PairLabels(everything, everything, everything)).total
    loss.backward()
    assert loss.isfinite() and affinity.grad.isfinite().all()


def test_losses_are_float32_under_autocast():
    affinity, labels = random_pairs(torch.float32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        ours = affinity_loss(affinity.bfloat16(), labels)
    assert all(term.dtype == torch.float32 for term in ours)
    torch.testing.assert_close(ours, affinity_loss(affinity.bfloat16().float(), labels))


def test_mean_displacement():
    torch.manual_seed(0)
    batches = [torch.randn(2, 2, 4, 5), torch.randn(3, 2, 6, 7, requires_grad=True)]
    ours = mean_displacement(iter(batches))
    expected = sum(batch.detach().mean(dim=(0, 2, 3)) for batch in batches) / 2
    assert ours.shape == (2,) and ours.dtype == torch.float32 and not ours.requires_grad
    torch.testing.assert_close(ours, expected)
    assert not torch.allclose(ours, mean_displacement(batches[:1]))


@pytest.mark.parametrize('border', ['reference', 'full'])
def test_training_steps_do_not_wait(border):
    offsets = path_offsets(5)
    x, edge, field = torch.rand(2, 3, 7, 11), torch.rand(2, 7, 11), torch.rand(2, 2, 7, 11)
    x, edge, field = (t.requires_grad_() for t in (x, edge, field))
    label = random_labels(2, 28, 44)
    with Trace() as trace:
        labels = pair_labels(shrink_labels(label), offsets, 5, 21, border)
        psa = affinity_loss(embedding_affinity(x, offsets, 5, border), labels).total
        difference = pair_displacement(field, offsets, 5, border)
        boundary = boundary_loss(boundary_affinity(edge, 5, border), labels)
        total = psa + irn_loss(boundary, displacement_losses(difference, labels, offsets))
        total.backward()
        mean_displacement([field])
    assert 'log' in trace.names and not trace.names & SYNCHRONISING
    assert not trace.names & {'index', 'index_put', 'masked_scatter'}


def test_bad_arguments():
    affinity, labels = random_pairs()
    offsets = pair_offsets(5)
    label = torch.zeros(7, 11, dtype=torch.int64)
    for bad in (label.float(), label.bool(), label[None, None]):
        with pytest.raises(ValueError, match='label must be integers'):
            pair_labels(bad, offsets, 5)
    with pytest.raises(ValueError, match='border must be one of'):
        pair_labels(label, offsets, 5, border='none')
    with pytest.raises(ValueError, match='multiples of stride 4'):
        shrink_labels(label)
    for function in (affinity_loss, boundary_loss):
        with pytest.raises(ValueError, match='one bg_pos label per pair'):
            function(affinity[:1], labels)
    with pytest.raises(ValueError, match=r'\[B, 2, h, w\]'):
        pair_displacement(torch.rand(1, 3, 7, 11), offsets, 5)
    with pytest.raises(ValueError, match=r'\[B, 2, P, n\]'):
        displacement_losses(torch.rand(2, 34, 9), labels, offsets)
    with pytest.raises(ValueError, match='one bg_pos label per pair'):
        displacement_losses(torch.rand(2, 2, 34, 8), labels, offsets)
    with pytest.raises(ValueError, match='one offset'):
        displacement_losses(torch.rand(2, 2, 34, 9), labels, offsets[:3])
    with pytest.raises(ValueError, match='at least one batch'):
        mean_displacement([])
    with pytest.raises(ValueError, match='every batch'):
        mean_displacement([torch.rand(2, 4, 4)])
