"""Head that predicts the loss of an image."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.loss_prediction import loss_prediction_loss
from wsod_mm.registry import MODELS

__all__ = ['LossPredictionHead']


@MODELS.register_module()
class LossPredictionHead(BaseModule):
    """Loss prediction module of "Learning Loss for Active Learning" (Yoo & Kweon, CVPR 2019, section 3.2).

    Each level: global average pooling, a fully connected layer, ReLU. All levels together: a fully connected layer
    with one output. Computed in float32. Padding counts in the pooling.

    Args:
        in_channels: Channels of each level, for instance ``[256] * 5``.
        feat_channels: Outputs of the layer of each level. (Paper: 128.)
        margin: See :func:`~wsod_mm.functional.loss_prediction.loss_prediction_loss`. (Paper: 1.)
        loss_weight: Factor of the loss. (Paper: 1.)
        init_cfg: MMEngine's initialisation; ``None``: that of PyTorch.

    Raises:
        ValueError: Without any level.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        feat_channels: int = 128,
        margin: float = 1.0,
        loss_weight: float = 1.0,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if isinstance(in_channels, int) or not len(in_channels):
            raise ValueError(f'in_channels: give the channels of every level, as in [256] * 5, got {in_channels!r}')
        self.margin, self.loss_weight = margin, loss_weight
        self.fcs = nn.ModuleList(nn.Linear(channels, feat_channels) for channels in in_channels)
        self.fc_loss = nn.Linear(feat_channels * len(self.fcs), 1)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Predict losses.

        Args:
            x: Features per level, ``[B, channels, H_l, W_l]``.

        Returns:
            ``[B]`` float32. Only their order has a meaning.

        Raises:
            ValueError: For another number of levels.
        """
        if len(x) != len(self.fcs):
            raise ValueError(f'in_channels has {len(self.fcs)} levels, but the features have {len(x)}: make them equal')
        with torch.autocast(x[0].device.type, enabled=False):
            levels = [fc(level.float().mean(dim=(2, 3))).relu() for fc, level in zip(self.fcs, x, strict=True)]
            return self.fc_loss(torch.cat(levels, dim=1))[:, 0]

    def loss(self, x: Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Loss of a batch.

        Args:
            x: Features per level.
            target: ``[B]`` float, the losses of the images.

        Returns:
            ``loss_pred``, a scalar.
        """
        return dict(loss_pred=self.loss_weight * loss_prediction_loss(self(x), target, self.margin))
