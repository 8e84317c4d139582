"""MI-AOD's instance scores and losses against literal loops, and what receives which gradient."""

import math

import pytest
import torch

from wsod_mm.functional.active_losses import (
    discrepancy,
    image_loss,
    multi_hot,
    pseudo_image_loss,
    pseudo_labels,
    wave_dis_loss,
    wave_dis_minus_loss,
    zero_loss,
)
from wsod_mm.functional.active_mil import bag_scores, flatten_level, mil_scores, unflatten_level

from .test_no_host_sync import SYNCHRONISE, Trace


def random_levels(seed, images=2, anchors=(6, 3), classes=3, std=2.0, grad=False):
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(images, a, classes, generator=generator) * std).requires_grad_(grad) for a in anchors]


@pytest.fixture
def heads():
    return [random_levels(seed, grad=True) for seed in range(3)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def softmax(values):
    powers = [math.exp(v) for v in values]
    return [p / sum(powers) for p in powers]


def literal_scores(z1, z2, zm):
    """Lists ``[A][C]`` of one image and level -> the same."""
    m = [max(sigmoid((a + b) / 2) for a, b in zip(*pair, strict=True)) for pair in zip(z1, z2, strict=True)]
    return [[p * w for p in softmax(row)] for row, w in zip(zm, softmax(m), strict=True)]


def grads(loss, *heads):
    return [torch.autograd.grad(loss, head, retain_graph=True, allow_unused=True) for head in heads]


# --- layout


def test_rows_are_cells_then_anchors():
    rows = flatten_level(torch.arange(2 * 6 * 2 * 5).reshape(2, 6, 2, 5), num_classes=3)
    assert rows.shape == (2, 20, 3)
    b, h, w, n, c = 1, 1, 3, 1, 2
    assert rows[b, (h * 5 + w) * 2 + n, c] == ((b * 6 + n * 3 + c) * 2 + h) * 5 + w


@pytest.mark.parametrize('shape', [(2, 6, 4, 5), (1, 3, 1, 1), (2, 3, 7, 1)])
def test_layout_round_trip(shape):
    logits = torch.randn(shape)
    assert torch.equal(unflatten_level(flatten_level(logits, 3), *shape[2:]), logits)


def test_layout_errors():
    with pytest.raises(ValueError, match=r'N \* 4'):
        flatten_level(torch.zeros(1, 6, 2, 2), 4)
    with pytest.raises(ValueError, match='expected'):
        flatten_level(torch.zeros(6, 2, 2), 3)
    with pytest.raises(ValueError, match='expected'):
        unflatten_level(torch.zeros(1, 7, 3), 2, 2)


# --- instance and image scores


def test_scores_of_a_literal_loop(heads):
    f1, f2, fmil = heads
    for k, level in enumerate(mil_scores(*heads)):
        for b in range(2):
            expected = literal_scores(f1[k][b].tolist(), f2[k][b].tolist(), fmil[k][b].tolist())
            torch.testing.assert_close(level[b], torch.tensor(expected))


def test_scores_of_an_image_and_level_sum_to_one(heads):
    for level in mil_scores(*heads):
        torch.testing.assert_close(level.sum(dim=(1, 2)), torch.ones(2))
        assert (level >= 0).all()


def test_only_the_mil_classifier_receives_a_gradient(heads):
    loss = sum((level * torch.randn_like(level)).sum() for level in mil_scores(*heads))
    g1, g2, gm = grads(loss, *heads)
    assert g1 == g2 == (None, None)
    assert all(g.abs().sum() > 0 for g in gm)


def test_saturated_and_half_precision_logits_stay_finite():
    f1, f2, fmil = ([level.half() for level in random_levels(seed, std=100.0, anchors=(5000,))] for seed in range(3))
    scores = mil_scores(f1, f2, fmil)
    assert scores[0].dtype == torch.float32
    result = pseudo_image_loss(scores, f1, f2)
    assert result.loss.isfinite() and wave_dis_loss(f1, f2, scores).isfinite().all()


def test_weight_per_class():
    heads = [random_levels(seed, anchors=(6,)) for seed in range(3)]
    scores = mil_scores(*heads, mil_weight='per_class')[0]
    weight = ((heads[0][0] + heads[1][0]) / 2).softmax(dim=1)
    torch.testing.assert_close(scores, heads[2][0].softmax(dim=2) * weight)
    assert (scores.sum(dim=1) <= 1 + 1e-6).all()
    assert not torch.allclose(scores, mil_scores(*heads)[0])


def test_one_class_can_learn():
    heads = [random_levels(seed, classes=1, grad=True) for seed in range(3)]
    target = torch.tensor([[1.0], [0.0]])
    useless = image_loss(mil_scores(*heads, one_class='softmax'), target)
    assert all((g == 0).all() for g in grads(useless, heads[2])[0])
    scores = mil_scores(*heads)
    probs = bag_scores(scores)
    assert ((probs > 0.01) & (probs < 0.99)).all()
    gradient = grads(image_loss(scores, target), heads[2])[0]
    # only the level that decides has one: up for the image with the class, down for the one without
    assert sum(g[0].sum() for g in gradient) < 0 < sum(g[1].sum() for g in gradient)
    with pytest.raises(ValueError, match='one class'):
        mil_scores(*heads, one_class='raise')


def test_one_class_option_changes_nothing_for_more_classes(heads):
    for option in ('softmax', 'raise'):
        assert all(map(torch.equal, mil_scores(*heads), mil_scores(*heads, one_class=option)))


def test_image_score_is_of_the_best_level(heads):
    scores = mil_scores(*heads)
    expected = torch.stack([level.sum(dim=1) for level in scores]).max(dim=0).values
    torch.testing.assert_close(bag_scores(scores), expected)
    low, high = torch.zeros(1, 4, 2), torch.full((1, 4, 2), 0.25)
    assert torch.equal(bag_scores([low]), torch.full((1, 2), 1e-5))
    assert torch.equal(bag_scores([low, high]), torch.full((1, 2), 1 - 1e-5))


def test_score_errors(heads):
    f1, f2, fmil = heads
    with pytest.raises(ValueError, match='fmil'):
        mil_scores(f1, f2, fmil[:1])
    with pytest.raises(ValueError, match='expected one list'):
        mil_scores([], [], [])
    with pytest.raises(ValueError, match='expected one list'):
        bag_scores([torch.zeros(2, 3, 4), torch.zeros(2, 3, 5)])
    with pytest.raises(ValueError, match='mil_weight'):
        mil_scores(f1, f2, fmil, mil_weight='mean')
    with pytest.raises(ValueError, match='one_class'):
        mil_scores(f1, f2, fmil, one_class='ignore')


# --- image loss


def test_multi_hot():
    labels = [torch.tensor([2, 0, 2]), torch.tensor([], dtype=torch.long)]
    assert multi_hot(labels, 4).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match='at least one image'):
        multi_hot([], 4)


def test_image_loss_of_a_literal_loop(heads):
    scores = mil_scores(*heads)
    target = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    pairs = zip(bag_scores(scores).flatten().tolist(), target.flatten().tolist(), strict=True)
    terms = [-math.log(p if t else 1 - p) for p, t in pairs]
    torch.testing.assert_close(image_loss(scores, target), torch.tensor(sum(terms) / 6))
    with pytest.raises(ValueError, match='target'):
        image_loss(scores, target[:1])


def test_pseudo_labels_of_a_literal_loop():
    f1, f2 = ([level - 1.5 for level in random_levels(seed, classes=6)] for seed in range(2))
    found = pseudo_labels(f1, f2)
    for b in range(2):
        for c in range(6):
            first, second = (torch.cat([level[b, :, c] for level in head]).tolist() for head in (f1, f2))
            means = [(sigmoid(x) + sigmoid(y)) / 2 for x, y in zip(first, second, strict=True)]
            assert found[b, c] == (max(means) >= 0.5)
    assert 0.2 < found.mean() < 0.8


def test_a_score_at_the_threshold_counts():
    f1 = [torch.tensor([[[0.0, -1.0]]])]
    assert pseudo_labels(f1, f1).tolist() == [[1, 0]]
    assert pseudo_labels(f1, f1, thresh=0.51).tolist() == [[0, 0]]
    assert pseudo_labels(f1, f1, strict=True).tolist() == [[0, 0]]
    assert pseudo_labels(f1, f1, thresh=0.49, strict=True).tolist() == [[1, 0]]


def test_one_hard_image_switches_the_batch_off(heads):
    f1, f2, fmil = heads
    # the gate depends on f1 and f2 only: lift one class of the first image, and then of both
    easy = [level.detach().abs() + 1 for level in f1]
    hard = [torch.cat((level[:1], torch.full_like(level[1:], -20))) for level in easy]
    open_, shut = pseudo_image_loss(mil_scores(*heads), easy, easy), pseudo_image_loss(mil_scores(*heads), hard, hard)
    assert open_.gate == 1 and open_.loss == open_.ungated > 0
    assert shut.gate == 0 and shut.loss == 0 and shut.ungated > 0
    assert shut.pseudo[0].sum() > 0 == shut.pseudo[1].sum()
    # zero, not missing
    assert all((g == 0).all() for g in grads(shut.loss, fmil)[0])
    assert any((g != 0).any() for g in grads(open_.loss, fmil)[0])


def test_no_gradient_through_pseudo_labels(heads):
    g1, g2, gm = grads(pseudo_image_loss(mil_scores(*heads), *heads[:2]).ungated, *heads)
    assert g1 == g2 == (None, None) and all(g is not None for g in gm)


# --- discrepancy


def test_discrepancy_of_a_literal_loop(heads):
    f1, f2, _ = heads
    scores = mil_scores(*heads)
    for k, loss in enumerate(wave_dis_loss(f1, f2, scores, 0.3)):
        triples = zip(*(level.flatten().tolist() for level in (f1[k], f2[k], scores[k])), strict=True)
        terms = [abs(sigmoid(x) - sigmoid(y)) * w / 3 for x, y, w in triples]
        torch.testing.assert_close(loss, torch.tensor(0.3 * sum(terms)))


@pytest.mark.parametrize(('images', 'classes', 'anchors'), [(1, 2, (5,)), (4, 6, (7, 3, 1)), (2, 1, (4, 4))])
def test_both_terms_add_up_and_have_opposite_gradients(images, classes, anchors):
    heads = [random_levels(s, images, anchors, classes, grad=True) for s in range(3)]
    scores = mil_scores(*heads, one_class='softmax')
    low, high = (f(heads[0], heads[1], scores, 0.2) for f in (wave_dis_loss, wave_dis_minus_loss))
    torch.testing.assert_close(low + high, torch.full((len(anchors),), 0.2 * images / classes))
    for a, b in zip(grads(low.sum(), *heads[:2]), grads(high.sum(), *heads[:2]), strict=True):
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(x, -y)


@pytest.mark.parametrize('function', [wave_dis_loss, wave_dis_minus_loss])
def test_weights_of_the_discrepancy_are_detached(heads, function):
    g1, g2, gm = grads(function(*heads[:2], mil_scores(*heads)).sum(), *heads)
    assert gm == (None, None) and all((g != 0).any() for g in g1 + g2)


def test_equal_classifiers_have_no_discrepancy_and_no_gradient():
    f1, fmil = random_levels(0, grad=True), random_levels(1)
    f2 = [level.detach().clone().requires_grad_() for level in f1]
    loss = wave_dis_loss(f1, f2, mil_scores(f1, f2, fmil)).sum()
    assert loss == 0
    for gradient in grads(loss, f1, f2):
        assert all((g == 0).all() for g in gradient)


def test_average_over_images(heads):
    arguments = *heads[:2], mil_scores(*heads)
    for function in (wave_dis_loss, wave_dis_minus_loss):
        torch.testing.assert_close(function(*arguments, average_images=True) * 2, function(*arguments))


def test_sum_over_classes(heads):
    scores, labels = mil_scores(*heads), torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    arguments = *heads[:2], scores
    for function in (wave_dis_loss, wave_dis_minus_loss):
        torch.testing.assert_close(function(*arguments, class_reduction='sum'), function(*arguments) * 3)
    torch.testing.assert_close(image_loss(scores, labels, class_reduction='sum'), image_loss(scores, labels) * 3)
    pseudo, summed = (pseudo_image_loss(scores, *heads[:2], class_reduction=r).ungated for r in ('mean', 'sum'))
    torch.testing.assert_close(summed, pseudo * 3)
    with pytest.raises(ValueError, match='class_reduction'):
        image_loss(scores, labels, class_reduction='max')


def test_softmax_discrepancy_includes_the_background(heads):
    f1, f2, _ = heads
    d = discrepancy(f1[0], f2[0], 'softmax')
    torch.testing.assert_close(d, (f1[0].softmax(2) - f2[0].softmax(2)).abs())
    assert not torch.allclose(d, discrepancy(f1[0], f2[0]))
    arguments = f1, f2, mil_scores(*heads)
    assert not torch.allclose(wave_dis_loss(*arguments, activation='softmax'), wave_dis_loss(*arguments))


def test_discrepancy_errors(heads):
    f1, f2, fmil = heads
    with pytest.raises(ValueError, match='activation'):
        wave_dis_loss(f1, f2, mil_scores(f1, f2, fmil), activation='tanh')
    with pytest.raises(ValueError, match='activation'):
        discrepancy(f1[0], f2[1])
    with pytest.raises(ValueError, match='weights'):
        wave_dis_minus_loss(f1, f2, mil_scores(f1, f2, fmil)[:1])


# --- zero gradients


def test_zero_loss_gives_zero_and_not_missing_gradients(heads):
    loss = zero_loss(level for head in heads for level in head)
    assert loss == 0
    for gradient in grads(loss, *heads):
        assert all((g == 0).all() for g in gradient)


def test_zero_loss_does_not_overflow_in_half_precision():
    output = torch.full((70000,), -4.0, dtype=torch.float16, requires_grad=True)
    assert output.sum().isinf()  # what it must not run into
    loss = zero_loss([output])
    loss.backward()
    assert loss == 0 and (output.grad == 0).all()


def test_zero_loss_hides_nothing():
    assert zero_loss([torch.tensor([float('nan')])]).isnan()
    with pytest.raises(ValueError, match='at least one'):
        zero_loss([])


def test_training_step_never_waits_for_the_device(heads):
    f1, f2, fmil = heads
    labels = [torch.tensor([0, 2]), torch.tensor([], dtype=torch.long)]
    with Trace() as trace:
        scores = mil_scores(f1, f2, fmil)
        loss = image_loss(scores, multi_hot(labels, 3)) + pseudo_image_loss(scores, f1, f2).loss
        loss = loss + wave_dis_loss(f1, f2, scores).sum() + wave_dis_minus_loss(f1, f2, scores).sum()
        (loss + zero_loss(f1 + f2)).backward()
    assert 'scatter' in trace.names and not trace.names & SYNCHRONISE


def test_autocast_changes_nothing(heads):
    def total():
        scores = mil_scores(*heads)
        result = pseudo_image_loss(scores, *heads[:2])
        return result.ungated + wave_dis_loss(*heads[:2], scores).sum()

    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = total()
    assert torch.equal(inside, total())
