"""Box regression losses on pseudo ground truth, as modules."""

import torch
from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment
from wsod_mm.functional.regression import (
    casd_bbox_loss,
    encode_boxes_inclusive,
    mean_target_boxes,
    mist_bbox_loss,
    weighted_smooth_l1_loss,
)
from wsod_mm.functional.sampling import Samples
from wsod_mm.registry import MODELS

__all__ = ['CASDBBoxLoss', 'FastRCNNBBoxLoss', 'MISTBBoxLoss']

DeltaWeights = tuple[float, float, float, float]


@MODELS.register_module()
class CASDBBoxLoss(nn.Module):
    """Regress the sampled foreground of every view to the mean of the proposals around its seed.

    Source: public code (CASD, branch may30).

    Args:
        loss_weight: Factor of every branch.
        beta: Where smooth L1 turns from quadratic to linear.
        target_iou: The proposals whose IoU with a seed is > this make its target.
        weights: Factors of the deltas (the inverse of the standard deviations .1, .1, .2, .2).
    """

    kind = 'casd'

    def __init__(
        self,
        loss_weight: float = 0.1,
        beta: float = 1.0,
        target_iou: float = 0.6,
        weights: DeltaWeights = (10.0, 10.0, 5.0, 5.0),
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.beta = beta
        self.target_iou = target_iou
        self.weights = tuple(weights)

    @torch.no_grad()
    def targets(self, boxes_views: Tensor, seeds: Seeds, assignment: Assignment, samples: Samples) -> Tensor:
        """Deltas from every sampled proposal to its target; the arguments of :meth:`forward`.

        Returns:
            ``[V, K, 4]`` float32; arbitrary outside of ``samples.foreground``.
        """
        means = mean_target_boxes(boxes_views, seeds.boxes, self.target_iou)
        nearest = assignment.seed_index[samples.rows].clamp(min=0)
        boxes = boxes_views.float().gather(1, samples.rows[..., None].expand(-1, -1, 4))
        targets = means.gather(1, nearest[..., None].expand(-1, -1, 4))
        deltas = encode_boxes_inclusive(boxes.flatten(0, 1), targets.flatten(0, 1), self.weights)
        return deltas.view_as(boxes)

    def forward(
        self,
        preds: Tensor,
        boxes_views: Tensor,
        seeds: Seeds,
        assignment: Assignment,
        samples: Samples,
        branch: int,
    ) -> Tensor:
        """Loss of one branch on one image.

        Args:
            preds: ``[V, K, 4 * (C + 1)]`` float, deltas of the sampled proposals.
            boxes_views: ``[V, P, 4]`` float, all proposals in every view, inclusive corners.
            seeds: Pseudo ground truth, in the coordinates of view 0.
            assignment: ``[P]``, labels of all proposals.
            samples: ``[V, K]``, the sampled proposals.
            branch: 0-based number of the branch; not used.

        Returns:
            Scalar, the mean over the views; 0 without foreground.
        """
        targets = self.targets(boxes_views, seeds, assignment, samples)
        loss = casd_bbox_loss(preds, targets, assignment.labels[samples.rows], samples.foreground, self.beta)
        return self.loss_weight * loss / len(preds)


class _SeedBBoxLoss(nn.Module):
    """Regress every foreground proposal to its seed; :meth:`reduce` says how the rows are averaged.

    Args:
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch.
        beta: Where smooth L1 turns from quadratic to linear.
        weights: Factors of the deltas.
    """

    def __init__(self, loss_weight: float, first_branch_weight: float, beta: float, weights: DeltaWeights) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.first_branch_weight = first_branch_weight
        self.beta = beta
        self.weights = tuple(weights)

    def reduce(self, preds: Tensor, targets: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Scalar loss from ``preds [M, 4 (C + 1)]``, ``targets [M, 4]``, ``labels [M]`` and ``weights [M]``."""
        raise NotImplementedError

    def forward(self, preds: Tensor, boxes: Tensor, seeds: Seeds, assignment: Assignment, branch: int) -> Tensor:
        """Loss of one branch on one image.

        Args:
            preds: ``[M, 4 * (C + 1)]`` float, deltas of every class.
            boxes: ``[M, 4]`` float, proposals, inclusive corners.
            seeds: Pseudo ground truth, in the coordinates of ``boxes``.
            assignment: ``[M]``, labels, weights and seeds of the same proposals.
            branch: 0-based number of the branch.

        Returns:
            Scalar; 0 without foreground.
        """
        with torch.no_grad():
            nearest = seeds.boxes[assignment.seed_index.clamp(min=0)]
            targets = encode_boxes_inclusive(boxes.float(), nearest.float(), self.weights)
        factor = self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0)
        return factor * self.reduce(preds, targets, assignment.labels, assignment.weights)


@MODELS.register_module()
class MISTBBoxLoss(_SeedBBoxLoss):
    """Seed scores weight the foreground, the sum is divided by the number of all proposals.

    Source: public code (MIST in wetectron), see :func:`~wsod_mm.functional.regression.mist_bbox_loss`.

    Args:
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch.
        beta: Where smooth L1 turns from quadratic to linear.
        weights: Factors of the deltas.
    """

    kind = 'mist'

    def __init__(
        self,
        loss_weight: float = 1.0,
        first_branch_weight: float = 3.0,
        beta: float = 1.0,
        weights: DeltaWeights = (10.0, 10.0, 5.0, 5.0),
    ) -> None:
        super().__init__(loss_weight, first_branch_weight, beta, weights)

    def reduce(self, preds: Tensor, targets: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Divide by M."""
        return mist_bbox_loss(preds, targets, labels, weights, self.beta)


@MODELS.register_module()
class FastRCNNBBoxLoss(_SeedBBoxLoss):
    """Seed scores weight the foreground, the sum is divided by the number of proposals with a weight.

    Source: public code (PCL), see :func:`~wsod_mm.functional.regression.weighted_smooth_l1_loss`. There is one branch
    only, which comes after the refinement branches, so none is special.

    Args:
        loss_weight: Factor of the loss.
        beta: Where smooth L1 turns from quadratic to linear.
        weights: Factors of the deltas.
    """

    kind = 'fastrcnn'

    def __init__(
        self, loss_weight: float = 1.0, beta: float = 1.0, weights: DeltaWeights = (10.0, 10.0, 5.0, 5.0)
    ) -> None:
        super().__init__(loss_weight, 1.0, beta, weights)

    def reduce(self, preds: Tensor, targets: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Divide by the number of rows with a weight."""
        return weighted_smooth_l1_loss(preds, targets, labels, weights, self.beta)
