"""Pooling of rings through MMDetection's interface."""

import pytest
import torch

from wsod_mm.functional.rings import RINGS, ring_rectangles, ring_scales
from wsod_mm.ops import ring_max_pool, roi_max_pool
from wsod_mm.registry import MODELS


def _build(**kwargs):
    cfg = dict(
        type='RingRoIExtractor',
        out_channels=4,
        featmap_strides=[8],
        roi_layer=dict(type='RingMaxPool', output_size=7),
    )
    return MODELS.build({**cfg, **kwargs})


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    rois = torch.tensor([[0, 0.0, 3.0, 50.0, 77.0], [1, 10.0, 20.0, 90.0, 40.0], [0, 60.0, 50.0, 119.0, 95.0]])
    return (torch.randn(2, 4, 12, 15, requires_grad=True),), rois


@pytest.mark.parametrize('rounding', ['truncate', 'round'])
def test_every_ring_is_what_the_operator_gives(inputs, rounding):
    feats, rois = inputs
    extractor = _build(roi_layer=dict(type='RingMaxPool', output_size=5, rounding=rounding))
    pooled = extractor.pool_rings(feats, rois)
    assert len(pooled) == len(RINGS) == 3
    for found, scales in zip(pooled, RINGS.values(), strict=True):
        expected = ring_max_pool(feats[0], ring_rectangles(rois, *scales), 5, 1 / 8, rounding)
        assert torch.equal(found, expected)
    assert not torch.equal(pooled[0], pooled[1]) and not torch.equal(pooled[0], pooled[2])


def test_forward_is_the_box_without_a_hole(inputs):
    feats, rois = inputs
    extractor = _build()
    expected = roi_max_pool(feats[0], rois, 7, 1 / 8, 'truncate')
    assert torch.equal(extractor(feats, rois), expected)
    assert torch.equal(extractor.pool_rings(feats, rois, ('roi',))[0], expected)
    scaled = extractor(feats, rois, roi_scale_factor=1.8)
    assert torch.equal(scaled, extractor(feats, extractor.roi_rescale(rois, 1.8)))
    assert not torch.equal(scaled, expected)
    assert extractor(feats, rois[:0]).shape == (0, 4, 7, 7)


def test_order_of_the_rings_and_one_call_of_the_layer(inputs):
    feats, rois = inputs
    extractor = _build()
    calls = []
    extractor.roi_layers[0].register_forward_hook(lambda *_: calls.append(1))
    roi, context, frame = extractor.pool_rings(feats, rois)
    assert len(calls) == 1
    other = extractor.pool_rings(feats, rois, ('frame', 'roi'))
    assert len(other) == 2 and torch.equal(other[0], frame) and torch.equal(other[1], roi)
    assert context.shape == (3, 4, 7, 7)


def test_gradient_of_every_ring(inputs):
    feats, rois = inputs
    grads = [torch.autograd.grad(p.sum(), feats[0], retain_graph=True)[0] for p in _build().pool_rings(feats, rois)]
    assert all(g.any() for g in grads)
    assert not torch.equal(grads[0], grads[1]) and not torch.equal(grads[0], grads[2])


def test_context_ratio(inputs):
    feats, rois = inputs
    pooled = _build(context_ratio=1.4).pool_rings(feats, rois)
    scales = ring_scales(1.4)
    for found, name in zip(pooled, RINGS, strict=True):
        assert torch.equal(found, ring_max_pool(feats[0], ring_rectangles(rois, *scales[name]), 7, 1 / 8))
    default = _build().pool_rings(feats, rois)
    assert torch.equal(pooled[0], default[0])
    assert not torch.equal(pooled[1], default[1]) and not torch.equal(pooled[2], default[2])


def test_half_features_keep_float32_coordinates():
    torch.manual_seed(0)
    feature = torch.randn(1, 4, 20, 260).half()
    rois = torch.tensor([[0, 1031.7, 0.0, 2047.0, 90.0]])
    with torch.autocast('cpu', torch.bfloat16):
        pooled = _build().pool_rings((feature,), rois)
    for found, scales in zip(pooled, RINGS.values(), strict=True):
        assert found.dtype == torch.float16
        expected = ring_max_pool(feature.float(), ring_rectangles(rois, *scales), 7, 1 / 8)
        assert torch.equal(found, expected.half())


def test_plain_extractor_has_the_same_interface_for_the_box(inputs):
    feats, rois = inputs
    plain = _build(type='WeakRoIExtractor', roi_layer=dict(type='RoIMaxPool', output_size=7))
    (pooled,) = plain.pool_rings(feats, rois)
    assert torch.equal(pooled, plain(feats, rois))
    assert torch.equal(plain.pool_rings(feats, rois, ['roi'])[0], pooled)
    with pytest.raises(ValueError, match='RingRoIExtractor'):
        plain.pool_rings(feats, rois, ('roi', 'context'))


def test_errors(inputs):
    feats, rois = inputs
    with pytest.raises(ValueError, match="'RoIMaxPool'.*WeakRoIExtractor"):
        _build(roi_layer=dict(type='RoIMaxPool', output_size=7))
    with pytest.raises(ValueError, match='above 1'):
        _build(context_ratio=0.5)
    with pytest.raises(ValueError, match='RingRoIExtractor pools one feature map'):
        _build(featmap_strides=[8, 16])
    with pytest.raises(ValueError, match="'outside'"):
        _build().pool_rings(feats, rois, ('roi', 'outside'))
    with pytest.raises(ValueError, match='rings must be'):
        _build().pool_rings(feats, rois, ())
    with pytest.raises(ValueError, match='out_channels=5'):
        _build(out_channels=5).pool_rings(feats, rois)
