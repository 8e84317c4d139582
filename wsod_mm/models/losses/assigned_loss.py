"""What the refinement losses over all proposals share: the assignment and the weight of a branch."""

from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment, assign_seeds

__all__ = ['AssignedLoss']


class AssignedLoss(nn.Module):
    """Base of :class:`OICRLoss` and :class:`PCLLoss`; see there for the arguments.

    The contract of all refinement losses, for one image: ``assign`` says what every proposal should be, and ``forward``
    compares the scores of a branch with that, in as many views as there are rows for.
    """

    sampled = False

    def __init__(
        self, fg_iou: float, ignore_iou: float, eps: float, loss_weight: float, first_branch_weight: float
    ) -> None:
        super().__init__()
        self.fg_iou = fg_iou
        self.ignore_iou = ignore_iou
        self.eps = eps
        self.loss_weight = loss_weight
        self.first_branch_weight = first_branch_weight

    def assign(self, boxes: Tensor, seeds: Seeds) -> Assignment:
        """Assign ``[P, 4]`` proposals (inclusive corners) of one image to its seeds."""
        return assign_seeds(boxes, seeds, self.fg_iou, self.ignore_iou)

    def factor(self, branch: int) -> float:
        """Weight of a branch (0-based)."""
        return self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0)
