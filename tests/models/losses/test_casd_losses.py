import pytest
import torch

from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.functional.mining import top1_seeds
from wsod_mm.functional.refinement import assign_seeds
from wsod_mm.functional.regression import encode_boxes_inclusive
from wsod_mm.functional.sampled_loss import sampled_ce_loss
from wsod_mm.registry import MODELS

P, C, V = 40, 3, 4


def scene():
    """Proposals around two objects, in four views, and the seeds of two classes."""
    generator = torch.Generator().manual_seed(0)
    near = torch.tensor([[20.0, 20, 60, 70], [120, 30, 180, 90]]).repeat_interleave(P // 2, dim=0)
    boxes = near + 12 * torch.randn(P, 4, generator=generator)
    views = torch.stack([b for s in (1.0, 1.5) for b in (boxes * s, flip_boxes_inclusive(boxes * s, 400))])
    scores = torch.rand(P, C, generator=generator)
    scores[0, 0] = scores[P - 1, 2] = 1.0
    return views, top1_seeds(boxes, scores, torch.tensor([1.0, 0, 1]))


def noise():
    return torch.rand(V, P, generator=torch.Generator().manual_seed(1))


def predictions(columns, seed=2):
    """Of all proposals, so that the gradient can be compared whatever was sampled."""
    torch.manual_seed(seed)
    return (2 * torch.randn(V, P, columns)).requires_grad_()


def gather(all_rows, rows):
    return all_rows.gather(1, rows[..., None].expand(-1, -1, all_rows.shape[2]))


def refine(branch=0, **config):
    """Loss and gradient of SampledCELoss, and everything on the way."""
    loss = MODELS.build(dict(type='SampledCELoss', **config))
    views, seeds = scene()
    assignment = loss.assign(views[0], seeds)
    samples = loss.sample(assignment, V, noise=noise())
    logits = predictions(C + 1)
    value = loss(gather(logits, samples.rows), assignment.labels[samples.rows], samples, branch)
    value.backward()
    return value, logits.grad, assignment, samples


def test_sampled_loss_is_the_weighted_mean_over_the_views():
    value, grad, assignment, samples = refine()
    logits = predictions(C + 1)
    sampled = gather(logits, samples.rows), assignment.labels[samples.rows], samples.valid
    views = [sampled_ce_loss(*(part[v : v + 1] for part in sampled)) for v in range(V)]
    torch.testing.assert_close(value, 0.1 * sum(views) / 4)
    assert grad.any(dim=2).sum(dim=1).tolist() == samples.valid.sum(dim=1).tolist()
    assert MODELS.get('SampledCELoss').sampled is True


@pytest.mark.parametrize(
    'config',
    [
        dict(fg_iou=0.75),
        dict(bg_low=0.0),
        dict(bg_high=0.15),
        dict(num_fg=1),
        dict(num_bg=1),
        dict(loss_weight=0.3),
        dict(first_branch_weight=3.0),
    ],
)
def test_every_switch_of_the_sampled_loss_changes_the_gradient(config):
    assert not torch.equal(refine()[1], refine(**config)[1])


def test_the_first_branch_weight_is_for_the_first_branch():
    first, later = refine(first_branch_weight=3.0)[0], refine(branch=1, first_branch_weight=3.0)[0]
    torch.testing.assert_close(first, 3 * later)


@pytest.mark.parametrize('bg_low', [0.0, 0.1])
def test_an_image_without_seeds_has_no_loss(bg_low):
    loss = MODELS.build(dict(type='SampledCELoss', bg_low=bg_low))
    regression = MODELS.build(dict(type='CASDBBoxLoss'))
    views, seeds = scene()
    seeds = seeds._replace(valid=torch.zeros_like(seeds.valid))
    assignment = loss.assign(views[0], seeds)
    samples = loss.sample(assignment, V)
    logits, deltas = predictions(C + 1), predictions(4 * (C + 1))
    value = loss(gather(logits, samples.rows), assignment.labels[samples.rows], samples, 0)
    value = value + regression(gather(deltas, samples.rows), views, seeds, assignment, samples, 0)
    value.backward()
    assert not samples.valid.any() and value == 0 and not logits.grad.any() and not deltas.grad.any()


def test_the_generator_decides_what_is_drawn():
    loss = MODELS.build(dict(type='SampledCELoss', num_fg=3, num_bg=3))
    views, seeds = scene()
    assignment = loss.assign(views[0], seeds)
    rows = [loss.sample(assignment, V, torch.Generator().manual_seed(s)).rows for s in (0, 0, 1)]
    assert torch.equal(rows[0], rows[1]) and not torch.equal(rows[0], rows[2])


@pytest.mark.parametrize('config', [dict(bg_low=0.5), dict(bg_high=0.7), dict(num_fg=0, num_bg=0)])
def test_bad_sampling_config(config):
    with pytest.raises(ValueError, match='SampledCELoss needs'):
        MODELS.build(dict(type='SampledCELoss', **config))


def casd(branch=0, **config):
    """Loss and gradient of CASDBBoxLoss."""
    sampler = MODELS.build(dict(type='SampledCELoss', num_fg=6, fg_iou=0.5))
    loss = MODELS.build(dict(type='CASDBBoxLoss', **config))
    views, seeds = scene()
    assignment = sampler.assign(views[0], seeds)
    samples = sampler.sample(assignment, V, noise=noise())
    deltas = predictions(4 * (C + 1))
    value = loss(gather(deltas, samples.rows), views, seeds, assignment, samples, branch)
    value.backward()
    return value, deltas.grad, loss.targets(views, seeds, assignment, samples), samples


def test_casd_regression_touches_the_sampled_foreground_only():
    value, grad, targets, samples = casd()
    foreground = samples.foreground.sum(dim=1)
    assert value > 0 and foreground.gt(0).all()
    assert grad.any(dim=2).sum(dim=1).tolist() == foreground.tolist()
    assert not targets.requires_grad


def test_casd_targets_are_the_same_relative_boxes_in_every_view():
    views, seeds = scene()
    sampler = MODELS.build(dict(type='SampledCELoss'))
    assignment = sampler.assign(views[0], seeds)
    samples = sampler.sample(assignment, V, noise=noise()[:1].expand(V, P))
    targets = MODELS.build(dict(type='CASDBBoxLoss')).targets(views, seeds, assignment, samples)[:, :5]
    assert samples.foreground[:, :5].all()
    torch.testing.assert_close(targets[1], targets[0] * torch.tensor([-1.0, 1, 1, 1]), rtol=0, atol=1e-3)
    assert targets[0].abs().max() > 0.1  # the mean is not the proposal itself


@pytest.mark.parametrize(
    'config', [dict(loss_weight=1.0), dict(beta=0.1), dict(target_iou=0.3), dict(weights=(1.0, 1.0, 1.0, 1.0))]
)
def test_every_switch_of_casd_regression_changes_the_gradient(config):
    assert not torch.equal(casd()[1], casd(**config)[1])


def test_duplicate_centres_do_not_crash():
    views, seeds = scene()
    seeds = seeds._replace(boxes=seeds.boxes[[0, 0, 0]], valid=torch.ones(3, dtype=torch.bool))
    sampler, loss = (MODELS.build(dict(type=name)) for name in ('SampledCELoss', 'CASDBBoxLoss'))
    assignment = sampler.assign(views[0], seeds)
    samples = sampler.sample(assignment, V)
    deltas = predictions(4 * (C + 1))
    assert torch.isfinite(loss(gather(deltas, samples.rows), views, seeds, assignment, samples, 0))
    assert set(assignment.labels.tolist()) == {0, 1}


def per_branch(kind, branch=0, **config):
    """Loss and gradient of the losses that regress to the seeds."""
    loss = MODELS.build(dict(type=kind, **config))
    views, seeds = scene()
    assignment = assign_seeds(views[0], seeds, ignore_iou=0.1)
    deltas = predictions(4 * (C + 1))
    value = loss(deltas[0], views[0], seeds, assignment, branch)
    value.backward()
    return value, deltas.grad[0], assignment


def test_mist_and_fast_rcnn_differ_in_the_normaliser():
    mist, grad, assignment = per_branch('MISTBBoxLoss', branch=1)
    fast, _, _ = per_branch('FastRCNNBBoxLoss')
    torch.testing.assert_close(mist * P, fast * (assignment.weights > 0).sum())
    assert torch.equal(grad.any(dim=1), assignment.labels > 0)
    assert 0 < (assignment.weights > 0).sum() < P


def test_targets_are_the_seeds():
    views, seeds = scene()
    assignment = assign_seeds(views[0], seeds)
    deltas = torch.zeros(P, C + 1, 4)
    targets = encode_boxes_inclusive(views[0], seeds.boxes[assignment.seed_index.clamp(min=0)])
    deltas[torch.arange(P), assignment.labels] = targets
    for kind in ('MISTBBoxLoss', 'FastRCNNBBoxLoss'):
        assert MODELS.build(dict(type=kind))(deltas.flatten(1), views[0], seeds, assignment, 0) == 0


def test_mist_weighs_its_first_branch_three_times():
    torch.testing.assert_close(per_branch('MISTBBoxLoss')[0], 3 * per_branch('MISTBBoxLoss', branch=1)[0])
    assert per_branch('FastRCNNBBoxLoss')[0] == per_branch('FastRCNNBBoxLoss', branch=1)[0]


@pytest.mark.parametrize('kind', ['MISTBBoxLoss', 'FastRCNNBBoxLoss'])
@pytest.mark.parametrize('config', [dict(loss_weight=0.5), dict(beta=0.1), dict(weights=(1.0, 1.0, 1.0, 1.0))])
def test_every_switch_of_the_seed_losses_changes_the_gradient(kind, config):
    assert not torch.equal(per_branch(kind)[1], per_branch(kind, **config)[1])


def test_kinds():
    kinds = {name: MODELS.get(name).kind for name in ('CASDBBoxLoss', 'MISTBBoxLoss', 'FastRCNNBBoxLoss')}
    assert kinds == {'CASDBBoxLoss': 'casd', 'MISTBBoxLoss': 'mist', 'FastRCNNBBoxLoss': 'fastrcnn'}


def test_no_host_synchronisation():
    with Trace() as trace:
        refine()
        casd()
        per_branch('MISTBBoxLoss')
        per_branch('FastRCNNBBoxLoss')
    assert 'topk' in trace.names and not trace.names & SYNCHRONISE
