"""ResNet's last stage as shared head."""

import torch

from wsod_mm.registry import MODELS


def test_res5_head():
    head = MODELS.build(dict(type='SharedRes5Head', depth=50))
    head.init_weights()
    head.train()
    x = torch.randn(2, 1024, 7, 7)
    out = head(x)
    assert out.shape == (2, 2048) and head.out_channels == 2048
    torch.testing.assert_close(out, head.layer4(x).mean(dim=(2, 3)))
    assert head.layer4(x).shape[-1] == 7  # stride 1
    assert not any(
        p.requires_grad for m in head.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters()
    )
    assert not any(m.training for m in head.modules() if isinstance(m, torch.nn.BatchNorm2d))
