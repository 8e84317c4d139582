"""Resume to bit-identical weights."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from wsod_mm.engine.seeding import SeededBatchSampler, can_be_seeded, mix_seed, seed_everything, seeded_dataloader
from wsod_mm.registry import HOOKS
from wsod_mm.utils.compat import has_accelerator

__all__ = ['ExactResumeHook']

_TRAIN, _EPOCH, _VAL, _TEST = range(4)  # separate streams of random numbers
_PENDING = 'pending_gradients'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make all randomness of training a function of (seed, position), so that resuming repeats an uninterrupted run.

    * Sample order: (seed, epoch), as in MMEngine's samplers. A run resumed inside an epoch (iteration checkpoints)
      skips the batches that were trained on without loading them, in epoch-based and in iteration-based loops.
    * Augmentation of a sample: (seed, epoch, index), whatever the number of workers and of processes. (Stock
      MMEngine seeds its workers alike in every epoch, or lets them run on when they are persistent.)
    * Model (dropout, sampling): (seed, rank, iteration); validation and test likewise.
    * Gradients that were accumulated but not applied when the checkpoint was written are saved with it.

    No generator state is stored, so nothing depends on which process wrote the file.

    Args:
        repeatable_cpu: On a machine without a GPU, use torch's deterministic kernels where there are any (warn
            elsewhere): a few CPU kernels, such as ``index_put_(accumulate=True)``, otherwise add in the order in
            which threads arrive.
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, repeatable_cpu: bool = True) -> None:
        self.repeatable_cpu = repeatable_cpu
        self._gathered: dict[str, torch.Tensor] | None = None
        self._restored: dict[str, torch.Tensor] | None = None

    def before_run(self, runner: Runner) -> None:
        """Choose deterministic CPU kernels."""
        if self.repeatable_cpu and not has_accelerator() and not torch.are_deterministic_algorithms_enabled():
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time

    def before_train(self, runner: Runner) -> None:
        """Make the loop's data loader resumable, and put back pending gradients."""
        loop = runner.train_loop
        if isinstance(loop, (EpochBasedTrainLoop, IterBasedTrainLoop)) and can_be_seeded(loop.dataloader):
            self._install_dataloader(runner, endless=isinstance(loop, IterBasedTrainLoop))
        else:
            runner.logger.warning(
                f'the data order of {type(loop).__name__} is out of reach: resuming is exact only '
                'if it uses wsod_mm.engine.seeding.seeded_dataloader itself'
            )
        if self._restored and runner.iter > 0:
            for name, parameter in _model(runner).named_parameters():
                if name in self._restored:
                    parameter.grad = self._restored[name].to(parameter)
        self._restored = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the sampler the epoch and, when resuming inside it, the number of batches to skip."""
        loop = runner.train_loop
        sampler = getattr(loop.dataloader, 'batch_sampler', None)
        if isinstance(loop, EpochBasedTrainLoop) and isinstance(sampler, SeededBatchSampler):
            sampler.epoch = runner.epoch
            sampler.start = runner.iter - runner.epoch * len(loop.dataloader)
        seed_everything(mix_seed(runner.seed, _EPOCH, get_rank(), runner.epoch))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Seed the model's randomness of this iteration."""
        seed_everything(mix_seed(runner.seed, _TRAIN, get_rank(), runner.iter))

    def before_val_epoch(self, runner: Runner) -> None:
        """Seed validation."""
        seed_everything(mix_seed(runner.seed, _VAL, get_rank(), runner.iter))

    def before_test_epoch(self, runner: Runner) -> None:
        """Seed testing."""
        seed_everything(mix_seed(runner.seed, _TEST, get_rank()))

    def before_gather_checkpoint(self, runner: Runner) -> None:
        """Collect pending gradients, on all ranks (called by ``AtomicCheckpointHook``)."""
        self._gathered = _pending_gradients(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store pending gradients."""
        if 'optimizer' not in checkpoint:
            return
        pending = self._gathered
        if pending is None and get_world_size() == 1:  # a checkpoint hook that does not call before_gather_checkpoint
            pending = _pending_gradients(runner)
        if pending:
            checkpoint[_PENDING] = pending
        self._gathered = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take pending gradients out of the file; they are put back when the optimiser stands."""
        self._restored = checkpoint.pop(_PENDING, None)

    def _install_dataloader(self, runner: Runner, endless: bool) -> None:
        loop = runner.train_loop
        if endless:
            loop.dataloader_iterator = None  # it has already drawn batches; stop its workers
        randomness = runner.cfg.get('randomness') or {}
        loop.dataloader = seeded_dataloader(loop.dataloader, runner.seed - _rank_offset(randomness), endless)
        sampler = loop.dataloader.batch_sampler
        # Without a configured seed the samplers were built with a random one before the checkpoint's seed was known.
        resumed = runner.iter > 0 and randomness.get('seed') is None and not randomness.get('diff_rank_seed', False)
        sampler.restart(runner.seed if resumed else None)
        if endless:
            sampler.start = runner.iter
            loop.dataloader_iterator = _ResumedBatches(loop.dataloader, runner.iter)


class _ResumedBatches:
    """Batches of an endless loader whose sampler has already gone past the finished iterations.

    A resumed loop asks for the batches of all past iterations and throws them away (MMEngine, one ``next`` at a time;
    its onedl fork, by ``skip_iter``); it is given nothing for these.
    """

    def __init__(self, dataloader: Iterable, past: int) -> None:
        self._past = past
        self._batches = itertools.chain(dataloader)  # lazily: no worker starts before the first batch is wanted

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if self._past:
            self._past -= 1
            return None
        return next(self._batches)

    def skip_iter(self, num_iters: int) -> None:
        self._past = max(self._past - num_iters, 0)


def _rank_offset(randomness: dict) -> int:
    return get_rank() if randomness.get('diff_rank_seed', False) else 0


def _model(runner: Runner) -> torch.nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _pending_gradients(runner: Runner) -> dict[str, torch.Tensor]:
    """Gradients that wait for an optimiser step, averaged over the ranks, on the CPU; empty right after a step."""
    wrapper = runner.optim_wrapper
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    if all(w.should_update() for w in wrappers):
        return {}
    pending = {}
    for name, parameter in _model(runner).named_parameters():
        if parameter.grad is None:
            continue
        gradient = parameter.grad.detach().clone()
        if get_world_size() > 1:
            all_reduce(gradient, op='mean')
        pending[name] = gradient.cpu()
    return pending
