"""The mean displacement of IRN, taken at the end of training."""

from collections.abc import Iterator

from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from wsod_mm.registry import HOOKS

__all__ = ['MeanShiftHook']


@HOOKS.register_module()
class MeanShiftHook(Hook):
    """Store IRNet's mean displacement after the last iteration, before the last checkpoint is written.

    Nothing in IRN's loss fixes the mean of the displacements, so that the public code takes it over the training
    images and subtracts it at inference. Several processes take the mean of theirs.

    Args:
        dataloader: Config of a dataloader without random crops: top-left crops in the public code.

    Raises:
        ValueError: The dataloader has no batch.
    """

    priority = 'NORMAL'

    def __init__(self, dataloader: dict) -> None:
        self.dataloader = dataloader

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: object = None
    ) -> None:
        """Take the mean after the last iteration."""
        if not self.is_last_train_iter(runner):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        loader = runner.build_dataloader(self.dataloader, seed=runner.seed)

        def batches() -> Iterator[Tensor]:
            for data in loader:
                yield model.data_preprocessor(data, False)['inputs']

        # the returned tensor is the model's buffer
        mean = model.estimate_mean_shift(batches())
        all_reduce(mean, 'mean')
        runner.logger.info(f'mean displacement (dy, dx) of {len(loader)} batches: {mean.tolist()} cells')
