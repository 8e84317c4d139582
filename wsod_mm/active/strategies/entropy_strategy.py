"""Entropy."""

from torch import Tensor

from wsod_mm.functional.acquisition import CLASSES, logit_entropy, score_entropy
from wsod_mm.registry import TASK_UTILS

from .prediction_strategy import PredictionStrategy

__all__ = ['EntropyStrategy']


@TASK_UTILS.register_module()
class EntropyStrategy(PredictionStrategy):
    """Images with the largest entropy of the predicted classes, in nats.

    An anchor's value is the sum of the binary entropies of its classes, where those are independent (sigmoid), or its
    categorical entropy, with background, where they are not (softmax). A detection's value is the binary entropy of
    its score.

    Args:
        source: ``'anchors'`` (default) or ``'detections'``, see :class:`PredictionStrategy`.
        aggregate: ``'topk_mean'`` (default), ``'mean'``, ``'max'`` or ``'sum'``, see there.
        k: 10000 by default, see there.
        classes: ``'sum'`` (default) over the columns of an anchor, or their ``'mean'``: the sum divided by their
            number, for values that can be compared between data sets. No matter for detections.

    Raises:
        ValueError: For an unknown or impossible option.
    """

    def __init__(
        self,
        source: str = 'anchors',
        aggregate: str = 'topk_mean',
        k: int | float = 10000,
        classes: str = 'sum',
    ) -> None:
        super().__init__(source, aggregate, k)
        if classes not in CLASSES:
            raise ValueError(f'classes must be one of {CLASSES}, got {classes!r}')
        self.classes = classes

    def of_logits(self, logits: Tensor, sigmoid: bool) -> Tensor:
        """See :meth:`PredictionStrategy.of_logits`."""
        return logit_entropy(logits, sigmoid, self.classes)

    def of_scores(self, scores: Tensor) -> Tensor:
        """See :meth:`PredictionStrategy.of_scores`."""
        return score_entropy(scores)
