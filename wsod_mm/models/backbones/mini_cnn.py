"""A small convolutional body for experiments that must finish in minutes on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from wsod_mm.registry import MODELS

__all__ = ['MiniCNN']


@MODELS.register_module()
class MiniCNN(BaseModule):
    """Stages of 3x3 convolution, batch norm and ReLU; stride 8 with the default arguments.

    The defaults learn the six classes of MiniVOC from nothing in about two minutes on one core.

    Args:
        in_channels: Channels of the input.
        channels: Output channels per stage.
        strides: Stride of the first convolution per stage.
        depths: Convolutions per stage.
        dilations: Dilation of the convolutions per stage.
        out_indices: Stages whose outputs are returned, in this order.
        frozen_stages: Number of stages, from the first, whose weights and batch statistics stay as
            they are; -1 or 0 for none.
        norm_eval: Whether batch norm uses its running statistics everywhere, also in training.
        init_cfg: See :class:`mmengine.model.BaseModule`; by default Kaiming normal, fan out.

    Raises:
        ValueError: Stage settings of different lengths, an index or a number of frozen stages out
            of range.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: Sequence[int] = (24, 48, 64, 96, 128),
        strides: Sequence[int] = (2, 2, 2, 1, 1),
        depths: Sequence[int] = (1, 1, 1, 1, 1),
        dilations: Sequence[int] = (1, 1, 1, 1, 1),
        out_indices: Sequence[int] = (4,),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
                dict(type='Constant', layer='BatchNorm2d', val=1.0),
            ]
        super().__init__(init_cfg)
        count = len(channels)
        settings = {'strides': strides, 'depths': depths, 'dilations': dilations}
        for name, values in settings.items():
            if len(values) != count:
                raise ValueError(f'{name}={tuple(values)!r}: give {count} values, as many as channels')
        if not out_indices or not all(0 <= index < count for index in out_indices):
            raise ValueError(f'out_indices={tuple(out_indices)!r}: must name stages 0 to {count - 1}')
        if not -1 <= frozen_stages <= count:
            raise ValueError(f'frozen_stages={frozen_stages!r}: must lie in [-1, {count}]')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.stages = nn.ModuleList()
        width = in_channels
        for out, stride, depth, dilation in zip(channels, strides, depths, dilations, strict=True):
            self.stages.append(_stage(width, out, stride, depth, dilation))
            width = out
        self._freeze()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Compute the feature maps.

        Args:
            x: float ``[N, in_channels, H, W]``.

        Returns:
            One float ``[N, channels[i], ceil(H / s_i), ceil(W / s_i)]`` per entry of
            ``out_indices``, ``s_i`` being the product of the strides up to stage i.
        """
        outputs = {}
        for index, stage in enumerate(self.stages):
            # nothing below needs a gradient, so none of its activations is kept
            with torch.set_grad_enabled(torch.is_grad_enabled() and index >= self.frozen_stages):
                x = stage(x)
            outputs[index] = x
        return tuple(outputs[index] for index in self.out_indices)

    def train(self, mode: bool = True) -> MiniCNN:
        """Switch the mode; frozen stages, or all with ``norm_eval``, keep their statistics."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def _freeze(self) -> None:
        for stage in self.stages[: max(self.frozen_stages, 0)]:
            stage.eval()
            for parameter in stage.parameters():
                parameter.requires_grad_(False)


def _stage(width: int, out: int, stride: int, depth: int, dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(depth):
        step = stride if number == 0 else 1
        layers += [
            nn.Conv2d(width, out, 3, step, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        ]
        width = out
    return nn.Sequential(*layers)
