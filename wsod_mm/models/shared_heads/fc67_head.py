"""The two fully connected layers (VGG's fc6, fc7) between pooled features and predictors."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from wsod_mm.registry import MODELS

__all__ = ['SharedFC67Head']


@MODELS.register_module()
class SharedFC67Head(BaseModule):
    """Flatten, then twice linear, ReLU and dropout.

    Weights of VGG16 come from a converted file (``tools/convert_weights.py``): the detector's
    ``load_from``, or for this head alone ``init_cfg=dict(type='Pretrained', checkpoint=FILE,
    prefix='roi_head.shared_head.')``.

    Args:
        in_channels: Channels of the pooled features; VGG16's 512.
        roi_feat_size: Rows and columns of the pooled features; VGG16's 7.
        fc_channels: Outputs of fc6 and fc7; VGG16's 4096.
        dropout: Probability of dropping a unit in training: 0.5 in OICR and CASD, 0 in PCL's code.
        chunk_size: Take at most so many rows at a time. In training, a chunk's activations are
            computed again in the backward pass instead of being kept. Dropout masks are drawn for
            all rows at once, so that results do not depend on it (up to the rounding of the BLAS).
        init_cfg: MMEngine initialisation; the default is Xavier with zero biases.

    Attributes:
        out_channels: Channels of the output.
    """

    def __init__(
        self,
        in_channels: int = 512,
        roi_feat_size: int | tuple[int, int] = 7,
        fc_channels: tuple[int, int] = (4096, 4096),
        dropout: float = 0.5,
        chunk_size: int | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(type='Xavier', layer='Linear', distribution='uniform')
        super().__init__(init_cfg)
        if len(fc_channels) != 2:
            raise ValueError(f'fc_channels needs the widths of fc6 and fc7, got {fc_channels}')
        if not 0 <= dropout < 1:
            raise ValueError(f'dropout must be in [0, 1), got {dropout}')
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f'chunk_size must be positive or None, got {chunk_size}')
        rows, cols = (roi_feat_size,) * 2 if isinstance(roi_feat_size, int) else roi_feat_size
        self.in_shape = (in_channels, rows, cols)
        self.fc6 = nn.Linear(in_channels * rows * cols, fc_channels[0])
        self.fc7 = nn.Linear(fc_channels[0], fc_channels[1])
        self.dropout = dropout
        self.chunk_size = chunk_size
        self.out_channels = fc_channels[1]

    def forward(self, x: Tensor) -> Tensor:
        """Features of every RoI.

        Args:
            x: Pooled features ``[R, in_channels, roi_feat_size, roi_feat_size]``.

        Returns:
            ``[R, fc_channels[1]]``.

        Raises:
            ValueError: ``x`` has another shape.
        """
        if tuple(x.shape[1:]) != self.in_shape:
            raise ValueError(
                f'pooled features are {tuple(x.shape[1:])} per RoI, the head was '
                f'configured for {self.in_shape} (in_channels, roi_feat_size)'
            )
        x = x.flatten(1)
        masks = self._draw_masks(x)
        if self.chunk_size is None or len(x) <= self.chunk_size:
            return self._layers(x, *masks)
        outputs = []
        for begin in range(0, len(x), self.chunk_size):
            part = slice(begin, begin + self.chunk_size)
            inputs = (x[part], *(None if mask is None else mask[part] for mask in masks))
            if torch.is_grad_enabled():
                outputs.append(checkpoint(self._layers, *inputs, use_reentrant=False, preserve_rng_state=False))
            else:
                outputs.append(self._layers(*inputs))
        return torch.cat(outputs)

    def hidden(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both layers as in testing, whatever the mode: no dropout, no chunks.

        Args:
            x: Pooled features ``[R, in_channels, roi_feat_size, roi_feat_size]``.

        Returns:
            ``[R, fc_channels[0]]`` and ``[R, fc_channels[1]]``, after ReLU.
        """
        hidden6 = F.relu(self.fc6(x.flatten(1)))
        return hidden6, F.relu(self.fc7(hidden6))

    def _draw_masks(self, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if not self.training or self.dropout == 0:
            return None, None
        masks = (x.new_empty(len(x), fc.out_features, dtype=torch.bool) for fc in (self.fc6, self.fc7))
        mask6, mask7 = (mask.bernoulli_(1 - self.dropout) for mask in masks)
        return mask6, mask7

    def _layers(self, x: Tensor, mask6: Tensor | None, mask7: Tensor | None) -> Tensor:
        for layer, mask in ((self.fc6, mask6), (self.fc7, mask7)):
            x = layer(x)
            x = F.relu(x) if mask is None else _ReLUDropout.apply(x, mask, 1 - self.dropout)
        return x


class _ReLUDropout(torch.autograd.Function):
    """``relu(x) * mask / keep``, which needs nothing but its result for the backward pass.

    The next layer keeps that anyway, so that in training the result of the ReLU and the mask take no memory.
    """

    @staticmethod
    def forward(ctx, x: Tensor, mask: Tensor, keep: float) -> Tensor:
        out = F.relu(x).mul_(mask).div_(keep)
        ctx.save_for_backward(out)
        ctx.keep = keep
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        (out,) = ctx.saved_tensors
        return torch.where(out > 0, grad / ctx.keep, 0.0), None, None
