"""What a detector says about an image before anything is selected, with gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ['RawDetections']


@dataclass(frozen=True)
class RawDetections:
    """A row per box and class, in no order.

    Attributes:
        boxes: ``[m, 4]`` (x1, y1, x2, y2), pixels of the network input.
        labels: ``[m]`` int64, 0-based classes.
        scores: ``[m]`` in [0, 1].
        logits: ``[m]``, scores before softmax or sigmoid.
        num_classes: K.
        class_logits: ``[K]``, scores of the whole image; ``None``: the maximum over the rows of each class.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    logits: Tensor
    num_classes: int
    class_logits: Tensor | None = None

    def class_score(self, category: int) -> Tensor:
        """Score of a class in the image, 0-d; 0 where it has no row.

        Raises:
            ValueError: There is no such class.
        """
        if not 0 <= category < self.num_classes:
            raise ValueError(f'class {category}: the detector has classes 0 to {self.num_classes - 1}')
        if self.class_logits is not None:
            return self.class_logits[category]
        rows = self.logits[self.labels == category]
        return rows.max() if len(rows) else self.logits.sum() * 0

    def top_class(self) -> int:
        """The class with the highest score; 0 without any row."""
        if self.class_logits is not None:
            return int(self.class_logits.argmax())
        return int(self.labels[self.logits.argmax()]) if len(self.logits) else 0

    def detach(self) -> 'RawDetections':
        """The same without gradients."""
        summed = None if self.class_logits is None else self.class_logits.detach()
        values = (each.detach() for each in (self.boxes, self.labels, self.scores, self.logits))
        return RawDetections(*values, self.num_classes, summed)

    @classmethod
    def of_table(
        cls, boxes: Tensor, scores: Tensor, logits: Tensor, class_logits: Tensor | None = None
    ) -> 'RawDetections':
        """From boxes ``[R, 4]`` and tables ``[R, K]``."""
        rows, classes = scores.shape
        labels = torch.arange(classes, device=boxes.device).repeat(rows)
        return cls(
            boxes.repeat_interleave(classes, dim=0),
            labels,
            scores.reshape(-1),
            logits.reshape(-1),
            classes,
            class_logits,
        )
