"""Logged losses are those of the whole batch, not of the first process."""

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from wsod_mm.registry import HOOKS

__all__ = ['ReduceLossHook']


@HOOKS.register_module()
class ReduceLossHook(Hook):
    """Average the logged values over the processes before they reach the logger.

    MMEngine logs the values of rank 0 alone. All values travel in one small tensor, without a host synchronisation;
    with one process the hook does nothing. The gradients are not touched.
    """

    priority = 'HIGHEST'  # before RuntimeInfoHook takes the values

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Replace the scalar tensors of ``outputs`` by their mean over the ranks, in place."""
        if not outputs or get_world_size() == 1:
            return
        names = sorted(k for k, v in outputs.items() if isinstance(v, torch.Tensor) and v.numel() == 1)
        if not names:
            return
        values = torch.stack([outputs[k].detach().float().reshape(()) for k in names])
        all_reduce(values, op='mean')
        outputs.update(zip(names, values.unbind(), strict=True))
