"""Refinement loss of OICR."""

from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment, assign_seeds, oicr_loss
from wsod_mm.registry import MODELS

__all__ = ['OICRLoss']


@MODELS.register_module()
class OICRLoss(nn.Module):
    """Label all proposals from the seeds and take the weighted cross entropy of one refinement branch.

    The contract of all refinement losses: called with one image's boxes, branch probabilities and seeds, return the
    loss and the :class:`~wsod_mm.functional.refinement.Assignment` that it used.

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
        super().__init__()
        self.fg_iou = fg_iou
        self.ignore_iou = ignore_iou
        self.norm = norm
        self.eps = eps
        self.loss_weight = loss_weight
        self.first_branch_weight = first_branch_weight

    def forward(self, boxes: Tensor, probs: Tensor, seeds: Seeds, branch: int) -> tuple[Tensor, Assignment]:
        """Loss of one branch on one image.

        Args:
            boxes: ``[R, 4]`` float, proposals, inclusive corners.
            probs: ``[R, C + 1]`` float, probabilities of this branch, background in column 0.
            seeds: Pseudo ground truth mined from the previous branch.
            branch: 0-based number of the branch.

        Returns:
            Scalar loss and the assignment.
        """
        assignment = assign_seeds(boxes, seeds, self.fg_iou, self.ignore_iou)
        loss = oicr_loss(probs, assignment.labels, assignment.weights, self.norm, self.eps)
        factor = self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0)
        return factor * loss, assignment
