"""VGG16 as DeepLab-LargeFOV has it: convolutions to the end, stride 8, a wide fc6."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.registry import MODELS

__all__ = ['VGG16LargeFOV']

#: channels of a block's convolutions, their number, their dilation, stride of the pooling that follows
_BLOCKS = ((64, 2, 1, 2), (128, 2, 1, 2), (256, 3, 1, 2), (512, 3, 1, 1), (512, 3, 2, None))
_FC_CHANNELS = 1024


@MODELS.register_module()
class VGG16LargeFOV(BaseModule):
    """VGG16-LargeFOV of AffinityNet; layers carry the names of the published weights (``conv1_1`` ... ``fc7``).

    Every pooling is 3x3 with padding 1 (Caffe's DeepLab files), the one after conv4 has stride 1, and there is none
    after conv5, though the Caffe network has two there: the public code builds and never calls them.

    Source: AffinityNet, section 4.1, and the public code.

    Args:
        fc6_dilation: Dilation of fc6: 1 in the classifier, 4 in AffinityNet.
        out_indices: Which of the taps conv4, conv5 and conv5fc (the end) are returned, ascending indices 0..2.
        frozen_stages: The first so many blocks get no gradient and run without a graph: 2 in the public code, 5 all
            but fc6 and fc7.
        dropout: Probability of dropping a channel between fc6 and fc7.
        width_mult: Factor on the channels, for tests and small data; published weights need 1.
        init_cfg: MMEngine initialisation; the default is Kaiming normal with zero biases.

    Attributes:
        tap_channels: Channels of conv4, conv5 and conv5fc: 512, 512, 1024 at full width.
        out_channels: Channels of each output.

    Raises:
        ValueError: An argument is out of range.
    """

    TAPS = ('conv4', 'conv5', 'conv5fc')

    def __init__(
        self,
        fc6_dilation: int = 1,
        out_indices: Sequence[int] = (0, 1, 2),
        frozen_stages: int = 2,
        dropout: float = 0.5,
        width_mult: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(dict(type='Kaiming', layer='Conv2d', mode='fan_in') if init_cfg is None else init_cfg)
        if fc6_dilation < 1:
            raise ValueError(f'fc6_dilation={fc6_dilation!r}: must be at least 1')
        if not out_indices or list(out_indices) != sorted(set(out_indices)) or not set(out_indices) <= {0, 1, 2}:
            raise ValueError(f'out_indices={tuple(out_indices)!r}: ascending indices of the taps {self.TAPS}')
        if not 0 <= frozen_stages <= len(_BLOCKS):
            raise ValueError(f'frozen_stages={frozen_stages!r}: must lie in [0, {len(_BLOCKS)}]')
        if width_mult <= 0:
            raise ValueError(f'width_mult={width_mult!r}: must be positive')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.dropout = dropout
        width, channels = 3, 0
        widths = []
        for number, (channels, convs, dilation, _) in enumerate(_BLOCKS, start=1):
            channels = _scaled(channels, width_mult)
            for part in range(1, convs + 1):
                conv = nn.Conv2d(width, channels, 3, padding=dilation, dilation=dilation)
                conv.requires_grad_(number > frozen_stages)
                self.add_module(f'conv{number}_{part}', conv)
                width = channels
            widths.append(channels)
        last = _scaled(_FC_CHANNELS, width_mult)
        self.fc6 = nn.Conv2d(width, last, 3, padding=fc6_dilation, dilation=fc6_dilation)
        self.fc7 = nn.Conv2d(last, last, 1)
        self.tap_channels = (widths[3], widths[4], last)
        self.out_channels = tuple(self.tap_channels[index] for index in self.out_indices)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            x: float ``[N, 3, H, W]``: BGR, 0-255, minus the mean (104.008, 116.669, 122.675).

        Returns:
            One map ``[N, C, ceil(H / 8), ceil(W / 8)]`` per entry of ``out_indices``, after its ReLU.
        """
        taps = {}
        for number, (_, convs, _, stride) in enumerate(_BLOCKS, start=1):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number > self.frozen_stages):
                for part in range(1, convs + 1):
                    x = F.relu(self.get_submodule(f'conv{number}_{part}')(x))
                taps[f'conv{number}'] = x
                if stride is not None:
                    x = F.max_pool2d(x, 3, stride, padding=1)
        x = F.dropout2d(F.relu(self.fc6(x)), self.dropout, self.training)
        taps['conv5fc'] = F.relu(self.fc7(x))
        return tuple(taps[self.TAPS[index]] for index in self.out_indices)


def _scaled(channels: int, factor: float) -> int:
    return max(1, int(channels * factor))
