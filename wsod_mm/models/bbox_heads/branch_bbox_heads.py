"""Box regressors of the refinement branches."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.registry import MODELS

__all__ = ['BranchBBoxHeads']


@MODELS.register_module()
class BranchBBoxHeads(BaseModule):
    """K linear, class-specific box regressors on the RoI features, one for every refinement branch.

    Source: public codes (MIST in wetectron; CASD, branch may30).

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background.
        num_branches: K. MIST: 3; CASD: 2.
        std: Standard deviation of the initial weights.
        init_cfg: MMEngine's initialisation, instead of the one above.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_branches: int = 2,
        std: float = 0.001,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Normal', layer='Linear', std=std))
        self.num_classes = num_classes
        self.num_branches = num_branches
        self.branches = nn.ModuleList(nn.Linear(in_channels, 4 * (num_classes + 1)) for _ in range(num_branches))

    def forward(self, features: Tensor, branch: int) -> Tensor:
        """Regress RoIs; the branches may have different features (Inverted Attention masks them).

        Args:
            features: ``[R, in_channels]``.
            branch: 0-based number of the branch.

        Returns:
            ``[R, 4 * (C + 1)]``: deltas (dx, dy, dw, dh) of every class; columns 0..3 belong to background.
        """
        return self.branches[branch](features)
