"""GAP head: pooling over valid cells, losses, class maps."""

import pytest
import torch
from torch.nn import functional as F

from wsod_mm.registry import MODELS


def _build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='GAPClsHead', num_classes=3, in_channels=5, **kwargs))


@pytest.mark.parametrize('feature', ['conv_gap', 'gap_fc'])
def test_logits_are_the_mean_of_class_maps(feature):
    head = _build(feature=feature)
    x = torch.randn(2, 5, 4, 6)
    torch.testing.assert_close(head(x), head.class_maps(x).mean(dim=(2, 3)))
    valid = torch.zeros(2, 4, 6)
    valid[0, :3, :2] = 1
    valid[1] = 1
    out = head(x, valid)
    torch.testing.assert_close(out[0], head.class_maps(x)[0, :, :3, :2].mean(dim=(1, 2)))
    torch.testing.assert_close(out[1], head(x)[1])


def test_features_differ_in_the_shape_of_the_weight():
    assert _build(feature='conv_gap').fc.weight.shape == (3, 5, 1, 1)
    assert _build(feature='gap_fc').fc.weight.shape == (3, 5)


@pytest.mark.parametrize('feature', ['conv_gap', 'gap_fc'])
def test_dropout(feature):
    head, x = _build(feature=feature, dropout=0.5), torch.randn(2, 5, 4, 6)
    assert not torch.equal(head(x), head(x))
    assert torch.equal(head.eval()(x), _build(feature=feature).eval()(x))


def test_bce():
    head = _build(loss_weight=2.0)
    logits, target = torch.randn(4, 3), torch.randint(0, 2, (4, 3)).float()
    loss = head.loss(logits, target)['loss_cls']
    torch.testing.assert_close(loss, 2 * F.binary_cross_entropy_with_logits(logits, target))
    torch.testing.assert_close(head.scores(logits), logits.sigmoid())


def test_bce_ignores_classes_of_weight_zero():
    head, logits, target = _build(), torch.randn(2, 3, requires_grad=True), torch.ones(2, 3)
    weight = torch.tensor([[1.0, 0, 1], [1, 1, 0]])
    loss = head.loss(logits, target, weight)['loss_cls']
    loss.backward()
    assert torch.equal(logits.grad == 0, weight == 0)
    kept = weight.bool()
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits[kept], target[kept]))


def test_ce():
    head, logits, labels = _build(loss='ce'), torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    target = F.one_hot(labels, 3)
    torch.testing.assert_close(head.loss(logits, target)['loss_cls'], F.cross_entropy(logits, labels))
    torch.testing.assert_close(head.scores(logits), logits.softmax(1))
    # a class that does not count leaves the denominator; an image without a class gives nothing
    weight = torch.ones(4, 3)
    weight[:, 0] = 0
    loss = head.loss(logits, target, weight)['loss_cls']
    torch.testing.assert_close(loss, F.cross_entropy(logits[1:, 1:], labels[1:] - 1))


def test_ce_of_background_only_is_zero():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = _build(loss='ce').loss(logits, torch.zeros(2, 3))['loss_cls']
    loss.backward()
    assert loss == 0 and torch.equal(logits.grad, torch.zeros(2, 3))


@pytest.mark.parametrize('loss', ['bce', 'ce'])
def test_float32_under_autocast(loss):
    head, x = _build(loss=loss, feature='gap_fc'), torch.randn(2, 5, 4, 6)
    with torch.autocast('cpu', torch.bfloat16):
        logits = head(x)
        value = head.loss(logits, F.one_hot(torch.tensor([0, 1]), 3))['loss_cls']
    assert logits.dtype == torch.bfloat16 and value.dtype == torch.float32
    expected = head.loss(logits.float(), F.one_hot(torch.tensor([0, 1]), 3))['loss_cls']
    assert torch.equal(value, expected)


@pytest.mark.parametrize('kwargs', [dict(loss='mse'), dict(feature='max')])
def test_bad_settings(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        _build(**kwargs)


def test_bad_channels():
    with pytest.raises(ValueError, match='in_channels=5'):
        _build()(torch.zeros(1, 4, 2, 2))
