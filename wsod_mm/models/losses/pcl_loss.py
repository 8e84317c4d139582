"""Refinement loss of PCL."""

from torch import Tensor

from wsod_mm.functional.cluster_loss import pcl_loss
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment
from wsod_mm.models.losses.assigned_loss import AssignedLoss
from wsod_mm.registry import MODELS

__all__ = ['PCLLoss']


@MODELS.register_module()
class PCLLoss(AssignedLoss):
    """One cross entropy per proposal cluster, and one per background proposal; same contract as
    :class:`~wsod_mm.models.losses.OICRLoss`.

    Args:
        fg_iou: IoU with a seed from which a proposal belongs to its cluster.
        ignore_iou: Proposals with a lower IoU have no loss (public PCL code: 0.1; 0 = off).
        eps: Lower limit inside the logarithms.
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch.
    """

    def __init__(
        self,
        fg_iou: float = 0.5,
        ignore_iou: float = 0.1,
        eps: float = 1e-9,
        loss_weight: float = 1.0,
        first_branch_weight: float = 1.0,
    ) -> None:
        super().__init__(fg_iou, ignore_iou, eps, loss_weight, first_branch_weight)

    def forward(self, logits: Tensor, assignment: Assignment, seeds: Seeds, branch: int) -> Tensor:
        """Loss of one branch on one image; with V views a cluster holds its proposals in all of them.

        Args:
            logits: ``[V * P, C + 1]`` float, scores of this branch before the softmax, background in column 0.
            assignment: Of the same rows.
            seeds: Pseudo ground truth that the assignment points to.
            branch: 0-based number of the branch.

        Returns:
            Scalar.
        """
        probs = logits.float().softmax(dim=1)
        loss = pcl_loss(
            probs, assignment.labels, assignment.weights, assignment.seed_index, len(seeds.labels), self.eps
        )
        return self.factor(branch) * loss
