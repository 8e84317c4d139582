"""Uncertainty of MI-AOD."""

from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.registry import TASK_UTILS

from .strategy import Strategy

__all__ = ['MIAODStrategy']


@TASK_UTILS.register_module()
class MIAODStrategy(Strategy):
    """Images about which the two classifiers of MI-AOD disagree most.

    No option: how images are scored is part of the head, its ``uncertainty=dict(k=10000, distance='l2',
    reweight=False, aggregate='topk_mean')`` (the defaults).
    """

    def check(self, model: nn.Module) -> None:
        """Fail for a model without ``uncertainty()``.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """
        if not callable(getattr(model, 'uncertainty', None)):
            raise ValueError(
                f'MIAODStrategy needs a detector with uncertainty(), for instance MIAODDetector, got '
                f'{type(model).__name__}: change the model, or take another strategy, for instance EntropyStrategy'
            )

    def _score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        return model.uncertainty(batch_inputs, batch_data_samples)
