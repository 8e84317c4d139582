"""Refuse checkpoints that do not fit the model."""

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from wsod_mm.registry import HOOKS
from wsod_mm.utils.checkpoint_io import CheckpointError, StateDifference, compare_state

__all__ = ['CheckpointGuardHook']


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Stop instead of testing or resuming with weights that were only partly loaded.

    MMEngine logs a warning and goes on with random layers. Here a test, a validation or a resumed run whose
    checkpoint has other shapes or lacks keys ends with an error that gives the keys, both shapes and the fix.
    Starting a training from other weights (``load_from``) keeps the layers that fit and names the rest.

    Args:
        strict: Raise an error; ``False`` only warns.
        max_named: How many keys a message lists.
    """

    def __init__(self, strict: bool = True, max_named: int = 8) -> None:
        self.strict = strict
        self.max_named = max_named

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare ``checkpoint`` with the model.

        Raises:
            CheckpointError: The file does not fit, see the class.
        """
        model = runner.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        state = checkpoint.get('state_dict', checkpoint)
        difference = compare_state(model, state)
        training = isinstance(runner._train_loop, BaseLoop)
        source = runner._load_from or f'the latest checkpoint of {runner.work_dir}'
        if training and not runner._resume:
            if difference.matching == 0:
                self._report(
                    runner,
                    f'{source}: none of its {len(state)} weights fits the model. The first keys are '
                    f'{_some(state, 3)} in the file and {_some(model.state_dict(), 3)} in the model.',
                )
            elif difference.mismatched:
                runner.logger.warning(
                    f'{source}: {self._describe(difference)}. These layers keep their initial weights.'
                )
            return
        if difference.mismatched or difference.missing:
            self._report(
                runner,
                f'{source} does not fit the model of the config: {self._describe(difference)}. '
                f'{_class_hint(runner, checkpoint)}Use the config that the file was trained with, or set the '
                'number of classes (model heads and data set metainfo) to that of the file.',
            )

    def _report(self, runner: Runner, message: str) -> None:
        if self.strict:
            raise CheckpointError(
                f'{message} (default_hooks.checkpoint_guard.strict=False turns this error into a warning.)'
            )
        runner.logger.warning(message)

    def _describe(self, difference: StateDifference) -> str:
        parts = []
        if difference.mismatched:
            shapes = [
                f'{key} {theirs} in the file, {ours} in the model'
                for key, (theirs, ours) in list(difference.mismatched.items())[: self.max_named]
            ]
            parts.append(f'{len(difference.mismatched)} weights have another shape: {"; ".join(shapes)}')
        if difference.missing:
            parts.append(
                f'{len(difference.missing)} weights are missing in the file: '
                f'{_some(difference.missing, self.max_named)}'
            )
        return '; '.join(parts)


def _some(names: dict | list, count: int) -> str:
    names = list(names)
    return ', '.join(names[:count]) + (', ...' if len(names) > count else '')


def _class_hint(runner: Runner, checkpoint: dict) -> str:
    theirs = ((checkpoint.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    ours = None
    for loop in (runner._train_loop, runner._test_loop, runner._val_loop):
        if isinstance(loop, BaseLoop) and isinstance(loop.dataloader, torch.utils.data.DataLoader):
            ours = (getattr(loop.dataloader.dataset, 'metainfo', None) or {}).get('classes')
            break
    if theirs is None or ours is None or len(theirs) == len(ours):
        return ''
    return (
        f'The file was trained on {len(theirs)} classes ({_some(list(theirs), 4)}), the config has {len(ours)} '
        f'({_some(list(ours), 4)}). '
    )
