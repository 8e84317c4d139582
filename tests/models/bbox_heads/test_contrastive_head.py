"""The MIL predictors: variants of ContextLocNet, and what all share."""

import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.mil import image_scores, wsddn_scores
from wsod_mm.functional.rings import RINGS
from wsod_mm.models.bbox_heads import ContrastiveHead, WSDDNHead
from wsod_mm.models.losses import MILBCELoss, MILHingeLoss
from wsod_mm.registry import MODELS

COUNTS = (5, 1, 3)


def _head(variant='contrastive_s', **kwargs):
    torch.manual_seed(0)
    head = MODELS.build(dict(type='ContrastiveHead', in_channels=6, num_classes=4, variant=variant, **kwargs))
    head.init_weights()
    return head


def _features(rings, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(sum(COUNTS), 6, generator=generator).requires_grad_() for _ in rings)


def _expected_det(head, features):
    def linear(layer, x):
        return F.linear(x, layer.weight, layer.bias)

    if head.variant == 'contrastive_s':
        return linear(head.fc_det, features[2]) - linear(head.fc_det, features[1])
    if head.variant == 'contrastive_a':
        return linear(head.fc_det, features[0]) - linear(head.fc_det, features[1])
    return linear(head.fc_det, features[0]) + linear(head.fc_det_context, features[1])


@pytest.mark.parametrize('variant', ['contrastive_s', 'contrastive_a', 'additive'])
def test_scores_image_by_image(variant):
    head = _head(variant, cls_std=0.7, det_std=0.5)
    assert set(head.rings) <= set(RINGS) and head.rings[0] == 'roi'
    features = _features(head.rings)
    output = head(features, COUNTS)
    cls, det = F.linear(features[0], head.fc_cls.weight, head.fc_cls.bias), _expected_det(head, features)
    assert output.image_scores.shape == output.raw_scores.shape == (3, 4)
    for n, (a, d) in enumerate(zip(cls.split(COUNTS), det.split(COUNTS), strict=True)):
        torch.testing.assert_close(output.scores[n], wsddn_scores(a, d))
        torch.testing.assert_close(output.image_scores[n], output.scores[n].sum(dim=0))
        torch.testing.assert_close(output.raw_scores[n], (a * d.softmax(dim=0)).sum(dim=0))


def test_variants_differ_and_all_parts_learn():
    gradients = {}
    for variant in ('contrastive_s', 'contrastive_a', 'additive'):
        head = _head(variant, det_std=0.5)
        features = _features(head.rings)
        head(features, COUNTS).raw_scores.square().sum().backward()
        assert all(f.grad.abs().sum() > 0 for f in features), variant
        assert all(p.grad.abs().sum() > 0 for n, p in head.named_parameters() if n.endswith('weight')), variant
        if variant != 'additive':
            torch.testing.assert_close(head.fc_det.bias.grad, torch.zeros(4), rtol=0, atol=1e-6)
        gradients[variant] = head.fc_det.weight.grad
    grads = list(gradients.values())
    assert not any(torch.allclose(grads[i], grads[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_equal_rings_attend_everywhere_and_the_bias_cancels():
    head = _head(det_std=0.5)
    roi, context, _ = _features(head.rings)
    output = head((roi, context, context), COUNTS)
    for raw, part in zip(output.raw_scores, head.fc_cls(roi).split(COUNTS), strict=True):
        torch.testing.assert_close(raw, part.mean(dim=0))
    features = _features(head.rings)
    before = head(features, COUNTS).raw_scores
    with torch.no_grad():
        head.fc_det.bias += 3
    torch.testing.assert_close(head(features, COUNTS).raw_scores, before)


def test_one_proposal_and_duplicates():
    head = _head(det_std=0.5)
    roi, context, frame = (f[:1] for f in _features(head.rings))
    once = head((roi, context, frame), [1])
    torch.testing.assert_close(once.raw_scores[0], head.fc_cls(roi)[0])
    twice = head(tuple(f.repeat(2, 1) for f in (roi, context, frame)), [2])
    torch.testing.assert_close(twice.raw_scores, once.raw_scores)
    torch.testing.assert_close(twice.image_scores, once.image_scores)
    torch.testing.assert_close(twice.scores[0][0], twice.scores[0][1])


def test_the_contrast_is_exact_under_autocast():
    head = _head(det_std=2.0)
    roi, context, _ = _features(head.rings)
    context = context * 50
    frame = context + 0.01 * torch.randn(context.shape)
    expected = head((roi, context, frame), COUNTS)
    with torch.autocast('cpu', torch.bfloat16):
        output = head((roi, context, frame), COUNTS)
    assert output.raw_scores.dtype == torch.float32
    torch.testing.assert_close(output.raw_scores, expected.raw_scores, rtol=0.02, atol=1e-3)


def test_initial_weights():
    head = MODELS.build(dict(type='ContrastiveHead', in_channels=500, num_classes=40, variant='additive', det_std=0.3))
    head.init_weights()
    assert head.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert head.fc_det.weight.std().item() == pytest.approx(0.3, rel=0.05)
    assert head.fc_det_context.weight.std().item() == pytest.approx(0.3, rel=0.05)
    assert not any(layer.bias.any() for layer in (head.fc_cls, head.fc_det, head.fc_det_context))
    assert not torch.equal(head.fc_det.weight, head.fc_det_context.weight)


def test_wsddn_head_takes_one_ring_and_has_raw_scores():
    torch.manual_seed(0)
    head = WSDDNHead(6, 4, cls_std=0.5, det_std=0.5)
    head.init_weights()
    assert head.rings == ('roi',)
    (features,) = _features(head.rings)
    output, same = head(features, COUNTS), head((features,), COUNTS)
    cls, det = head.fc_cls(features).split(COUNTS), head.fc_det(features).split(COUNTS)
    for n in range(3):
        assert torch.equal(output.scores[n], wsddn_scores(cls[n], det[n]))
        assert torch.equal(output.scores[n], same.scores[n])
        assert torch.equal(output.image_scores[n], image_scores(wsddn_scores(cls[n], det[n])))
        torch.testing.assert_close(output.raw_scores[n], (cls[n] * det[n].softmax(dim=0)).sum(dim=0))
    with pytest.raises(ValueError, match='2 tensors'):
        head((features, features), COUNTS)


def test_losses_name_the_field_they_take():
    head, labels = _head(cls_std=1.0, det_std=0.5), torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    output = head(_features(head.rings), COUNTS)
    values = {}
    for loss in (MILBCELoss(), MILHingeLoss(), MILHingeLoss(normaliser=20, loss_weight=3.0)):
        values[str(type(loss)), getattr(loss, 'loss_weight', 1)] = loss(getattr(output, loss.source), labels)
    bce, hinge, scaled = values.values()
    assert bce > 0 and hinge > 0 and bce != hinge
    torch.testing.assert_close(scaled, hinge * 4 / 20 * 3)
    unknown = torch.ones_like(labels)
    unknown[0] = 0
    assert MILHingeLoss()(output.raw_scores, labels, unknown) < hinge
    assert MILBCELoss.source == 'image_scores' and MILHingeLoss.source == 'raw_scores'


def test_errors():
    with pytest.raises(ValueError, match="'contrastive_b'"):
        ContrastiveHead(6, 4, variant='contrastive_b')
    with pytest.raises(ValueError, match="'frame'.*one tensor"):
        _head()(_features(('roi',))[0], COUNTS)
    with pytest.raises(ValueError, match='2 tensors'):
        _head()(_features(('roi', 'context')), COUNTS)
    with pytest.raises(ValueError, match='positive'):
        MILHingeLoss(normaliser=-1)
