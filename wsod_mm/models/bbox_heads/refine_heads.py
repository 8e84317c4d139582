"""Classifiers of the refinement branches."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.registry import MODELS

__all__ = ['RefineHeads']


@MODELS.register_module()
class RefineHeads(BaseModule):
    """K linear classifiers over C + 1 classes on the shared RoI features (OICR paper, section 3.2).

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background; column 0 of the logits is background.
        num_branches: K. OICR, PCL: 3; CASD: 2.
        std: Standard deviation of the initial weights.
        init_cfg: MMEngine's initialisation, instead of the one above.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_branches: int = 3,
        std: float = 0.01,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Normal', layer='Linear', std=std))
        self.num_classes = num_classes
        self.branches = nn.ModuleList(nn.Linear(in_channels, num_classes + 1) for _ in range(num_branches))

    def forward(self, features: Tensor) -> list[Tensor]:
        """Classify RoIs.

        Args:
            features: ``[R, in_channels]``.

        Returns:
            K tensors ``[R, C + 1]``: probabilities in float32, background in column 0.
        """
        return [self.logits(features, k).float().softmax(dim=1) for k in range(len(self.branches))]

    def logits(self, features: Tensor, branch: int) -> Tensor:
        """Logits ``[R, C + 1]`` of one branch (0-based) on ``features [R, in_channels]``."""
        return self.branches[branch](features)
