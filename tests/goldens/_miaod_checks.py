"""Golden vectors of MI-AOD: instance scores, image losses, discrepancy, uncertainty, and the pool."""

import numpy as np
import torch

from wsod_mm.active.pool import (
    PASSES_PER_EPOCH,
    initial_split,
    join_datasets,
    next_sets,
    select_next,
    split_by_dataset,
)
from wsod_mm.functional.active_losses import (
    image_loss,
    multi_hot,
    pseudo_image_loss,
    wave_dis_loss,
    wave_dis_minus_loss,
)
from wsod_mm.functional.active_mil import bag_scores, flatten_level, mil_scores, unflatten_level
from wsod_mm.functional.uncertainty import image_uncertainty, instance_uncertainty

from ._common import Golden

LOSS = {'rtol': 1e-5, 'atol': 1e-6}
GRADIENT = {'rtol': 1e-5, 'atol': 1e-6}  # those of the image loss are as large as 1 / score
SCORE = {'rtol': 3e-7, 'atol': 1e-7}  # a few units in the last place where the score is near 1


def text(g, key):
    """An array that is a string."""
    g.unused.discard(key)
    return str(g.arrays.get(key, ''))


def levels(g, name, grad=False):
    """The tensors of all levels, at least one."""
    count = sum(key.startswith(f'{name}_l') and key[len(name) + 2 :].isdigit() for key in g.arrays)
    assert count, f'{g.path.name}: no {name}_l*'
    return [g.tensor(f'{name}_l{k}', grad) for k in range(count)]


def logits(g, *names, prefix='', grad=False, suffix=True):
    """Inputs in the layout of a head, and the same as rows."""
    num_classes, per_cell = int(g.scalar('C')), int(g.scalar('num_base_anchors'))
    heads = [levels(g, prefix + n, grad) if suffix else [g.tensor(prefix + n, grad)] for n in names]
    rows = [[flatten_level(level, num_classes) for level in head] for head in heads]
    for head, flat in zip(heads, rows, strict=True):
        for level, row in zip(head, flat, strict=True):
            assert row.shape[1:] == (level[0, 0].numel() * per_cell, num_classes)
            assert torch.equal(unflatten_level(row, *level.shape[2:]), level)
    return heads, rows


def check_mil_head(path):
    g = Golden(path, **SCORE)
    text(g, 'note')
    (f1, f2, fmil), rows = logits(g, 'f1', 'f2', 'fmil', grad=True)
    scores = mil_scores(*rows, one_class='softmax')
    for k, (level, upstream) in enumerate(zip(scores, levels(g, 'upstream'), strict=True)):
        g.compare(f'y_head_cls_l{k}', level)
        level.backward(upstream)
        g.compare(f'grad_fmil_l{k}', fmil[k].grad, **GRADIENT)
    g.compare('f1_f2_receive_gradient', any(level.grad is not None for level in f1 + f2))
    g.done()


def check_img_loss_gt(path):
    g = Golden(path, **LOSS)
    text(g, 'note')
    scores = levels(g, 'y_head_cls', grad=True)
    labels = g.tensor('labels').split(g.tensor('label_counts').tolist())
    target = multi_hot(labels, int(g.scalar('C')))
    g.compare('target', target)
    g.compare('score', bag_scores(scores), **SCORE)
    loss = image_loss(scores, target)
    g.compare('loss', loss)
    loss.backward()
    for k, level in enumerate(scores):
        g.compare(f'grad_y_head_cls_l{k}', level.grad, **GRADIENT)
    g.done()


def check_img_loss_pseudo(path):
    g = Golden(path, **LOSS)
    text(g, 'note')
    _, rows = logits(g, 'f1', 'f2', 'fmil', grad=True)
    scores = levels(g, 'y_head_cls')
    for k, level in enumerate(mil_scores(*rows, one_class='softmax')):
        g.compare(f'y_head_cls_l{k}', level, **SCORE)
    g.compare('score', bag_scores(scores), **SCORE)
    result = pseudo_image_loss(scores, *rows[:2])
    g.compare('pseudo', result.pseudo, rtol=0, atol=0)
    g.compare('gate', result.gate, rtol=0, atol=0)
    g.compare('loss_ungated', result.ungated)
    g.compare('loss', result.loss)
    g.done()


def check_discrepancy(path):
    g = Golden(path, **LOSS)
    text(g, 'note')
    (f1, f2, _), rows = logits(g, 'f1', 'f2', 'fmil', grad=True, suffix=False)
    scores = mil_scores(*rows, one_class='softmax')
    g.compare('y_head_cls', scores[0], **SCORE)
    total = 0
    for name, function in (('l_wave_dis', wave_dis_loss), ('l_wave_dis_minus', wave_dis_minus_loss)):
        loss = function(*rows[:2], scores, g.scalar('param_lambda')).sum()
        total = total + loss
        g.compare(name, loss)
        for key, grad in zip(('f1', 'f2'), torch.autograd.grad(loss, (*f1, *f2), retain_graph=True), strict=True):
            g.compare(f'{name}_grad_{key}', grad, **GRADIENT)
    g.compare('sum_identity', total)
    g.done()


def check_uncertainty(path):
    g = Golden(path, rtol=1e-5, atol=1e-7)
    text(g, 'note')
    k, values = int(g.scalar('k')), {}
    for j in range(len(g.arrays['uncertainty'])):
        _, (f1, f2, fmil) = logits(g, 'f1', 'f2', 'fmil', prefix=f'img{j}_')
        instances = instance_uncertainty(f1, f2)
        weights = mil_scores(f1, f2, fmil, one_class='softmax')
        for key, value in (
            ('instance_uncertainty_formula', instances),
            ('uncertainty', image_uncertainty(instances, k)),
            ('variant_l1_formula', image_uncertainty(instance_uncertainty(f1, f2, distance='l1'), k)),
            (
                'variant_l1_reweighted_formula',
                image_uncertainty(instance_uncertainty(f1, f2, weights, distance='l1'), k),
            ),
        ):
            values.setdefault(key, []).append(value)
    for key, value in values.items():
        g.compare(key, torch.cat(value))
    g.done()


def check_init_split(path):
    g = Golden(path, rtol=0, atol=0)
    sizes = int(g.scalar('n_voc07')), int(g.scalar('n_voc12'))
    size, seed = int(g.scalar('X_L_0_size')), int(g.scalar('seed'))
    split = initial_split(sum(sizes), size, seed, compat='reference')
    g.compare('X_all_shuffled', split.order)
    g.compare('X_L_0', split.labeled)
    g.compare('X_U_0', split.unlabeled)
    overlap = np.intersect1d(split.labeled, split.unlabeled)
    g.compare('overlap', overlap.size)
    for key, ids in (('L', split.labeled), ('U', split.unlabeled)):
        local = split_by_dataset(ids, sizes)
        g.compare(f'{key}07_local', local[0])
        g.compare(f'{key}12_local', local[1])
        np.testing.assert_array_equal(join_datasets(local, sizes), ids)
    g.compare('repeat_after', PASSES_PER_EPOCH)
    ours = initial_split(sum(sizes), size, seed)
    np.testing.assert_array_equal(ours.order, split.order)
    np.testing.assert_array_equal(ours.labeled, split.labeled)
    np.testing.assert_array_equal(ours.unlabeled, np.setdiff1d(split.unlabeled, overlap))
    g.done()


def check_select(path):
    g = Golden(path, rtol=0, atol=0)
    text(g, 'note')
    uncertainty, labeled = g.array('uncertainty'), g.array('X_L')
    size, seed, n = int(g.scalar('X_S_size')), int(g.scalar('seed')), len(uncertainty)
    np.testing.assert_array_equal(np.sort(g.array('X_all')), np.arange(n))
    ours = select_next(uncertainty, labeled, size, seed)
    g.compare('X_S_stable_formula', np.sort(ours.selected))
    pool = np.setdiff1d(np.arange(n), labeled)
    threshold = uncertainty[ours.selected[-1]]
    tied = (uncertainty[pool] == threshold).sum()
    unique = tied == (uncertainty[ours.selected] == threshold).sum()
    g.compare('threshold', threshold)
    g.compare('num_at_threshold', tied)
    g.compare('unique_selection', unique)
    if unique:
        theirs = select_next(uncertainty, labeled, size, seed, compat='reference')
        g.compare('X_S_sorted', np.sort(ours.selected))
    else:
        # which of the tied images the reference takes is up to its sort, so what follows is done with its choice
        chosen = g.array('X_S_sorted')
        np.testing.assert_array_equal(np.sort(uncertainty[chosen]), np.sort(uncertainty[ours.selected]))
        assert not np.isin(chosen, labeled).any()
        theirs = next_sets(n, labeled, chosen, seed, compat='reference')
        ours = next_sets(n, labeled, chosen, seed)
    g.compare('X_L_next', theirs.labeled)
    g.compare('X_U_next', theirs.unlabeled)
    assert theirs.labeled.dtype.name == text(g, 'X_L_next_dtype')
    assert theirs.unlabeled.dtype.name == text(g, 'X_U_next_dtype')
    np.testing.assert_array_equal(ours.labeled, theirs.labeled)
    left = np.setdiff1d(pool, ours.labeled)
    np.testing.assert_array_equal(ours.unlabeled, theirs.unlabeled if len(left) >= len(ours.labeled) else left)
    assert ours.labeled.dtype == ours.unlabeled.dtype == np.int64
    g.done()
