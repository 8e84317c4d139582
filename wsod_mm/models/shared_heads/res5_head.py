"""ResNet's last stage as the layers between pooled features and predictors."""

from mmdet.models.roi_heads.shared_heads import ResLayer
from torch import Tensor

from wsod_mm.registry import MODELS

__all__ = ['SharedRes5Head']


@MODELS.register_module()
class SharedRes5Head(ResLayer):
    """MMDetection's ``ResLayer``, frozen BatchNorm included, followed by the mean over the bins.

    The tail of the ResNet variants of collaborative learning (``stride=1``, ``style='caffe'``).

    Args:
        depth: 50, 101 or 152.
        stride: Stride of the stage's first block.
        style: ``'caffe'`` puts the stride on the 1x1 convolution, ``'pytorch'`` on the 3x3.
        **kwargs: As for ``ResLayer``.

    Attributes:
        out_channels: Channels of the output.
    """

    def __init__(self, depth: int, stride: int = 1, style: str = 'caffe', **kwargs) -> None:
        kwargs.setdefault('norm_cfg', dict(type='BN', requires_grad=False))
        super().__init__(depth, stride=stride, style=style, **kwargs)
        last = getattr(self, f'layer{self.stage + 1}')[-1]
        self.out_channels = last.planes * last.expansion

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features ``[R, C, h, w]`` to ``[R, out_channels]``."""
        return super().forward(x).mean(dim=(2, 3))
