"""Refinement loss of CASD."""

import torch
from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment
from wsod_mm.functional.sampled_loss import sampled_ce_loss
from wsod_mm.functional.sampling import Samples, casd_labels, sample_rows
from wsod_mm.registry import MODELS

__all__ = ['SampledCELoss']


@MODELS.register_module()
class SampledCELoss(nn.Module):
    """Unweighted cross entropy of foreground and background proposals that are drawn at random in every view.

    The contract of the sampled refinement losses (``sampled`` is True): :meth:`assign` once an image, :meth:`sample`
    once an image and branch, then :meth:`forward` with the logits of the sampled proposals only, so that the heads
    need not run on the others.

    Source: public code (CASD).

    Args:
        fg_iou: A proposal with IoU > this with a seed is foreground.
        bg_low: Background: ``bg_low <= IoU < bg_high``. Proposals in neither range have no loss.
        bg_high: See ``bg_low``.
        num_fg: At most this many foreground proposals in a view.
        num_bg: The same for background.
        loss_weight: Factor of every branch.
        first_branch_weight: Further factor of the first branch.
    """

    sampled = True

    def __init__(
        self,
        fg_iou: float = 0.6,
        bg_low: float = 0.1,
        bg_high: float = 0.4,
        num_fg: int = 32,
        num_bg: int = 96,
        loss_weight: float = 0.1,
        first_branch_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= bg_low <= bg_high <= fg_iou or num_fg < 0 or num_bg < 0 or num_fg + num_bg == 0:
            raise ValueError(
                'SampledCELoss needs 0 <= bg_low <= bg_high <= fg_iou and a positive number of samples, got '
                f'bg_low={bg_low}, bg_high={bg_high}, fg_iou={fg_iou}, num_fg={num_fg}, num_bg={num_bg}'
            )
        self.fg_iou = fg_iou
        self.bg_low = bg_low
        self.bg_high = bg_high
        self.num_fg = num_fg
        self.num_bg = num_bg
        self.loss_weight = loss_weight
        self.first_branch_weight = first_branch_weight

    def assign(self, boxes: Tensor, seeds: Seeds) -> Assignment:
        """Labels of all proposals; the same in all views.

        Args:
            boxes: ``[P, 4]`` float, proposals in view 0, inclusive corners.
            seeds: Pseudo ground truth in the same coordinates.

        Returns:
            Assignment, see :func:`~wsod_mm.functional.sampling.casd_labels`.
        """
        return casd_labels(boxes, seeds, self.fg_iou, self.bg_low, self.bg_high)

    def sample(
        self,
        assignment: Assignment,
        num_views: int,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Samples:
        """Draw proposals in every view.

        Args:
            assignment: From :meth:`assign`.
            num_views: V.
            generator: Source of the random numbers, on the device of the proposals; ``None``: the global one.
            noise: ``[V, P]``, instead of random numbers.

        Returns:
            Samples ``[V, K]``; without a valid seed all are padding.
        """
        # with bg_low=0 an image without seeds would be all background: its proposals have weight 0
        max_ious = torch.where(assignment.weights > 0, assignment.max_ious, -1.0)
        if noise is None:
            noise = torch.rand(num_views, len(max_ious), generator=generator, device=max_ious.device)
        limits = (self.num_fg, self.num_bg, self.fg_iou, self.bg_low, self.bg_high)
        return sample_rows(max_ious, num_views, *limits, noise=noise)

    def forward(self, logits: Tensor, labels: Tensor, samples: Samples, branch: int) -> Tensor:
        """Loss of one branch on one image.

        Args:
            logits: ``[V, K, C + 1]`` float, logits of the sampled proposals, background in column 0.
            labels: ``[V, K]`` int64, ``assignment.labels[samples.rows]``.
            samples: From :meth:`sample`.
            branch: 0-based number of the branch.

        Returns:
            Scalar: the mean over the views of the mean over the samples of a view, times the weights.
        """
        factor = self.loss_weight * (self.first_branch_weight if branch == 0 else 1.0)
        return factor * sampled_ce_loss(logits, labels, samples.valid) / len(logits)
