"""ResNet that also returns what comes out of its stem."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.models.backbones import ResNet
from torch import Tensor

from wsod_mm.registry import MODELS

__all__ = ['ResNetWithStem']


@MODELS.register_module()
class ResNetWithStem(ResNet):
    """MMDetection's ResNet whose first output is the stem's, after its max pooling; the others follow.

    IRN reads five maps off ResNet-50 (paper, section 4.1): the stem's and those of all four layers. Weights have
    MMDetection's and torchvision's names, so that a checkpoint of :class:`mmdet.models.ResNet` fits.

    Args:
        **kwargs: As :class:`mmdet.models.ResNet`; ``out_indices`` counts layers, and the stem comes besides.
            ``frozen_stages=4`` freezes everything, as IRN does; then no graph is kept.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.deep_stem:
            raise ValueError('ResNetWithStem has no deep stem; leave deep_stem out')

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps.

        Args:
            x: ``[N, 3, H, W]``.

        Returns:
            The stem's map ``[N, 64, ceil(H / 4), ceil(W / 4)]``, then one per entry of ``out_indices``.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages < 0):
            x = self.maxpool(self.relu(self.norm1(self.conv1(x))))
        outputs = [x]
        for index, name in enumerate(self.res_layers):
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages <= index):
                x = getattr(self, name)(x)
            if index in self.out_indices:
                outputs.append(x)
        return tuple(outputs)

    def train(self, mode: bool = True) -> ResNetWithStem:
        """Switch the mode; what is frozen stays so. (MMDetection's returns nothing.)"""
        super().train(mode)
        return self
