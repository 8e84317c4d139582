import copy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from tests.models.miaod import SIZE, build, detector, images, retina_head, sample, samples, spread, ssd_head, total

GROUPS = {'g', 'f1', 'f2', 'f_r', 'f_mil'}
CODE = {'label': GROUPS, 'min': {'g', 'f_r', 'f_mil'}, 'max': {'f1', 'f2'}}
PAPER = {'label': GROUPS, 'min': {'g', 'f_mil'}, 'max': GROUPS - {'g'}}


def trained_groups(model):
    return {model.group_of(name) for name, parameter in model.named_parameters() if parameter.requires_grad}


def batch(labeled=True, seed=1):
    """What a data loader gives to ``train_step``."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randint(0, 256, (3, *SIZE), generator=generator, dtype=torch.uint8) for _ in range(2)]
    return dict(inputs=inputs, data_samples=samples(labeled))


def weights(model):
    """A copy of the parameters per part."""
    result = {}
    for name, parameter in model.named_parameters():
        result.setdefault(model.group_of(name), []).append(parameter.detach().clone())
    return result


@pytest.mark.parametrize(('trainable', 'expected'), [(None, CODE), (PAPER, PAPER)], ids=['code', 'paper'])
@pytest.mark.parametrize('head', [retina_head, ssd_head])
def test_stages_train_their_parts(trainable, expected, head):
    config = head(image_loss_in_max=trainable is PAPER)
    model = detector(config, trainable=trainable)
    assert {model.group_of(name) for name, _ in model.named_parameters()} == GROUPS
    spread(model.bbox_head)
    for stage in ('min', 'max', 'label', 'max', 'min'):
        parameters = model.set_stage(stage)
        assert trained_groups(model) == expected[stage] and model.bbox_head.stage == stage
        assert [id(p) for p in parameters] == [id(p) for p in model.parameters() if p.requires_grad]
        for labeled in (True, False)[: 1 if stage == 'label' else 2]:
            model.zero_grad()
            total(model.loss(images(), samples(labeled))).backward()
            for name, parameter in model.named_parameters():
                assert (parameter.grad is not None) == (model.group_of(name) in expected[stage]), (stage, name)


def test_parts_that_stay_the_same_in_training():
    model = detector()
    spread(model.bbox_head)
    wrapper = OptimWrapper(SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=5e-4))
    for stage in ('label', 'min', 'max', 'label'):
        model.set_stage(stage)
        wrapper.optimizer.state.clear()
        before = weights(model)
        for labeled in (True,) if stage == 'label' else (True, False, True, False):
            logged = model.train_step(batch(labeled), wrapper)
            assert torch.isfinite(logged['loss'])
        after = weights(model)
        moved = {g for g in GROUPS if any(not torch.equal(a, b) for a, b in zip(before[g], after[g], strict=True))}
        assert moved == CODE[stage]


def test_weight_decay_goes_on_where_the_gradient_is_zero():
    model = detector()
    spread(model.bbox_head)
    optimizer = SGD(model.set_stage('min'), 0.1, weight_decay=0.5)
    before = model.bbox_head.f_r_retina.weight.detach().clone()
    total(model.loss(images(), samples(False))).backward()
    optimizer.step()
    torch.testing.assert_close(model.bbox_head.f_r_retina.weight, before * 0.95)


def test_what_the_constructor_freezes_stays_frozen():
    backbone = dict(type='ResNet', depth=18, frozen_stages=1, norm_eval=True, out_indices=(1, 2))
    neck = dict(type='FPN', in_channels=[128, 256], out_channels=8, num_outs=2)
    config = dict(_scope_='mmdet', **backbone), dict(_scope_='mmdet', **neck)
    model = detector(backbone=config[0], neck=config[1])
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert any('layer1' in name for name in frozen) and not any('layer2' in name for name in frozen)
    for stage in ('max', 'min', 'label'):
        model.set_stage(stage)
        model.train()
        now = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        assert now >= frozen and (now == frozen) == (stage == 'label')
    total(model.loss(images(), samples())).backward()


def test_frozen_parts_lose_their_gradients():
    model = detector()
    total(model.loss(images(), samples())).backward()
    model.set_stage('max')
    assert all((p.grad is None) != p.requires_grad for p in model.parameters())


def test_a_stage_belongs_to_a_model_and_not_to_the_process():
    one, other = detector(), detector()
    one.set_stage('max')
    assert other.bbox_head.stage == 'label' and copy.deepcopy(one).bbox_head.stage == 'max'
    assert set(one.loss(images(), samples())) != set(other.loss(images(), samples()))


def test_uncertainty_of_a_batch(monkeypatch):
    model = detector(retina_head(uncertainty=dict(k=9)))
    spread(model.bbox_head)
    model.eval()
    data = batch()
    inputs = model.data_preprocessor(copy.deepcopy(data))['inputs']
    expected = model.bbox_head.uncertainty(model.extract_feat(inputs))
    assert torch.equal(model(inputs, mode='uncertainty'), expected)
    # samples without ground truth, as a pool has them
    for data_samples in (samples(), samples(False), [DetDataSample(metainfo=dict(img_shape=SIZE)) for _ in range(2)]):
        value = model.uncertainty_step(dict(data, data_samples=data_samples))
        assert torch.equal(value, expected) and not value.requires_grad and (value > 0).all()
    one = model.uncertainty_step(dict(inputs=data['inputs'][:1], data_samples=samples()[:1]))
    torch.testing.assert_close(one, expected[:1])


def test_other_modes():
    model = detector()
    spread(model.bbox_head)
    model.eval()
    with torch.no_grad():
        found = model.test_step(batch())
        assert len(found) == 2 and all(len(s.pred_instances) for s in found)
        assert [len(tower) for tower in model(images(), mode='tensor')] == [2, 2, 2, 2]
    # a test set may hold no ground truth, and its images count as whatever they like
    unlabeled = model.test_step(batch(labeled=False))
    assert torch.equal(unlabeled[0].pred_instances.bboxes, found[0].pred_instances.bboxes)


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(trainable=dict(warm=('g',))), 'stages are'),
        (dict(trainable=dict(min=('g', 'neck'))), 'parts'),
    ],
)
def test_errors(options, match):
    with pytest.raises(ValueError, match=match):
        detector(**options)
    with pytest.raises(ValueError, match='stage must be'):
        detector().set_stage('test')


def test_other_heads_are_refused():
    head = retina_head(type='RetinaHead')
    with pytest.raises(ValueError, match='head of MI-AOD'):
        detector(head)


def test_checkpoints_know_nothing_of_stages():
    model, other = detector(seed=1), detector(seed=2)
    model.set_stage('max')
    other.load_state_dict(model.state_dict())
    assert total(other.loss(images(), [sample([], []), *samples()[:1]])) > 0
    assert other.bbox_head.stage == 'label'
    assert build(retina_head()).stage == 'label'
