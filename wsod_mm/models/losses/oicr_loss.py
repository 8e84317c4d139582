"""Refinement loss of OICR."""

from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment, assign_seeds, oicr_loss
from wsod_mm.registry import MODELS

__all__ = ['OICRLoss']


@MODELS.register_module()
class OICRLoss(nn.Module):
    """Label all proposals from the seeds and take the weighted cross entropy of one refinement branch.

    The contract of all refinement losses, for one image: ``assign`` says what every proposal should be, and ``forward``
    compares the scores of a branch with that, in as many views as there are rows for.

    Args:
        fg_iou: IoU with a seed from which a proposal is foreground.
        ignore_iou: Proposals with a lower IoU have no loss ("ignore trick": public PCL code 0.1; OICR paper 0 = off).
        norm: ``'all'``: mean over all proposals; ``'valid'``: over those with a weight.
        eps: Added inside the logarithm.
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch (public PCL code: 3; OICR paper: 1).
    """

    sampled = False

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

    def assign(self, boxes: Tensor, seeds: Seeds) -> Assignment:
        """Assign ``[P, 4]`` proposals (inclusive corners) of one image to its seeds."""
        return assign_seeds(boxes, seeds, self.fg_iou, self.ignore_iou)

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
        return self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0) * loss
