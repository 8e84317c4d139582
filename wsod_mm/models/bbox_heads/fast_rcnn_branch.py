"""Fast R-CNN on pseudo ground truth."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.registry import MODELS

__all__ = ['FastRCNNBranch']


@MODELS.register_module()
class FastRCNNBranch(BaseModule):
    """A classifier and a class-specific box regressor of its own, trained on the seeds of the last refinement branch.

    Source: public code (PCL), with its initial weights.

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background; here column 0 of the logits is background.
        cls_std: Standard deviation of the initial weights of the classifier.
        bbox_std: The same for the regressor.
        bbox_background: Whether background has four deltas of its own.
        init_cfg: MMEngine's initialisation, instead of the one above.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        cls_std: float = 0.01,
        bbox_std: float = 0.001,
        bbox_background: bool = True,
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
        self.fc_reg = nn.Linear(in_channels, 4 * (num_classes + bbox_background))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Classify and regress RoIs.

        Args:
            features: ``[R, in_channels]``.

        Returns:
            Logits ``[R, C + 1]`` and deltas ``[R, 4 * (C + 1)]`` (``[R, 4 C]`` without those of background), (dx, dy,
            dw, dh) of every class.
        """
        return self.fc_cls(features), self.fc_reg(features)
