"""AffinityNet and its head: losses, predictions, initial weights, switches, errors."""

import copy
import math

import pytest
import torch

from tests.models.segmentors.samples import MINI, PREPROCESSOR, batch
from wsod_mm.functional.affinity_losses import PAPER_WEIGHTS, affinity_loss
from wsod_mm.functional.pair_affinity import embedding_affinity
from wsod_mm.functional.pair_labels import pair_labels
from wsod_mm.models.segmentors import AffinityHead
from wsod_mm.registry import MODELS
from wsod_mm.utils.measure import SyncTrace

HEAD = dict(type='AffinityHead', in_channels=(8, 12, 16), out_channels=(4, 6, 8))


def build(backbone=None, border='full', **head):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='AffinityNet',
            backbone=backbone or dict(MINI, out_indices=(2, 3, 4)),
            head=dict(HEAD, **head),
            # label maps are on the grid already
            data_preprocessor=dict(PREPROCESSOR, pad_size_divisor=8, pad_seg=False),
            border=border,
        )
    )
    model.init_weights()
    return model


def losses(model, data):
    return model(**model.data_preprocessor(copy.deepcopy(data), True), mode='loss')


def crops(size=(80, 96)):
    return batch(size, size, label_stride=8)


def test_losses_are_the_formulas():
    model, data = build(), crops()
    model.eval()
    found = losses(model, data)
    inputs = model.data_preprocessor(copy.deepcopy(data))['inputs']
    label = torch.stack([s.gt_sem_seg.sem_seg[0] for s in data['data_samples']])
    embedding = model(inputs)
    assert embedding.shape == (2, 18, 10, 12) and (embedding > -1).all()
    affinity = embedding_affinity(embedding, model.head.offsets, 5)
    expected = affinity_loss(affinity, pair_labels(label, model.head.offsets, 5))
    torch.testing.assert_close(sum(found.values()), expected.total)
    torch.testing.assert_close(found['loss_bg'], expected.background / 4)
    torch.testing.assert_close(found['loss_fg'], expected.foreground / 4)
    torch.testing.assert_close(found['loss_neg'], expected.negative / 2)


def test_switches_change_the_losses():
    data = crops()
    plain = losses(build(), data)
    paper = losses(build(loss_weights=PAPER_WEIGHTS), data)
    for name, value in plain.items():
        torch.testing.assert_close(paper[name], 4 * value)
    assert sum(losses(build(radius=3), data).values()) != sum(plain.values())
    normed = build(norm_groups=(2, 2, 4))
    assert sum(losses(normed, data).values()) != sum(plain.values())
    assert {'head.gn8_3.weight', 'head.gn8_5.bias'} <= set(normed.state_dict())


def test_it_learns():
    model, data = build(), crops()
    for image, sample in zip(data['inputs'], data['data_samples'], strict=True):
        image[:] = (
            sample.gt_sem_seg.sem_seg.float().clamp(max=3).mul(80).repeat_interleave(8, 1).repeat_interleave(8, 2)
        )
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    totals = []
    for _ in range(40):
        optimizer.zero_grad()
        totals.append(sum(losses(model, data).values()))
        totals[-1].backward()
        optimizer.step()
    assert totals[-1] < totals[0] / 2
    sample = model.eval().test_step(data)[0]
    label, affinity = sample.gt_sem_seg.sem_seg[0], sample.pred_affinity.affinity
    right = next(p for p, offset in enumerate(model.head.offsets.tolist()) if offset == [0, 1])
    border = affinity[right, 1, 5]  # between background and class 1
    assert label[1, 5] != label[1, 6] and border < affinity[right, 1, 2]


def test_predictions_leave_the_padding_out():
    model = build().eval()
    data = batch((75, 91), (80, 96), label_stride=8)
    samples = model.test_step(data)
    assert samples[0].pred_affinity.affinity.shape == (34, 10, 12) == samples[1].pred_affinity.affinity.shape
    small = batch((41, 50), (80, 96), label_stride=8)
    found = model.test_step(small)[0].pred_affinity.affinity
    assert found.shape == (34, 6, 7)
    dy, dx = model.head.offsets[20].tolist()
    assert not found[20, -dy:].any() and found[20, 0, 4 if dx < 0 else 0] > 0
    one = {k: v[:1] for k, v in small.items()}
    assert model.test_step(one)[0].pred_affinity.affinity.shape == (34, 6, 7)


def test_border():
    data = batch((80, 96), label_stride=8)
    full = build().eval().test_step(copy.deepcopy(data))[0].pred_affinity.affinity
    reference = build(border='reference').eval().test_step(data)[0].pred_affinity.affinity
    kept = reference > 0
    assert torch.equal(full[kept], reference[kept]) and (full > 0).sum() > kept.sum()
    assert kept.any(0).nonzero().amin(0).tolist() == [0, 4]
    with pytest.raises(ValueError, match='border'):
        build(border='half')


@pytest.mark.parametrize(
    'backbone, channels',
    [
        (dict(type='VGG16LargeFOV', width_mult=1 / 32, fc6_dilation=4), (16, 16, 32)),
        (dict(type='ResNet38', width_mult=1 / 32), (16, 32, 128)),
    ],
)
def test_backbones(backbone, channels):
    model = build(backbone, in_channels=channels).train()
    sum(losses(model, crops()).values()).backward()
    assert model.head.f8_3.weight.grad.abs().sum() > 0
    trained = [n for n, p in model.backbone.named_parameters() if p.requires_grad]
    assert trained and all(model.backbone.get_parameter(n).grad is not None for n in trained)


def test_initial_weights():
    """Kaiming normal for the first convolutions, Xavier uniform with a gain of 4 for the last."""
    torch.manual_seed(0)
    head = AffinityHead((300, 300, 300), (64, 64, 64))
    head.init_weights()
    assert head.f8_4.weight.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.05)
    bound = 4 * math.sqrt(6 / (2 * 192))
    assert 0.95 * bound < head.f9.weight.abs().max() <= bound


def test_a_step_never_waits():
    model, data = build().train(), crops()
    data = model.data_preprocessor(data, True)
    with SyncTrace() as trace:
        sum(model(**data, mode='loss').values()).backward()
    assert not trace.waits, trace.waits


def test_half_precision():
    model, data = build(), crops()
    with torch.autocast('cpu', torch.bfloat16):
        found = losses(model, data)
    assert all(value.dtype == torch.float32 for value in found.values())
    torch.testing.assert_close(sum(found.values()), sum(losses(build(), data).values()), rtol=0.1, atol=0.05)


def test_errors():
    with pytest.raises(ValueError, match='out_channels'):
        build(out_channels=(4, 8))
    with pytest.raises(ValueError, match='norm_groups'):
        build(norm_groups=(2,))
    with pytest.raises(ValueError, match='loss_weights'):
        build(loss_weights=(1, 2))
    with pytest.raises(ValueError, match=r'in_channels=\(8, 12, 16\).*out_indices'):
        losses(build(dict(MINI, out_indices=(1, 3, 4))), crops())
    with pytest.raises(ValueError, match=r'\(2, 80, 96\).*\(2, 10, 12\)'):
        losses(build(), batch((80, 96), (80, 96)))
    with pytest.raises(ValueError, match='different shapes'):
        losses(build(), batch((80, 96), (72, 96), label_stride=8))
    data = crops()
    del data['data_samples'][1].gt_sem_seg
    with pytest.raises(ValueError, match='gt_sem_seg'):
        losses(build(), data)
    with pytest.raises(ValueError, match='mode'):
        build()(torch.zeros(1, 3, 32, 32), mode='train')
