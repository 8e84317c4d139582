"""Image-level loss of ContextLocNet."""

from typing import ClassVar

from torch import Tensor, nn

from wsod_mm.functional.contrastive import mil_hinge_loss
from wsod_mm.registry import MODELS

__all__ = ['MILHingeLoss']


@MODELS.register_module()
class MILHingeLoss(nn.Module):
    """Hinge of raw image scores, :func:`~wsod_mm.functional.contrastive.mil_hinge_loss` with a weight.

    Args:
        normaliser: The sum over the classes is divided by this; ``None``: by C (ContextLocNet). Public code of MELM
            and CASD: 20, whatever C.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If ``normaliser`` is not positive.
    """

    source: ClassVar[str] = 'raw_scores'
    """The field of :class:`~wsod_mm.models.bbox_heads.MILOutput` that the loss takes."""

    def __init__(self, normaliser: float | None = None, loss_weight: float = 1.0) -> None:
        super().__init__()
        if normaliser is not None and normaliser <= 0:
            raise ValueError(f'normaliser must be positive, got {normaliser}')
        self.normaliser = normaliser
        self.loss_weight = loss_weight

    def forward(self, scores: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """Compare ``[N, C]`` raw image scores with ``[N, C]`` labels; ``weight`` 0 marks unknown labels."""
        return self.loss_weight * mil_hinge_loss(scores, labels, weight, self.normaliser)
