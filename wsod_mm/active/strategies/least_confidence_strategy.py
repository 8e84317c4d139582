"""Least confidence."""

from torch import Tensor

from wsod_mm.functional.acquisition import least_confidence, logit_outcomes, score_outcomes
from wsod_mm.registry import TASK_UTILS

from .prediction_strategy import PredictionStrategy

__all__ = ['LeastConfidenceStrategy']


@TASK_UTILS.register_module()
class LeastConfidenceStrategy(PredictionStrategy):
    """Images whose most probable outcomes are the least probable: ``1 - max_o p_o`` per instance.

    The outcomes of an anchor are its classes and background, which for independent classes (sigmoid) has the
    probability ``1 - max_c p_c``. Those of a detection are its class and the opposite.

    Args:
        source: ``'anchors'`` (default) or ``'detections'``, see :class:`PredictionStrategy`.
        aggregate: ``'topk_mean'`` (default), ``'mean'``, ``'max'`` or ``'sum'``, see there.
        k: 10000 by default, see there.
        background: Whether background is an outcome (default). Without it ``1 - max_c p_c`` over classes: then the
            anchors of plain background are the most uncertain.

    Raises:
        ValueError: For an unknown or impossible option.
    """

    def __init__(
        self,
        source: str = 'anchors',
        aggregate: str = 'topk_mean',
        k: int | float = 10000,
        background: bool = True,
    ) -> None:
        super().__init__(source, aggregate, k)
        self.background = background

    def of_logits(self, logits: Tensor, sigmoid: bool) -> Tensor:
        """See :meth:`PredictionStrategy.of_logits`."""
        return least_confidence(logit_outcomes(logits, sigmoid, self.background))

    def of_scores(self, scores: Tensor) -> Tensor:
        """See :meth:`PredictionStrategy.of_scores`."""
        return least_confidence(score_outcomes(scores, self.background))
