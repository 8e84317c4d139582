"""IRNet and its head: losses, the merge of mirror images, padding, the mean displacement, switches, errors."""

import copy

import pytest
import torch
from torch.nn import functional as F

from tests.models.segmentors.samples import MINI, PREPROCESSOR, batch
from wsod_mm.functional.affinity_losses import boundary_loss, displacement_losses, irn_loss, pair_displacement
from wsod_mm.functional.pair_affinity import boundary_affinity
from wsod_mm.functional.pair_labels import pair_labels
from wsod_mm.models.segmentors import IRNHead, MeanShift
from wsod_mm.registry import MODELS
from wsod_mm.utils.measure import SyncTrace

HEAD = dict(
    type='IRNHead',
    in_channels=(8, 8, 12, 16),
    strides=(4, 8, 8, 8),
    edge_channels=4,
    edge_groups=2,
    disp_channels=(4, 8, 8, 8),
    disp_groups=(2, 2, 2, 2),
    fuse_channels=8,
    fuse_groups=2,
    radius=4,
)
RESNET = dict(type='ResNetWithStem', depth=50, base_channels=4, strides=(1, 2, 2, 1), frozen_stages=4, norm_eval=True)
RESNET_HEAD = dict(
    in_channels=(4, 16, 32, 64, 128), strides=(4, 4, 8, 16, 16), disp_channels=(4,) * 5, disp_groups=(2,) * 5
)


def build(backbone=None, crop_size=64, **head):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='IRNet',
            backbone=backbone or dict(MINI, out_indices=(1, 2, 3, 4), frozen_stages=5, norm_eval=True),
            head=dict(HEAD, **head),
            data_preprocessor=dict(PREPROCESSOR),
            crop_size=crop_size,
        )
    )
    model.init_weights()
    return model


def losses(model, data):
    return model(**model.data_preprocessor(copy.deepcopy(data), True), mode='loss')


@pytest.mark.parametrize('kind', ['mini', 'resnet'])
def test_losses_are_the_formulas(kind):
    model = build() if kind == 'mini' else build(RESNET, **RESNET_HEAD)
    model.train()
    data = batch((64, 64), (50, 61))
    found = losses(model, data)
    packed = model.data_preprocessor(data, True)
    # pixels in the middle of the cells; the padding is unknown
    label = torch.stack([s.gt_sem_seg.sem_seg[0] for s in packed['data_samples']])[:, 2::4, 2::4]
    assert (label[1, 13:] == 255).all() and (label[1, :, 15:] == 255).all()
    edge, displacement = model(packed['inputs'])
    assert edge.shape == (2, 1, 16, 16) and displacement.shape == (2, 2, 16, 16)
    labels = pair_labels(label, model.head.offsets, 4, 21)
    boundary = boundary_loss(boundary_affinity(edge[:, 0].sigmoid(), 4), labels)
    disp = displacement_losses(pair_displacement(displacement, model.head.offsets, 4), labels, model.head.offsets)
    torch.testing.assert_close(sum(found.values()), irn_loss(boundary, disp))
    torch.testing.assert_close(found['loss_disp_fg'], disp.foreground / 2)
    sum(found.values()).backward()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trained and all(n.startswith('head.') for n in trained)
    assert all(model.get_parameter(n).grad is not None for n in trained)


def test_size_and_names_at_full_width():
    with torch.device('meta'):
        head = IRNHead()
    assert sum(p.numel() for p in head.parameters()) == 1394529
    assert {'fc_edge6.bias', 'fc_dp7.3.weight', 'fc_dp7.4.running_mean'} <= set(head.state_dict())
    assert head.offsets.shape == (152, 2) and head.offsets.device.type == 'cpu'


def test_switches_change_the_losses():
    data = batch((64, 64))
    plain = losses(build(), data)
    assert losses(build(radius=6), data) != plain
    # with 2 as the first unknown label, class 2 is unknown
    assert losses(build(ignore_from=2), data)['loss_boundary_neg'] != plain['loss_boundary_neg']


def test_mirror_images_are_merged():
    model = build().eval()
    image = torch.randn(3, 61, 50)
    boundary, displacement = model.boundary_and_displacement(image)
    padded = [F.pad(x, (0, 14, 0, 3))[None] for x in (image, image.flip(-1))]
    (edge0, disp0), (edge1, _) = model(padded[0]), model(padded[1])
    expected = (edge0[0, :, :16, :13] + edge1[0, :, :16, :13].flip(-1)).div(2).sigmoid()
    torch.testing.assert_close(boundary, expected)
    torch.testing.assert_close(displacement, disp0[0, :, :16, :13])
    mirrored, _ = model.boundary_and_displacement(image.flip(-1))
    torch.testing.assert_close(mirrored, boundary.flip(-1))


@pytest.mark.parametrize('kind', ['mini', 'resnet'])
def test_images_larger_than_the_crop_are_not_cut(kind):
    model = (build() if kind == 'mini' else build(RESNET, **RESNET_HEAD)).eval()
    assert model._padding(64, 30) == (0, 34, 0, 0)
    assert model._padding(65, 30) == (0, 34, 0, 15)
    boundary, displacement = model.boundary_and_displacement(torch.randn(3, 65, 130))
    assert boundary.shape == (1, 17, 33) and displacement.shape == (2, 17, 33)
    # padding to the crop is seen near its border
    other = build(crop_size=16).eval() if kind == 'mini' else build(RESNET, crop_size=16, **RESNET_HEAD).eval()
    image = torch.randn(3, 40, 40)
    assert not torch.equal(model.boundary_and_displacement(image)[0], other.boundary_and_displacement(image)[0])


def test_predict():
    model = build().eval()
    data = batch((61, 50), (30, 40))
    samples = model.test_step(copy.deepcopy(data))
    assert samples[0].pred_boundary.boundary.shape == (1, 16, 13)
    assert samples[1].pred_displacement.displacement.shape == (2, 8, 10)
    # images of a batch do not see one another
    for i in range(2):
        alone = model.test_step({k: copy.deepcopy(v[i : i + 1]) for k, v in data.items()})[0]
        torch.testing.assert_close(alone.pred_boundary.boundary, samples[i].pred_boundary.boundary)
        assert ((alone.pred_boundary.boundary > 0) & (alone.pred_boundary.boundary < 1)).all()


def test_mean_shift():
    layer, x = MeanShift(2), torch.randn(3, 2, 4, 5)
    layer.running_mean.copy_(torch.tensor([1.0, -2.0]))
    assert torch.equal(layer.train()(x), x)
    assert torch.equal(layer.eval()(x), x - torch.tensor([1.0, -2.0]).view(2, 1, 1))


@pytest.mark.parametrize('training', [True, False])
def test_the_mean_displacement_is_taken_and_subtracted(training):
    model = build().train(training)
    batches = [torch.randn(2, 3, 64, 64), torch.randn(3, 3, 32, 64)]
    with torch.no_grad():
        raw = [model(x)[1].mean((0, 2, 3)) for x in batches]
    model.head.mean_shift.running_mean.fill_(3.0)  # what was there before does not count
    mean = model.estimate_mean_shift(batches)
    torch.testing.assert_close(mean, (raw[0] + raw[1]) / 2)
    assert model.training == training and torch.equal(model.head.mean_shift.running_mean, mean)
    torch.testing.assert_close(model.eval()(batches[0])[1].mean((0, 2, 3)), raw[0] - mean)
    assert 'head.fc_dp6.4.running_mean' in model.state_dict()
    with pytest.raises(ValueError, match='at least one batch'):
        model.estimate_mean_shift([])
    assert model.head.mean_shift.running_mean.tolist() == [0, 0] and not model.training


def test_a_step_never_waits():
    model = build().train()
    data = model.data_preprocessor(batch((64, 64)), True)
    with SyncTrace() as trace:
        sum(model(**data, mode='loss').values()).backward()
    assert not trace.waits, trace.waits


def test_half_precision():
    with torch.autocast('cpu', torch.bfloat16):
        found = losses(build(), batch((64, 64)))
    assert all(value.dtype == torch.float32 for value in found.values())


def test_errors():
    with pytest.raises(ValueError, match='disp_channels'):
        build(disp_channels=(4,))
    for strides in [(4, 8, 8, 16), (4, 4, 4, 4), (8, 4, 8, 16), (4, 16, 16, 16), (4, 4, 8, 10)]:
        if strides == (4, 8, 8, 16):
            build(strides=strides)
            continue
        with pytest.raises(ValueError, match='strides'):
            build(strides=strides)
    with pytest.raises(ValueError, match=r'in_channels=\(8, 8, 12, 16\)'):
        losses(build(dict(MINI, out_indices=(2, 3, 4))), batch((64, 64)))
    with pytest.raises(ValueError, match='crop_size=0'):
        build(crop_size=0)
    with pytest.raises(ValueError, match='size of the images'):
        build().head.loss(*build()(torch.zeros(1, 3, 64, 64)), torch.zeros(1, 80, 64, dtype=torch.uint8))
    with pytest.raises(ValueError, match='mode'):
        build()(torch.zeros(1, 3, 32, 32), mode='train')
