"""VGG16's convolutions."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.registry import MODELS

__all__ = ['VGG16']

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@MODELS.register_module()
class VGG16(BaseModule):
    """VGG16 up to conv5_3, without the last pooling; modules numbered as torchvision's
    ``features``.

    Args:
        stride: 8 (OICR, PCL, MIST: no pool4, conv5 dilated by 2) or 16 (CASD, collaborative
            learning: pool4 kept, no dilation).
        frozen_stages: The first so many stages get no gradient and run without a graph: 2 in the
            papers (conv1 and conv2), 5 freezes the body (DRN-WSOD), 0 trains all.
        out_blocks: Blocks (1..5, ascending) whose last convolution, after its ReLU and before the pooling, is
            returned: (5,) for all but CASD's layer-wise distillation, which wants (2, 3, 4, 5).
        width_mult: Factor on the channels, for tests and small data; pre-trained weights need 1.
        init_cfg: MMEngine initialisation; the default is Kaiming with zero biases. VGG16's weights:
            the model's ``load_from``, or ``dict(type='Pretrained', checkpoint=FILE,
            prefix='backbone.')`` with a file made by ``tools/convert_weights.py``.

    Attributes:
        out_channels: Channels of the output, 512 at full width.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        stride: int = 8,
        frozen_stages: int = 2,
        out_blocks: Sequence[int] = (5,),
        width_mult: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(type='Kaiming', layer='Conv2d', mode='fan_in')
        super().__init__(init_cfg)
        if stride not in (8, 16):
            raise ValueError(f'VGG16 has stride 8 or 16, got {stride}')
        if not 0 <= frozen_stages <= len(_STAGES):
            raise ValueError(f'frozen_stages must be 0..{len(_STAGES)}, got {frozen_stages}')
        if not out_blocks or list(out_blocks) != sorted(set(out_blocks)) or not set(out_blocks) <= {1, 2, 3, 4, 5}:
            raise ValueError(f'out_blocks must be ascending numbers of blocks, 1..5, got {tuple(out_blocks)}')
        if width_mult <= 0:
            raise ValueError(f'width_mult must be positive, got {width_mult}')
        self.stride = stride
        layers: list[nn.Module] = []
        ends, block_ends = [0], []
        channels = 3
        for stage, (width, convs) in enumerate(_STAGES, start=1):
            width = max(1, int(width * width_mult))
            dilation = 2 if stage == 5 and stride == 8 else 1
            for _ in range(convs):
                layers += [nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
                channels = width
            block_ends.append(len(layers))
            if stage < 4 or (stage == 4 and stride == 16):
                layers.append(nn.MaxPool2d(2, 2))
            elif stage == 4:
                layers.append(nn.Identity())  # keeps the numbers of conv5 in the state dict
            ends.append(len(layers))
        self.features = nn.Sequential(*layers)
        self.out_channels = channels
        self.frozen_stages = frozen_stages
        self._frozen_layers = ends[frozen_stages]
        self.features[: self._frozen_layers].requires_grad_(False)
        self._outputs = [block_ends[block - 1] for block in out_blocks]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of a batch.

        Args:
            x: ``[N, 3, H, W]``, normalised as the weights want it (caffe's: BGR 0-255 minus mean).

        Returns:
            One map per entry of ``out_blocks``; block 5's is ``[N, out_channels, H // stride, W // stride]``.
        """
        outputs, begin = [], 0
        for end in self._outputs:
            frozen = min(max(self._frozen_layers, begin), end)
            with torch.no_grad():
                x = self.features[begin:frozen](x)
            x = self.features[frozen:end](x)
            outputs.append(x)
            begin = end
        return tuple(outputs)
