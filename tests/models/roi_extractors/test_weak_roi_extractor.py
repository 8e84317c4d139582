"""RoI extractor: layers, types, and MMDetection's interface."""

import pytest
import torch
from mmcv.ops import roi_align

from wsod_mm.ops import roi_max_pool
from wsod_mm.registry import MODELS


def _build(**kwargs):
    cfg = dict(
        type='WeakRoIExtractor',
        out_channels=4,
        featmap_strides=[8],
        roi_layer=dict(type='RoIMaxPool', output_size=7, mode='mmcv'),
    )
    return MODELS.build({**cfg, **kwargs})


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    rois = torch.tensor([[0, 0.0, 3.0, 50.0, 77.0], [1, 10.0, 20.0, 90.0, 40.0]])
    return (torch.randn(2, 4, 12, 15),), rois


@pytest.mark.parametrize('mode', ['mmcv', 'torchvision', 'truncate'])
def test_max_pool(inputs, mode):
    feats, rois = inputs
    extractor = _build(roi_layer=dict(type='RoIMaxPool', output_size=5, mode=mode))
    assert extractor.num_inputs == 1
    assert extractor.out_channels == 4
    assert extractor.featmap_strides == [8]
    assert torch.equal(extractor(feats, rois), roi_max_pool(feats[0], rois, 5, 1 / 8, mode))


def test_roi_align(inputs):
    feats, rois = inputs
    extractor = _build(roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2))
    torch.testing.assert_close(extractor(feats, rois), roi_align(feats[0], rois, 7, 1 / 8, 2))


def test_half_features_keep_float32_coordinates():
    torch.manual_seed(0)
    feature = torch.randn(1, 4, 20, 260).half()
    rois = torch.tensor([[0, 1031.7, 0.0, 2047.0, 90.0]])  # half precision would make it 1032
    out = _build()((feature,), rois)
    assert out.dtype == torch.float16
    assert torch.equal(out, roi_max_pool(feature.float(), rois, 7, 1 / 8).half())
    rounded = roi_max_pool(feature.float(), rois.half().float(), 7, 1 / 8).half()
    assert not torch.equal(out, rounded)


def test_scaled_boxes_and_no_boxes(inputs):
    feats, rois = inputs
    extractor = _build()
    expected = extractor(feats, extractor.roi_rescale(rois, 1.8))
    assert torch.equal(extractor(feats, rois, roi_scale_factor=1.8), expected)
    assert not torch.equal(extractor(feats, rois), expected)
    assert extractor(feats, rois[:0]).shape == (0, 4, 7, 7)


def test_errors(inputs):
    with pytest.raises(ValueError, match='SingleRoIExtractor for a pyramid'):
        _build(featmap_strides=[8, 16])
    with pytest.raises(ValueError, match="'ring'"):
        _build(roi_layer=dict(type='RoIMaxPool', output_size=7, mode='ring'))
    with pytest.raises(ValueError, match='out_channels=5'):
        _build(out_channels=5)(*inputs)
