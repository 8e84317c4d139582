"""Golden vectors of AffinityNet and IRN: pairs of cells, their labels, affinities and losses."""

import torch

from wsod_mm.functional.affinity_losses import (
    affinity_loss,
    boundary_loss,
    displacement_losses,
    irn_loss,
    mean_displacement,
    pair_displacement,
)
from wsod_mm.functional.pair_affinity import boundary_affinity
from wsod_mm.functional.pair_labels import PairLabels, pair_labels, shrink_labels
from wsod_mm.functional.pixel_pairs import pair_indices, pair_offsets, pair_paths, path_offsets

from ._affinity_common import Case

EXACT = {'rtol': 0, 'atol': 0}
LOSS = {'rtol': 1e-4, 'atol': 1e-8}
AFFINITY = {'rtol': 0, 'atol': 1e-6}
IGNORE = 21  # labels of IRN from here on are unknown


def check_psa_pair_indices(path):
    g = Case(path, **EXACT)
    radius, (height, width) = int(g.of_case('radius')), g.of_case('size_hw').tolist()
    for name in [key for key in g.arrays if key.startswith('offsets_r')]:
        g.compare(name, pair_offsets(int(name.removeprefix('offsets_r'))))
    source, target = pair_indices(height, width, pair_offsets(radius), radius)
    g.compare('from', source)
    if g.array('to').size % max(1, source.numel()) == 0 and (source.numel() or not g.array('to').size):
        g.compare('to', target.flatten())
    else:  # the reference has targets without a source: a defect that is not ours
        assert width < 2 * radius - 1 and not target.numel()
    g.done()


def check_psa_affinity_labels(path):
    g = Case(path, **EXACT)
    g.array('kind')
    radius = int(g.scalar('radius'))
    compare_labels(g, pair_labels(g.tensor('label'), pair_offsets(radius), radius))
    g.done()


def check_irn_affinity_labels(path):
    g = Case(path, **EXACT)
    g.array('kind')
    radius = int(g.of_case('radius'))
    compare_labels(g, pair_labels(g.tensor('label'), path_offsets(radius), radius, IGNORE))
    g.done()


def compare_labels(g, labels, prefix='', suffix=''):
    """The three sets of pairs."""
    for name, mask in zip(labels._fields, labels, strict=True):
        g.compare(f'{prefix}{name}{suffix}', mask.to(torch.uint8))


def check_psa_affinity_loss(path):
    g = Case(path, **LOSS)
    g.array('kind')
    affinity = g.tensor('aff', grad=True)
    labels = PairLabels(*(g.tensor(f'{name}_label') for name in ('bg', 'fg', 'neg')))
    loss = affinity_loss(affinity, labels)
    loss.total.backward()
    for name, term, mask in zip(('bg', 'fg', 'neg'), loss, labels, strict=False):
        g.compare(f'{name}_loss', term)
        g.compare(f'{name}_cnt', mask.sum() + 1e-5)
    g.compare('total', loss.total)
    g.compare('grad_aff', affinity.grad)
    g.done()


def check_irn_path_index(path):
    g = Case(path, **EXACT)
    radius, (height, width) = int(g.of_case('radius')), g.of_case('size_hw').tolist()
    offsets, groups = path_offsets(radius), pair_paths(radius)
    g.compare('search_dst', offsets)
    source, target = pair_indices(height, width, offsets, radius)
    g.compare('src', source)
    g.compare('dst', target)
    g.compare('n_groups', len(groups))
    for k, paths in enumerate(groups):
        g.compare(f'paths{k}', paths)
        g.compare(f'path_indices{k}', source + (paths[..., :1] * width + paths[..., 1:]))
    g.done()


def check_irn_edge_affinity(path):
    g = Case(path, **AFFINITY)
    radius, edge = int(g.of_case('radius')), g.tensor('edge')[:, 0]
    affinity = boundary_affinity(edge, radius)
    g.compare('aff', affinity)
    dense = dense_affinity(affinity[0], *edge.shape[1:], radius)
    g.compare('dense_b0', dense)
    power = dense**10
    # in float32 by three squarings, as the public code has it: float64 is up to 5e-6 off the recorded matrix
    g.compare('trans_beta10_times3', torch.linalg.matrix_power(power / power.sum(0), 2**3))
    g.done()


def dense_affinity(affinity, height, width, radius):
    """Affinities of all cells with all cells, from those of the pairs."""
    source, target = pair_indices(height, width, path_offsets(radius), radius)
    dense = torch.eye(height * width, dtype=affinity.dtype, device=affinity.device)
    source, target = (t.flatten().to(affinity.device) for t in (source.expand_as(target), target))
    dense[source, target] = dense[target, source] = affinity.flatten()
    return dense


def check_irn_losses(path):
    g = Case(path, **LOSS)
    g.array('kind')
    radius = int(g.scalar('radius'))
    offsets = path_offsets(radius)
    g.compare('search_dst', offsets)
    label = shrink_labels(g.tensor('label_fullres'))
    labels = pair_labels(label, offsets, radius, IGNORE)
    compare_labels(g, labels, prefix='aff_', suffix='_label')

    logit, field = g.tensor('edge_logit', grad=True), g.tensor('disp', grad=True)
    affinity = boundary_affinity(logit[:, 0].sigmoid(), radius)
    difference = pair_displacement(field, offsets, radius)
    boundary, displacement = boundary_loss(affinity, labels), displacement_losses(difference, labels, offsets)
    total = irn_loss(boundary, displacement)
    total.backward()
    g.compare('affinity_b0', affinity[:1], **AFFINITY)
    if g.has('pair_disp_b0'):  # in the first two cases only
        g.compare('pair_disp_b0', difference[:1], **AFFINITY)
    g.compare('pos_aff', boundary.positive)
    g.compare('neg_aff', boundary.negative)
    g.compare('dp_fg', displacement.foreground)
    g.compare('dp_bg', displacement.background)
    g.compare('total', total)
    g.compare('grad_edge', logit.grad)
    g.compare('grad_disp', field.grad)
    after = (field - field.grad).detach()  # the recorded output is the parameter; its learning rate is 1, no decay
    g.compare('disp_after_step', after, atol=1e-6)
    g.compare('mean_shift_after', mean_displacement([after]), atol=1e-6)
    g.done()
