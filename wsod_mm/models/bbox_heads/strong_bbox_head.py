"""Last layers of the strong branch of Collaborative Learning."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.registry import MODELS

__all__ = ['StrongBBoxHead']


@MODELS.register_module()
class StrongBBoxHead(BaseModule):
    """A classifier and a class-specific box regressor, in MMDetection's layout: background is the last column.

    Source of the initial weights: public code (Collaborative Learning), whose background comes first and has four
    deltas of its own.

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background.
        cls_std: Standard deviation of the initial weights of the classifier.
        bbox_std: The same for the regressor.
        init_cfg: MMEngine's initialisation, instead of the one above.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        cls_std: float = 0.01,
        bbox_std: float = 0.001,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            init_cfg=init_cfg
            or [
                dict(type='Normal', std=cls_std, override=dict(name='fc_cls')),
                dict(type='Normal', std=bbox_std, override=dict(name='fc_reg')),
            ]
        )
        self.num_classes = num_classes
        self.fc_cls = nn.Linear(in_channels, num_classes + 1)
        self.fc_reg = nn.Linear(in_channels, 4 * num_classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Classify and regress RoIs.

        Args:
            features: ``[R, in_channels]``.

        Returns:
            Logits ``[R, C + 1]`` and deltas ``[R, 4 C]`` (dx, dy, dw, dh) of every class.
        """
        return self.fc_cls(features), self.fc_reg(features)
