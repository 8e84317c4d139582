"""The dilated ResNet is MMDetection's, by configuration alone."""

import torch

from wsod_mm.registry import MODELS

_DILATED_C5 = dict(
    type='ResNet',
    depth=18,
    base_channels=8,
    strides=(1, 2, 2, 1),
    dilations=(1, 1, 1, 2),
    out_indices=(3,),
    frozen_stages=1,
    norm_cfg=dict(type='BN', requires_grad=False),
    norm_eval=True,
    style='caffe',
)


def test_dilated_c5():
    net = MODELS.build(dict(_DILATED_C5))
    net.train()
    out = net(torch.randn(1, 3, 64, 96))
    assert [tuple(o.shape) for o in out] == [(1, 64, 4, 6)]  # stride 16
    assert net.layer4[0].conv1.dilation == (2, 2)
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not any(m.training or m.weight.requires_grad for m in norms)
    out[0].sum().backward()
    assert net.conv1.weight.grad is None and net.layer1[0].conv1.weight.grad is None
    assert net.layer4[0].conv1.weight.grad.abs().sum() > 0
