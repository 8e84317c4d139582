"""Predicted loss."""

from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.registry import TASK_UTILS

from .strategy import Strategy

__all__ = ['LearningLossStrategy']


@TASK_UTILS.register_module()
class LearningLossStrategy(Strategy):
    """Images with the largest predicted loss (Yoo & Kweon, "Learning Loss for Active Learning", CVPR 2019).

    No option: the prediction is the detector's, see :class:`~wsod_mm.models.detectors.LearningLossDetector`.
    """

    def check(self, model: nn.Module) -> None:
        """Fail for a model without ``predict_loss()``.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """
        if not callable(getattr(model, 'predict_loss', None)):
            raise ValueError(
                f"LearningLossStrategy needs type='LearningLossDetector' with a loss_head, got {type(model).__name__}"
            )

    def _score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        return model.predict_loss(batch_inputs)
