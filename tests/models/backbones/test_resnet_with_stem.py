"""Tests of the ResNet that also returns its stem's map."""

import pytest
import torch

from wsod_mm.registry import MODELS

SMALL = dict(depth=18, base_channels=4, strides=(1, 2, 2, 1), norm_eval=True, style='pytorch')


def build(kind='ResNetWithStem', **kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type=kind, **SMALL, **kwargs))


def test_the_others_are_mmdets():
    body, stock = build().eval(), build('ResNet')
    stock.eval()  # MMDetection's returns nothing
    stock.load_state_dict(body.state_dict())
    picture = torch.randn(1, 3, 65, 50)
    stem, *layers = body(picture)
    assert stem.shape == (1, 4, 17, 13)
    assert [x.shape[2] for x in layers] == [17, 9, 5, 5]
    assert all(torch.equal(a, b) for a, b in zip(layers, stock(picture), strict=True))
    assert torch.equal(stock.layer1(stem), layers[0])
    assert len(build(out_indices=(3,))(picture)) == 2


@pytest.mark.parametrize('frozen', [-1, 0, 2, 4])
def test_frozen_stages(frozen):
    body = build(frozen_stages=frozen)
    body.train()
    outputs = body(torch.randn(1, 3, 32, 32))
    assert [x.requires_grad for x in outputs] == [stage > frozen for stage in range(5)]
    assert body.conv1.weight.requires_grad == (frozen < 0)


def test_no_deep_stem():
    with pytest.raises(ValueError, match='deep_stem'):
        build(deep_stem=True)
