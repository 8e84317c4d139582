"""Image-level loss of WSDDN."""

from typing import ClassVar

from torch import Tensor, nn

from wsod_mm.functional.mil import mil_bce_loss
from wsod_mm.registry import MODELS

__all__ = ['MILBCELoss']


@MODELS.register_module()
class MILBCELoss(nn.Module):
    """Binary cross entropy of image scores, :func:`~wsod_mm.functional.mil.mil_bce_loss` with a weight.

    Args:
        reduction: ``'mean'`` (public codes) or ``'sum'`` (papers) over the classes.
        eps: Image scores are clamped to [eps, 1 - eps].
        loss_weight: Factor of the loss. The public code of PCL uses 4 on COCO's 80 classes.
    """

    source: ClassVar[str] = 'image_scores'
    """The field of :class:`~wsod_mm.models.bbox_heads.MILOutput` that the loss takes."""

    def __init__(self, reduction: str = 'mean', eps: float = 1e-6, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.reduction = reduction
        self.eps = eps
        self.loss_weight = loss_weight

    def forward(self, probs: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """Compare ``[N, C]`` image scores with ``[N, C]`` labels; ``weight`` 0 marks unknown labels."""
        return self.loss_weight * mil_bce_loss(probs, labels, weight, self.reduction, self.eps)
