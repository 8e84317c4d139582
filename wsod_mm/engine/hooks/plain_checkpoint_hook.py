"""Checkpoints without pickled objects."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from wsod_mm.registry import HOOKS
from wsod_mm.utils.plain import PlainValueError, from_plain, to_plain

__all__ = ['PlainCheckpointHook']

_NEEDED = ('state_dict', 'optimizer', 'param_schedulers')


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Write checkpoints that ``torch.load(weights_only=True)`` accepts, and restore their types on loading.

    MMEngine stores ``HistoryBuffer`` objects and numpy values, so since torch 2.6 it cannot resume its own files.
    This hook reduces everything to plain values before a file is written and turns it back after one is read. It
    runs last, so it also covers what other hooks add.
    """

    priority = 'LOWEST'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Reduce every entry of ``checkpoint`` in place.

        Raises:
            PlainValueError: Something without which training cannot be resumed is not plain. Other entries (run-time
                information of third parties) are left out with a warning.
        """
        for key in list(checkpoint):
            try:
                checkpoint[key] = to_plain(checkpoint[key], key)
            except PlainValueError:
                if key in _NEEDED or not isinstance(checkpoint[key], dict):
                    raise
                checkpoint[key] = _plain_where_possible(runner, checkpoint[key], key)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn the plain values of ``checkpoint`` back in place; other files pass unchanged."""
        for key in list(checkpoint):
            if key != 'state_dict':
                checkpoint[key] = from_plain(checkpoint[key])


def _plain_where_possible(runner: Runner, entries: dict, path: str) -> dict:
    kept = {}
    for key, value in entries.items():
        try:
            kept[key] = to_plain(value, f'{path}.{key}')
        except PlainValueError as error:
            if isinstance(value, dict):
                kept[key] = _plain_where_possible(runner, value, f'{path}.{key}')
            else:
                runner.logger.warning(f'left out of the checkpoint: {error}')
    return kept
