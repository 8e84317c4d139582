"""Training of one cycle of MI-AOD: stages, and two data loaders at the same time."""

import gc
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_rank
from mmengine.hooks import ParamSchedulerHook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from wsod_mm.active.schedule import Position, cycle_stages, locate, num_epochs, stage_warmups
from wsod_mm.engine.seeding import seeded_dataloader
from wsod_mm.registry import LOOPS

__all__ = ['MIAODTrainLoop']


@LOOPS.register_module()
class MIAODTrainLoop(EpochBasedTrainLoop):
    """Train a :class:`~wsod_mm.models.MIAODDetector` through the stages of a cycle.

    Source: public code; in brackets what differs from it. The number of epochs follows from the stages, see
    :func:`~wsod_mm.active.schedule.cycle_stages`; the stage is a function of the epoch, so a checkpoint needs no entry
    for it.

    * Stage "label" trains on ``dataloader``. In "min" and "max" each labeled batch is followed by an unlabeled one,
      with an optimizer step each; the two are one iteration. An epoch ends with the labeled batches. (Where there
      are fewer unlabeled ones these start over, in a new order; the public code fails.)
    * A stage begins with the momentum 0. What it does not train stays as it is: no gradient, no weight decay. The
      optimizer holds all parameters in all stages, and schedulers go on through them. With several processes the
      model is wrapped anew after what is frozen has changed, so ``find_unused_parameters=False`` holds.
    * Logged are ``labeled/...``, ``unlabeled/...`` and ``loss``, the sum of the two totals. (The public code logs the
      mean of both, that is half of what is trained.)
    * Order and augmentation of the unlabeled images are functions of (seed, epoch, index), as ``ExactResumeHook`` makes
      those of the labeled ones: a resumed run repeats an uninterrupted one, also from the middle of an epoch.
    * Without unlabeled images "min" and "max" are skipped: their epochs and iterations are counted, and schedulers
      go through them, so that later epochs have the same numbers and learning rates as ever, but hooks are not called,
      nothing is validated and no checkpoint is written.

    Args:
        runner: The runner.
        dataloader: Labeled images, loader or config.
        unlabeled_dataloader: Unlabeled images (meta information ``labeled=False``), loader or config; ``None`` or
            one without a batch: there are none. Its workers run in "min" and "max" only.
        epoch: See :func:`~wsod_mm.active.schedule.cycle_stages`.
        epoch_ratio: See there.
        order: See there.
        val_begin: See ``EpochBasedTrainLoop``.
        val_interval: See there; ``None``: validate after the last epoch only, as the public code does.
        dynamic_intervals: See there.
        min_wave_dis: Warn if the mean ``loss_wave_dis`` of a "min" stage is smaller: the classifiers then agree
            everywhere, and the uncertainty of images says nothing.
        warmup: Raise the learning rate linearly at the beginning of every stage (public code for COCO and SSD):
            ``dict(iters=500, start_factor=0.001)``, see :func:`~wsod_mm.active.schedule.stage_warmups`. The schedulers
            for it join those of ``param_scheduler``. ``None``: no warm-up (public code for RetinaNet on VOC).

    Raises:
        TypeError: For an unknown entry of ``warmup``, or schedulers by the name of an optimizer beside it. For several
            optimizers, or a loader whose order is out of reach (an endless sampler, an iterable data
            set), when training begins.
        ValueError: For stages that cannot be (see there), or a model, an optimizer wrapper or a loader that does not
            suit, when training begins.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        unlabeled_dataloader: DataLoader | dict | None = None,
        epoch: int = 2,
        epoch_ratio: Sequence[int] = (3, 1),
        order: str = 'min_max',
        val_begin: int = 1,
        val_interval: int | None = None,
        dynamic_intervals: list[tuple[int, int]] | None = None,
        min_wave_dis: float = 1e-6,
        warmup: dict[str, Any] | None = None,
    ) -> None:
        self.stages = cycle_stages(epoch, epoch_ratio, order)
        max_epochs = num_epochs(self.stages)
        super().__init__(runner, dataloader, max_epochs, val_begin, val_interval or max_epochs, dynamic_intervals)
        if unlabeled_dataloader is not None:
            # the same seed would give both loaders the same permutation
            unlabeled_dataloader = runner.build_dataloader(
                unlabeled_dataloader, seed=runner.seed + 1, diff_rank_seed=self._diff_rank_seed
            )
        self.unlabeled_dataloader: DataLoader | None = unlabeled_dataloader
        self.min_wave_dis = min_wave_dis
        if warmup is not None:
            self._add_warmup(warmup)
        self._running: int | None = None  # number of the stage that the model is set to
        self._wave_dis: torch.Tensor | float = 0.0
        self._wave_batches = 0
        self._told_of_skipping = False

    def locate(self, epoch: int) -> Position:
        """Stage of an epoch, which counts from 0."""
        return locate(self.stages, epoch)

    def run(self) -> torch.nn.Module:
        """Train."""
        self._check()
        if self.unlabeled_dataloader is not None:
            self._install_unlabeled()
        return super().run()

    def run_epoch(self) -> None:
        """Train the next epoch, and skip those before it that need unlabeled images where there are none."""
        while self.locate(self._epoch).stage != 'label' and not self._has_unlabeled():
            self._skip_epoch()
        position = self.locate(self._epoch)
        if position.index != self._running:
            self._begin_stage(position)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        unlabeled = None if position.stage == 'label' else self._unlabeled_batches()
        for idx, data_batch in enumerate(self.dataloader):
            # fetched before the hooks: loading in this process draws from the generators that the model uses
            self.run_pair(idx, data_batch, None if unlabeled is None else next(unlabeled))
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        if position.epoch + 1 == position.epochs:
            self._end_stage(position)

    def run_pair(self, idx: int, labeled: dict, unlabeled: dict | None) -> None:
        """One iteration: a step on a labeled batch, and one on an unlabeled batch.

        Args:
            idx: Number of the labeled batch.
            labeled: Labeled batch. Hooks see this one.
            unlabeled: Unlabeled batch, ``None`` in stage "label".
        """
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=labeled)
        outputs = self._step('labeled', labeled)
        if unlabeled is not None:
            second = self._step('unlabeled', unlabeled)
            outputs = outputs | second | {'loss': outputs['loss'] + second['loss']}
        self.runner.call_hook('after_train_iter', batch_idx=idx, data_batch=labeled, outputs=outputs)
        if 'unlabeled/loss_wave_dis' in outputs:
            value = outputs['unlabeled/loss_wave_dis']
            # with its graph, those of the whole stage would be kept
            self._wave_dis = self._wave_dis + (value.detach() if isinstance(value, torch.Tensor) else value)
            self._wave_batches += 1
        self._iter += 1

    def _step(self, prefix: str, data_batch: dict) -> dict[str, Any]:
        """One optimizer step; the logged values under their prefix, and the total as ``loss``."""
        values = self.runner.model.train_step(data_batch, optim_wrapper=self.runner.optim_wrapper)
        # without their graphs: what is summed up over a stage would keep all of them
        values = {name: torch.as_tensor(value).detach() for name, value in values.items()}
        return {f'{prefix}/{name}': value for name, value in values.items()} | {'loss': values['loss']}

    def _begin_stage(self, position: Position) -> None:
        """Freeze, choose losses and forget momentum; also after a resume, but then the momentum stays."""
        runner, model = self.runner, _bare(self.runner.model)
        runner.optim_wrapper.zero_grad(set_to_none=True)  # a zero gradient would let weight decay move what is frozen
        done = self._iter - self._epoch * len(self.dataloader)
        if position.epoch == 0 and done <= 0:
            runner.optim_wrapper.optimizer.state.clear()
            self._forget_logged()
        before = [p.requires_grad for p in model.parameters()]
        model.set_stage(position.stage)
        if is_model_wrapper(runner.model) and before != [p.requires_grad for p in model.parameters()]:
            # DistributedDataParallel knows the parameters that could be trained when it was made: with others it
            # raises, or lets the processes drift apart in silence. The old one, with its buckets, must go first.
            runner.model = model
            gc.collect()
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
        if position.stage == 'label' and self.unlabeled_dataloader is not None:
            self.unlabeled_dataloader._iterator = None  # stops persistent workers
        self._wave_dis, self._wave_batches = 0.0, 0
        self._running = position.index
        parts = ', '.join(model.trainable[position.stage])
        runner.logger.info(
            f'stage {position.index + 1} of {len(self.stages)}: {position.stage}, epochs {position.begin + 1} to '
            f'{position.begin + position.epochs} of {self._max_epochs}, trains {parts}'
        )

    def _end_stage(self, position: Position) -> None:
        """Warn if the classifiers did not disagree."""
        if not self._wave_batches:
            return
        mean = float(self._wave_dis) / self._wave_batches
        if mean < self.min_wave_dis:
            self.runner.logger.warning(
                f'the mean loss_wave_dis of stage {position.index + 1} (min) is {mean:.1e}: the two classifiers agree '
                'everywhere, so the uncertainty says nothing. Often both see background only: check the labels, train '
                'longer in "label" stages (epoch_ratio), or lower param_lambda'
            )

    def _unlabeled_batches(self) -> Iterator[dict]:
        """Unlabeled batches of this epoch without end, from that with which a resumed epoch goes on."""
        loader = self.unlabeled_dataloader
        sampler = loader.batch_sampler
        passes, sampler.start = divmod(max(self._iter - self._epoch * len(self.dataloader), 0), len(loader))
        while True:
            sampler.epoch = self._epoch + passes * self._max_epochs  # no two passes of a training have the same
            first, seen = sampler.start, 0
            for seen, batch in enumerate(loader, 1):  # noqa: B007
                yield batch
            if not first + seen:
                raise ValueError(
                    f'unlabeled_dataloader says it has {len(loader)} batches and has none; set drop_last=False'
                )
            passes += 1

    def _has_unlabeled(self) -> bool:
        return self.unlabeled_dataloader is not None and len(self.unlabeled_dataloader) > 0

    def _skip_epoch(self) -> None:
        if not self._told_of_skipping:
            self.runner.logger.warning('no unlabeled images: the stages "min" and "max" are skipped')
            self._told_of_skipping = True
        schedulers = ParamSchedulerHook()
        for idx in range(len(self.dataloader)):
            schedulers.after_train_iter(self.runner, idx)
        schedulers.after_train_epoch(self.runner)
        self._iter += len(self.dataloader)
        self._epoch += 1

    def _add_warmup(self, warmup: dict[str, Any]) -> None:
        """Add schedulers to the runner's, which builds them once it has its loop.

        Only the loop knows the stages and how long an epoch of this cycle is.
        """
        there = self.runner.param_schedulers
        if isinstance(there, dict) and 'type' not in there:
            raise TypeError('MIAODTrainLoop needs one optimizer: give param_scheduler as a list, not by names')
        there = [] if there is None else [there] if not isinstance(there, Sequence) else there
        # a list of its own: that of the config stays as it is
        self.runner.param_schedulers = [*there, *stage_warmups(self.stages, max(len(self.dataloader), 1), **warmup)]

    def _install_unlabeled(self) -> None:
        """Make the loader a function of (seed, epoch, index); a resumed run knows its seed only now."""
        randomness = self.runner.cfg.get('randomness') or {}
        rank = get_rank() if self._diff_rank_seed else 0
        self.unlabeled_dataloader = seeded_dataloader(self.unlabeled_dataloader, self.runner.seed - rank + 1)
        resumed = self._iter > 0 and randomness.get('seed') is None and not self._diff_rank_seed
        self.unlabeled_dataloader.batch_sampler.restart(self.runner.seed + 1 if resumed else None)

    @property
    def _diff_rank_seed(self) -> bool:
        return bool((self.runner.cfg.get('randomness') or {}).get('diff_rank_seed', False))

    def _forget_logged(self) -> None:
        """Values of the stage before: they would be printed on, or averaged with those of this stage."""
        scalars = self.runner.message_hub.log_scalars
        for name in [n for n in scalars if n.startswith(('train/labeled/', 'train/unlabeled/')) or n == 'train/loss']:
            del scalars[name]

    def _check(self) -> None:
        runner, model = self.runner, _bare(self.runner.model)
        if not hasattr(model, 'set_stage') or not hasattr(model, 'trainable'):
            raise ValueError(f'MIAODTrainLoop trains a MIAODDetector, got {type(model).__name__}')
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise TypeError('MIAODTrainLoop needs one optimizer over all parameters, got a dict of them')
        counts = runner.optim_wrapper._accumulative_counts
        if counts != 1:
            raise ValueError(
                'MIAODTrainLoop makes a step on every batch, labeled and unlabeled in turn: set '
                f'optim_wrapper.accumulative_counts to 1 (it is {counts}) and choose the batch size instead'
            )
        if not len(self.dataloader):
            raise ValueError('the labeled data loader (train_dataloader) has no batch: label images first')
        sampler = getattr(getattr(self.unlabeled_dataloader, 'batch_sampler', None), 'sampler', None)
        if isinstance(sampler, InfiniteSampler):
            raise TypeError(
                'unlabeled_dataloader.sampler must end, for it is started over by epoch: DefaultSampler, not '
                'InfiniteSampler'
            )


def _bare(model: torch.nn.Module) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model
