"""Margin."""

from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from torch import Tensor, nn

from wsod_mm.functional.acquisition import logit_outcomes, margin, score_outcomes
from wsod_mm.registry import TASK_UTILS

from .prediction_strategy import PredictionStrategy

__all__ = ['MarginStrategy']


@TASK_UTILS.register_module()
class MarginStrategy(PredictionStrategy):
    """Images whose two most probable outcomes are the closest: ``1 - (p_first - p_second)`` per instance.

    The outcomes are those of :class:`LeastConfidenceStrategy`.

    Args:
        source: ``'anchors'`` (default) or ``'detections'``, see :class:`PredictionStrategy`.
        aggregate: ``'topk_mean'`` (default), ``'mean'``, ``'max'`` or ``'sum'``, see there.
        k: 10000 by default, see there.
        background: Whether background is an outcome (default). Without it the two best classes are compared, which
            needs ``source='anchors'`` and two classes.

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
        if source == 'detections' and not background:
            raise ValueError(
                "a detection has one score, so its margin is to background: set background=True or source='anchors'"
            )
        self.background = background

    def check(self, model: nn.Module) -> None:
        """See :meth:`PredictionStrategy.check`; without background, two classes are needed.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """
        super().check(model)
        head = getattr(model, 'bbox_head', None)
        if not self.background and isinstance(head, BaseDenseHead) and head.num_classes < 2:
            raise ValueError('with one class there is a margin only to background: set background=True')

    def of_logits(self, logits: Tensor, sigmoid: bool) -> Tensor:
        """See :meth:`PredictionStrategy.of_logits`."""
        return margin(logit_outcomes(logits, sigmoid, self.background))

    def of_scores(self, scores: Tensor) -> Tensor:
        """See :meth:`PredictionStrategy.of_scores`."""
        return margin(score_outcomes(scores, self.background))
