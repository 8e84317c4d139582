"""Class activation maps of the classifier: no bias, activations, the networks of AffinityNet and IRN."""

import pytest
import torch

from wsod_mm.registry import MODELS

HEAD = dict(type='GAPClsHead', num_classes=3)


def head(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(HEAD, in_channels=5, **kwargs))


@pytest.mark.parametrize('feature', ['conv_gap', 'gap_fc'])
def test_bias(feature):
    x = torch.randn(2, 5, 4, 6)
    with_bias, without = head(feature=feature), head(feature=feature, bias=False)
    assert without.fc.bias is None and list(without.state_dict()) == ['fc.weight']
    torch.nn.init.constant_(with_bias.fc.bias, 3.0)
    without.load_state_dict({'fc.weight': with_bias.fc.weight.detach()})
    torch.testing.assert_close(with_bias(x), without(x) + 3)
    torch.testing.assert_close(with_bias.class_maps(x), without.class_maps(x) + 3)
    # class activation maps never have the bias
    torch.testing.assert_close(with_bias.activation_maps(x), without.class_maps(x).clamp(min=0))


def test_activation():
    x = torch.randn(2, 5, 4, 6)
    plain, root = head(bias=False).activation_maps(x), head(bias=False, cam_activation='sqrt_relu').activation_maps(x)
    torch.testing.assert_close(root**2, plain)
    assert not torch.equal(root, plain)
    with pytest.raises(ValueError, match='cam_activation'):
        head(cam_activation='none')


def test_xavier_by_config():
    """AffinityNet's: uniform within sqrt(6 / (inputs + outputs))."""
    init = dict(type='Xavier', layer='Conv2d', distribution='uniform')
    model = MODELS.build(dict(HEAD, in_channels=400, bias=False, init_cfg=init))
    model.init_weights()
    bound = (6 / 403) ** 0.5
    assert bound * 0.95 < model.fc.weight.abs().max() <= bound


def test_dropping_channels_commutes_with_pooling():
    """VGG16 drops before the convolution, ResNet38 before and pools first: the same function of what is dropped."""
    x = torch.randn(4, 5, 4, 6)
    outputs = []
    for feature in ('conv_gap', 'gap_fc'):
        model = head(feature=feature, dropout=0.5, bias=False)
        model.load_state_dict({'fc.weight': torch.eye(3, 5).view(model.fc.weight.shape)})
        outputs.append(model(x))
    expected = x.mean((2, 3))[:, :3]
    for out in outputs:  # every channel is dropped as a whole, or doubled
        ratio = out / expected
        assert torch.minimum(ratio.abs(), (ratio - 2).abs()).max() < 1e-5


@pytest.mark.parametrize(
    'backbone, channels',
    [
        (dict(type='VGG16LargeFOV', width_mult=1 / 16), 64),
        (dict(type='ResNet38', width_mult=1 / 32), 128),
        (dict(type='ResNet', depth=50, base_channels=4, strides=(1, 2, 2, 1), frozen_stages=2, norm_eval=True), 128),
        (dict(type='MiniCNN', channels=(4, 8, 8, 8, 16)), 16),
    ],
)
def test_classifier_of_every_backbone(backbone, channels):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type='ImageClassifier', backbone=backbone, head=dict(HEAD, in_channels=channels, bias=False))
    ).eval()
    x = torch.randn(2, 3, 40, 49)
    maps, feature = model.class_activation_maps(x), model.extract_feat(x)[-1]
    assert maps.shape == (2, 3, *feature.shape[2:])
    assert torch.equal(maps, model.head.class_maps(feature).clamp(min=0))
    torch.testing.assert_close(model(x), model.head.class_maps(feature).mean((2, 3)))
