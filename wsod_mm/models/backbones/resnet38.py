"""Wide ResNet-38, model A1: pre-activation blocks, stride 8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.registry import MODELS

__all__ = ['ResNet38']

#: name of the stage's first block, blocks, (first input, middle, output), stride, dilations of the first block's two
#: convolutions, dilation of the later blocks'
_STAGES = (
    ('b2', 3, (64, 128, 128), 2, (1, 1), 1),
    ('b3', 3, (128, 256, 256), 2, (1, 1), 1),
    ('b4', 6, (256, 512, 512), 2, (1, 1), 1),
    ('b5', 3, (512, 512, 1024), 1, (1, 2), 2),
)
#: name, channels of the input and after each convolution
_BOTTLENECKS = (('b6', (1024, 512, 1024, 2048)), ('b7', (2048, 1024, 2048, 4096)))
#: block whose activated input is a tap
_TAP_BLOCKS = {'b5': 'conv4', 'b6': 'conv5'}


@MODELS.register_module()
class ResNet38(BaseModule):
    """Wide ResNet-38 (model A1) of AffinityNet; layers carry the names of the published weights.

    Batch norm keeps its statistics, its scale and its shift as they are in the file of weights, also in training,
    unless ``norm_frozen`` is switched off.

    Source: Wu, Shen, van den Hengel, "Wider or Deeper", model A; AffinityNet, section 4.1, and the public code.

    Args:
        out_indices: Which of the taps conv4, conv5 and conv6 (the end) are returned, ascending indices 0..2.
        frozen_stages: The first so many of conv1a, b2, b3, ... b7 get no gradient and run without a graph; 2 in the
            public code.
        norm_frozen: Whether all batch norms are frozen. False trains them, for training from nothing.
        dropouts: Probability of dropping a channel before the last two convolutions of b6, and of b7.
        width_mult: Factor on the channels, for tests and small data; published weights need 1.
        init_cfg: MMEngine initialisation; the default is Kaiming normal.

    Attributes:
        tap_channels: Channels of conv4, conv5 and conv6: 512, 1024, 4096 at full width.
        out_channels: Channels of each output.

    Raises:
        ValueError: An argument is out of range.
    """

    TAPS = ('conv4', 'conv5', 'conv6')

    def __init__(
        self,
        out_indices: Sequence[int] = (0, 1, 2),
        frozen_stages: int = 2,
        norm_frozen: bool = True,
        dropouts: Sequence[float] = (0.3, 0.5),
        width_mult: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_in'),
                dict(type='Constant', layer='BatchNorm2d', val=1.0),
            ]
        super().__init__(init_cfg)
        if not out_indices or list(out_indices) != sorted(set(out_indices)) or not set(out_indices) <= {0, 1, 2}:
            raise ValueError(f'out_indices={tuple(out_indices)!r}: ascending indices of the taps {self.TAPS}')
        if not 0 <= frozen_stages <= 7:
            raise ValueError(f'frozen_stages={frozen_stages!r}: must lie in [0, 7]')
        if len(dropouts) != 2:
            raise ValueError(f'dropouts={tuple(dropouts)!r}: give one of b6 and one of b7')
        if width_mult <= 0:
            raise ValueError(f'width_mult={width_mult!r}: must be positive')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_frozen = norm_frozen

        def scaled(channels: int) -> int:
            return max(1, int(channels * width_mult))

        self.conv1a = nn.Conv2d(3, scaled(64), 3, padding=1, bias=False)
        #: names of the blocks per stage; conv1a is the first stage
        self._stages: list[list[str]] = [['conv1a']]
        for name, count, widths, stride, dilations, later in _STAGES:
            first, middle, out = (scaled(width) for width in widths)
            names = [name, *(f'{name}_{number}' for number in range(1, count))]
            self.add_module(name, _ResidualBlock(first, middle, out, stride, dilations))
            for other in names[1:]:
                self.add_module(other, _ResidualBlock(out, middle, out, 1, (later, later)))
            self._stages.append(names)
        for (name, widths), dropout in zip(_BOTTLENECKS, dropouts, strict=True):
            self.add_module(name, _Bottleneck(tuple(scaled(width) for width in widths), 4, dropout))
            self._stages.append([name])
        self.bn7 = nn.BatchNorm2d(scaled(4096))
        self.tap_channels = (scaled(512), scaled(1024), scaled(4096))
        self.out_channels = tuple(self.tap_channels[index] for index in self.out_indices)
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            x: float ``[N, 3, H, W]``: RGB / 255, minus the mean (0.485, 0.456, 0.406), over the standard deviation
                (0.229, 0.224, 0.225).

        Returns:
            One map ``[N, C, ceil(H / 8), ceil(W / 8)]`` per entry of ``out_indices``, after its ReLU.
        """
        taps = {}
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages < 1):
            x = self.conv1a(x)
        for number, names in enumerate(self._stages[1:], start=2):
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages < number):
                for name in names:
                    x, activated = self.get_submodule(name)(x)
                    if name in _TAP_BLOCKS:
                        taps[_TAP_BLOCKS[name]] = activated
        taps['conv6'] = F.relu(self.bn7(x))
        return tuple(taps[self.TAPS[index]] for index in self.out_indices)

    def train(self, mode: bool = True) -> ResNet38:
        """Switch the mode; frozen batch norms keep using their running statistics."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        for names in self._stages[: self.frozen_stages]:
            for name in names:
                module = self.get_submodule(name)
                module.eval()
                module.requires_grad_(False)
        if self.norm_frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
                    module.requires_grad_(False)


class _ResidualBlock(nn.Module):
    """Two 3x3 convolutions after their batch norms and ReLUs; gives its output and its activated input."""

    def __init__(self, inputs: int, middle: int, outputs: int, stride: int, dilations: tuple[int, int]) -> None:
        super().__init__()
        first, second = dilations
        self.bn_branch2a = nn.BatchNorm2d(inputs)
        self.conv_branch2a = nn.Conv2d(inputs, middle, 3, stride, padding=first, dilation=first, bias=False)
        self.bn_branch2b1 = nn.BatchNorm2d(middle)
        self.conv_branch2b1 = nn.Conv2d(middle, outputs, 3, padding=second, dilation=second, bias=False)
        self.conv_branch1 = None
        if inputs != outputs or stride != 1:
            self.conv_branch1 = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        activated = F.relu(self.bn_branch2a(x))
        shortcut = x if self.conv_branch1 is None else self.conv_branch1(activated)
        x = F.relu(self.bn_branch2b1(self.conv_branch2a(activated)))
        return shortcut + self.conv_branch2b1(x), activated


class _Bottleneck(nn.Module):
    """1x1, dilated 3x3 and 1x1 convolution; gives its output and its activated input."""

    def __init__(self, widths: tuple[int, int, int, int], dilation: int, dropout: float) -> None:
        super().__init__()
        inputs, first, second, outputs = widths
        self.dropout = dropout
        self.bn_branch2a = nn.BatchNorm2d(inputs)
        self.conv_branch2a = nn.Conv2d(inputs, first, 1, bias=False)
        self.bn_branch2b1 = nn.BatchNorm2d(first)
        self.conv_branch2b1 = nn.Conv2d(first, second, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn_branch2b2 = nn.BatchNorm2d(second)
        self.conv_branch2b2 = nn.Conv2d(second, outputs, 1, bias=False)
        self.conv_branch1 = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        activated = F.relu(self.bn_branch2a(x))
        x = self.conv_branch2a(activated)
        x = F.dropout2d(F.relu(self.bn_branch2b1(x)), self.dropout, self.training)
        x = self.conv_branch2b1(x)
        x = F.dropout2d(F.relu(self.bn_branch2b2(x)), self.dropout, self.training)
        return self.conv_branch1(activated) + self.conv_branch2b2(x), activated
