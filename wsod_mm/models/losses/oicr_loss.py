"""Refinement loss of OICR."""

from torch import Tensor

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment, oicr_loss
from wsod_mm.models.losses.assigned_loss import AssignedLoss
from wsod_mm.registry import MODELS

__all__ = ['OICRLoss']


@MODELS.register_module()
class OICRLoss(AssignedLoss):
    """Label all proposals from the seeds and take the weighted cross entropy of one refinement branch.

    Args:
        fg_iou: IoU with a seed from which a proposal is foreground.
        ignore_iou: Proposals with a lower IoU have no loss ("ignore trick": public PCL code 0.1; OICR paper 0 = off).
        norm: ``'all'``: mean over all proposals; ``'valid'``: over those with a weight.
        eps: Added inside the logarithm.
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch (public PCL code: 3; OICR paper: 1).
    """

    def __init__(
        self,
        fg_iou: float = 0.5,
        ignore_iou: float = 0.0,
        norm: str = 'all',
        eps: float = 1e-6,
        loss_weight: float = 1.0,
        first_branch_weight: float = 1.0,
    ) -> None:
        super().__init__(fg_iou, ignore_iou, eps, loss_weight, first_branch_weight)
        self.norm = norm

    def forward(self, logits: Tensor, assignment: Assignment, seeds: Seeds, branch: int) -> Tensor:
        """Loss of one branch on one image.

        Args:
            logits: ``[V * P, C + 1]`` float, scores of this branch before the softmax, background in column 0.
            assignment: Of the same rows: repeated where there are V > 1 views.
            seeds: Pseudo ground truth that the assignment points to; not used here.
            branch: 0-based number of the branch.

        Returns:
            Scalar, with the factors of the constructor.
        """
        probs = logits.float().softmax(dim=1)
        loss = oicr_loss(probs, assignment.labels, assignment.weights, self.norm, self.eps)
        return self.factor(branch) * loss
