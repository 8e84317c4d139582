import pytest
import torch
from mmdet.models.dense_heads import SSDHead

from tests.models.miaod import build, samples, spread, ssd_head, total

TOWERS = ('f1', 'f2', 'f_r', 'f_mil')


def features(seed=2, number=2):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(number, 8, *size, generator=generator) for size in ((4, 6), (2, 3))]


def plain(head, classifier):
    """MMDetection's own head with the weights of one classifier and of the box regressor."""
    config = ssd_head()
    config.pop('type')
    result = SSDHead(**config | dict(train_cfg=head.train_cfg, test_cfg=head.test_cfg))
    result.cls_convs.load_state_dict(getattr(head, f'{classifier}_convs').state_dict())
    result.reg_convs.load_state_dict(head.f_r_convs.state_dict())
    return result


def test_four_convolutions_per_level_with_xavier_weights():
    head = build(ssd_head())
    assert {name.split('.')[0] for name in head.state_dict()} == {'f_1_convs', 'f_2_convs', 'f_r_convs', 'f_mil_convs'}
    for name, value in head.named_parameters():
        assert head.tower_of(name) is not None
        if name.endswith('bias'):
            assert not value.any()
        else:
            limit = (6 / (9 * (value.shape[0] + value.shape[1]))) ** 0.5
            assert 0.9 * limit < value.abs().max() <= limit
    for out, tower in zip(head(features()), TOWERS, strict=True):
        columns = 4  # coordinates, or three classes and background
        assert [level.shape[1] for level in out] == [4 * columns, 6 * columns], tower


@pytest.mark.parametrize(
    ('stage', 'labeled', 'names'),
    [
        ('label', True, {'loss_cls', 'loss_bbox', 'loss_imgcls'}),
        ('min', True, {'loss_cls', 'loss_bbox', 'loss_imgcls', 'loss_wave_dis'}),
        ('min', False, {'loss_cls', 'loss_bbox', 'loss_imgcls', 'loss_wave_dis'}),
        ('max', True, {'loss_cls', 'loss_bbox', 'loss_wave_dis_minus'}),
        ('max', False, {'loss_cls', 'loss_bbox', 'loss_wave_dis_minus'}),
    ],
)
def test_terms_of_each_stage_and_zero_gradients(stage, labeled, names):
    head = spread(build(ssd_head()))
    head.set_stage(stage)
    losses = head.loss(features(), samples(labeled))
    assert set(losses) == names
    total(losses).backward()
    moved = {'f1': True, 'f2': True, 'f_r': labeled, 'f_mil': stage != 'max'}
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.any() == moved[head.tower_of(name)], name


def test_detection_losses_are_the_mean_of_two_plain_heads():
    head = spread(build(ssd_head()))
    x, data = features(), samples()
    losses = head.loss(x, data)
    first, second = (plain(head, name).loss(x, data) for name in ('f_1', 'f_2'))
    for name in ('loss_cls', 'loss_bbox'):
        for ours, a, b in zip(losses[name], first[name], second[name], strict=True):
            torch.testing.assert_close(ours, (a + b) / 2)


@pytest.mark.parametrize(('test_with', 'prefix'), [('f1', 'f_1'), ('f2', 'f_2')])
def test_detections_are_those_of_a_plain_head(test_with, prefix):
    head = spread(build(ssd_head(test_with=test_with)))
    expected = plain(head, prefix).predict(features(), samples())
    for ours, theirs in zip(head.predict(features(), samples()), expected, strict=True):
        assert len(ours) > 0
        for key in ('bboxes', 'scores', 'labels'):
            assert torch.equal(ours[key], theirs[key])


def test_detections_with_the_mean_of_two_equal_classifiers():
    head = spread(build(ssd_head(test_with='mean')))
    head.f_2_convs.load_state_dict(head.f_1_convs.state_dict())
    expected = plain(head, 'f_1').predict(features(), samples())
    for ours, theirs in zip(head.predict(features(), samples()), expected, strict=True):
        torch.testing.assert_close(ours.scores, theirs.scores)


def test_background_is_a_column_of_the_pseudo_labels_and_of_the_uncertainty():
    head = spread(build(ssd_head(uncertainty=dict(k=10))))
    f1, f2, _, f_mil = head(features())
    assert [tuple(level.shape) for level in head.mil_scores(f1, f2, f_mil)] == [(2, 96, 4), (2, 36, 4)]
    difference = []
    for a, b in zip(f1, f2, strict=True):
        a, b = (z.permute(0, 2, 3, 1).reshape(2, -1, 4).sigmoid() for z in (a, b))
        difference.append((a - b).square().mean(dim=2))
    expected = torch.cat(difference, dim=1).topk(10, dim=1).values.mean(dim=1)
    torch.testing.assert_close(head.uncertainty(features()), expected)


def test_lite_layers_of_mmdetection():
    options = dict(use_depthwise=True, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU6'))
    head = build(ssd_head(init_cfg=dict(type='Normal', layer='Conv2d', std=0.1), **options))
    losses = head.loss(features(), samples())
    assert torch.isfinite(total(losses))
