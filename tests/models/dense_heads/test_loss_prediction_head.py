import pytest
import torch

from wsod_mm.functional.loss_prediction import loss_prediction_loss
from wsod_mm.registry import MODELS


def build(**options):
    torch.manual_seed(0)
    return MODELS.build(dict(type='LossPredictionHead', in_channels=[4, 6], **options))


def features(seed=1, batch=3):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, c, *size, generator=generator) for c, size in ((4, (5, 7)), (6, (2, 3)))]


def test_literal_layers():
    head, x = build(feat_channels=5), features()
    expected = []
    for b in range(3):
        hidden = []
        for fc, level in zip(head.fcs, x, strict=True):
            pooled = [sum(row.sum() for row in channel) / channel.numel() for channel in level[b]]
            hidden += [max(0.0, (w * torch.stack(pooled)).sum() + v) for w, v in zip(fc.weight, fc.bias, strict=True)]
        expected.append(sum(w * h for w, h in zip(head.fc_loss.weight[0], hidden, strict=True)) + head.fc_loss.bias[0])
    torch.testing.assert_close(head(x), torch.stack(expected))


def test_width_of_the_paper():
    head = build()
    assert [fc.out_features for fc in head.fcs] == [128, 128] and head.fc_loss.in_features == 256


def test_loss_and_its_options():
    x, target = features(), torch.tensor([1.0, 3.0, 2.0])
    head = build()
    expected = loss_prediction_loss(head(x), target)
    assert head.loss(x, target) == dict(loss_pred=expected)
    assert build(loss_weight=0.5).loss(x, target)['loss_pred'] == expected / 2
    assert build(margin=2.0).loss(x, target)['loss_pred'] == loss_prediction_loss(head(x), target, 2.0) != expected


def test_every_parameter_has_a_gradient_even_for_one_image():
    for batch in (1, 2):
        head = build()
        head.loss(features(batch=batch), torch.arange(batch))['loss_pred'].backward()
        assert all(parameter.grad is not None for parameter in head.parameters())


def test_float32_under_autocast():
    head, x = build(), features()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(head([level.clone() for level in x]), build()(x))


def test_learns_an_order():
    head, x = build(), features(batch=8)
    target = x[0].mean(dim=(2, 3))[:, 0]
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    for step in range(150):
        order = torch.randperm(8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        head.loss([level[order] for level in x], target[order])['loss_pred'].backward()
        optimizer.step()
    assert head(x).argsort().tolist() == target.argsort().tolist()


def test_errors():
    with pytest.raises(ValueError, match='2 levels, but the features have 1'):
        build()(features()[:1])
    for channels in (256, []):
        with pytest.raises(ValueError, match=r'\[256\] \* 5'):
            MODELS.build(dict(type='LossPredictionHead', in_channels=channels))
