"""Run the validation that a killed run owes."""

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.registry import HOOKS

__all__ = ['PendingValidationHook']


@HOOKS.register_module()
class PendingValidationHook(Hook):
    """When a run is resumed from a checkpoint whose validation never finished, validate first.

    MMEngine saves the checkpoint of an epoch before it validates, and a resumed loop goes straight on to the next
    epoch: a run killed in between never learns its numbers, and one killed during its last validation ends without
        any. Which validations
    are done is read from the ``results.json`` of :class:`ResultsHook`.
    """

    priority = 'LOWEST'  # in before_train, after the other hooks have set up

    def before_train(self, runner: Runner) -> None:
        """Validate when it is due and was not done."""
        loop = runner.train_loop
        if runner.val_loop is None or runner.iter == 0 or not self._due(loop):
            return
        done = {(e.get('epoch'), e.get('iter')) for e in read_results(runner.work_dir).get('val_history', [])}
        if (runner.epoch, runner.iter) not in done:
            runner.logger.info(
                f'validating epoch {runner.epoch}, iteration {runner.iter}: the earlier run did not finish that'
            )
            runner.val_loop.run()

    @staticmethod
    def _due(loop: EpochBasedTrainLoop | IterBasedTrainLoop) -> bool:
        if isinstance(loop, EpochBasedTrainLoop):
            at, end = loop.epoch, loop.max_epochs
            inside_epoch = loop.iter != loop.epoch * len(loop.dataloader)
            if inside_epoch:
                return False
        elif isinstance(loop, IterBasedTrainLoop):
            at, end = loop.iter, loop.max_iters
        else:
            return False
        return at >= loop.val_begin and (at % loop.val_interval == 0 or at == end)
