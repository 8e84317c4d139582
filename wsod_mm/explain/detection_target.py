"""The scores of boxes."""

from collections.abc import Sequence

import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from .raw_detections import RawDetections

__all__ = ['DetectionTarget']


class DetectionTarget:
    """Sum over chosen boxes of the score of the row that fits each best, and of its overlap.

    A row fits if it has the box's label and IoU > ``iou_thr``; a box that none fits gives 0. The boxes stay where they
    are: they tell which rows are meant, also in masked or changed images.

    Args:
        boxes: ``[n, 4]`` (x1, y1, x2, y2), pixels of the network input.
        labels: ``[n]`` 0-based classes.
        iou_thr: See above.
        score: ``'logit'``: before the softmax or sigmoid. ``'prob'``: after it.
        iou_weight: Factor on the overlap.
        iou_gradient: Whether the overlap's gradient by predicted boxes counts. At the box itself the overlap has a
            kink, and what automatic differentiation makes of it says little.

    Raises:
        ValueError: The numbers of boxes and labels differ, or ``score`` is unknown.
    """

    def __init__(
        self,
        boxes: Tensor,
        labels: Tensor | Sequence[int],
        iou_thr: float = 0.5,
        score: str = 'logit',
        iou_weight: float = 1.0,
        iou_gradient: bool = False,
    ) -> None:
        self.boxes = torch.as_tensor(boxes).detach().reshape(-1, 4)
        self.labels = torch.as_tensor(labels, device=self.boxes.device).reshape(-1)
        if len(self.boxes) != len(self.labels):
            raise ValueError(f'{len(self.boxes)} boxes and {len(self.labels)} labels: give one each')
        if score not in ('logit', 'prob'):
            raise ValueError(f"score={score!r}: must be 'logit' or 'prob'")
        self.iou_thr = iou_thr
        self.score = score
        self.iou_weight = iou_weight
        self.iou_gradient = iou_gradient

    def __call__(self, output: RawDetections) -> Tensor:
        """The score, 0-d.

        Raises:
            ValueError: The output is not that of a detector.
        """
        if not isinstance(output, RawDetections):
            raise ValueError(f'DetectionTarget needs a detector, got an output of {type(output).__name__}')
        values = output.logits if self.score == 'logit' else output.scores
        if not len(values) or not len(self.boxes):
            return values.sum() * 0
        boxes = output.boxes if self.iou_gradient else output.boxes.detach()
        overlaps = bbox_overlaps(self.boxes.to(boxes), boxes)
        same = self.labels.to(output.labels.device)[:, None] == output.labels
        best, rows = torch.where(same, overlaps, -torch.ones_like(overlaps)).max(dim=1)
        found = values[rows] + self.iou_weight * best
        return torch.where(best > self.iou_thr, found, torch.zeros_like(found)).sum()

    def flip(self, width: int) -> 'DetectionTarget':
        """The same in the image mirrored at ``width``."""
        boxes = self.boxes.clone()
        boxes[:, 0], boxes[:, 2] = width - self.boxes[:, 2], width - self.boxes[:, 0]
        return DetectionTarget(boxes, self.labels, self.iou_thr, self.score, self.iou_weight, self.iou_gradient)
