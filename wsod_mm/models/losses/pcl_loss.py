"""Refinement loss of PCL."""

from torch import Tensor, nn

from wsod_mm.functional.cluster_loss import pcl_loss
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment, assign_seeds
from wsod_mm.registry import MODELS

__all__ = ['PCLLoss']


@MODELS.register_module()
class PCLLoss(nn.Module):
    """One cross entropy per proposal cluster, and one per background proposal; same contract as
    :class:`~wsod_mm.models.losses.OICRLoss`.

    Args:
        fg_iou: IoU with a seed from which a proposal belongs to its cluster.
        ignore_iou: Proposals with a lower IoU have no loss (public PCL code: 0.1; 0 = off).
        eps: Lower limit inside the logarithms.
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch.
    """

    sampled = False

    def __init__(
        self,
        fg_iou: float = 0.5,
        ignore_iou: float = 0.1,
        eps: float = 1e-9,
        loss_weight: float = 1.0,
        first_branch_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.fg_iou = fg_iou
        self.ignore_iou = ignore_iou
        self.eps = eps
        self.loss_weight = loss_weight
        self.first_branch_weight = first_branch_weight

    def assign(self, boxes: Tensor, seeds: Seeds) -> Assignment:
        """Assign ``[P, 4]`` proposals of one image to its seeds."""
        return assign_seeds(boxes, seeds, self.fg_iou, self.ignore_iou)

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
        return self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0) * loss
