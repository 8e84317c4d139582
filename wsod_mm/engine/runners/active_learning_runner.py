"""The cycles of active learning: train, score, select, and again."""

import gc
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import barrier, init_dist, is_distributed, is_main_process
from mmengine.logging import MMLogger, print_log
from mmengine.logging.logger import MMFormatter
from mmengine.model import is_model_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from wsod_mm.active.cycle_config import cycle_checkpoint, cycle_config, pool_config, score_dataloader_config
from wsod_mm.active.files import (
    check_ids,
    read_ids,
    read_split,
    read_uncertainty,
    write_selected,
    write_split,
    write_uncertainty,
)
from wsod_mm.active.first_sets import check_first_sets, first_sets, unlabeled_problems
from wsod_mm.active.pool import draw_candidates, next_sets
from wsod_mm.active.results import CycleResult, main_metric, write_summary
from wsod_mm.active.scoring import discard_partial, missing_ids, score_images
from wsod_mm.active.state import STATE_FILE, ExperimentState, config_hash, file_hash
from wsod_mm.apis.config import UsageError
from wsod_mm.engine.hooks.latest_link_hook import link_latest
from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.registry import DATASETS, RUNNERS, TASK_UTILS
from wsod_mm.utils.io import write_json
from wsod_mm.utils.on_main import on_main

__all__ = ['ActiveLearningRunner']


@RUNNERS.register_module()
class ActiveLearningRunner:
    """Own the cycles of active learning. ``tools/train.py`` builds it for a config with ``runner_type`` of this name.

    Every cycle has an MMEngine runner of its own in ``work_dir/cycle{c}``, a new model and the same seed; what is
    trained, and how, is the business of the config's loops, loaders and hooks. Data sets of type ``PoolSubset`` get the
    images of the cycle. After the training the strategy scores the images without label and chooses which ones to
    label next.

    ``work_dir`` holds ``al_state.json``, ``X_L_{c}.npy`` and ``X_U_{c}.npy`` (ids), ``summary.csv``, ``latest.pth``,
    ``<timestamp>.log`` and ``<timestamp>.log.json`` of each start, and per cycle the names of the images, checkpoints,
    ``metrics.json``, ``uncertainty_{c}.npy`` and ``selected_{c}.txt``.
    A killed experiment goes on where it was: in the training of its cycle, in the scoring of its images, or after.

    With several processes all train and score; rank 0 decides and writes.

    Source: MI-AOD, public code, whose main loop does this around one working directory for all cycles and cannot go
    on after a stop.

    Args:
        config: The whole config. Its ``active_learning`` has the arguments of :meth:`set_options`.

    Raises:
        UsageError: If the config lacks ``work_dir`` or ``active_learning``, or has unknown settings there.
    """

    def __init__(self, config: Config) -> None:
        if not config.get('work_dir'):
            raise UsageError('an experiment of active learning needs a work_dir')
        if 'active_learning' not in config:
            raise UsageError('ActiveLearningRunner needs active_learning=dict(initial_size=..., budget=..., ...)')
        self.config = config
        self.work_dir = Path(config.work_dir).absolute()
        self.launcher = config.get('launcher', 'none')
        init_default_scope(config.get('default_scope', 'wsod_mm'))
        options = {key: value for key, value in config.active_learning.items() if key != 'pool'}
        try:
            self.set_options(**options)
        except TypeError as error:
            raise UsageError(f'active_learning: {error}') from error
        self._runner: Runner | None = None
        self._log_name = time.strftime('%Y%m%d_%H%M%S') + '.log'

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'ActiveLearningRunner':
        """Build it, as MMEngine's tools do."""
        return cls(cfg)

    def set_options(
        self,
        strategy: dict,
        initial_size: int,
        budget: int,
        cycles: int = 7,
        unlabeled_size: int | None = None,
        candidates: int | float | None = None,
        seed: int | None = None,
        score_dataloader: dict | None = None,
        metric: str | None = None,
        flush_every: int = 100,
        stop_after_selection: bool = False,
        start_cycle: int = 0,
        labeled_file: str | None = None,
        unlabeled_file: str | None = None,
    ) -> None:
        """Settings of the experiment, the entries of ``active_learning`` (besides ``pool``).

        Args:
            strategy: Config of an acquisition strategy, for instance ``dict(type='MIAODStrategy')``.
            initial_size: Number of labeled images of cycle 0. VOC: 827.
            budget: Number of images to label after each cycle. VOC: 413.
            cycles: Number of trainings.
            unlabeled_size: Number of images trained on without labels; ``None``: as many as labeled.
            candidates: Score so many images drawn from those without label (int), or this share of the pool (float);
                ``None``: all. COCO: 0.2.
            seed: Of splits and selections; ``None``: ``randomness.seed``.
            score_dataloader: Loader of the images to score; needed by strategies that look at images.
            metric: Main metric, see :func:`~wsod_mm.active.results.main_metric`.
            flush_every: A killed scoring loses at most so many images.
            stop_after_selection: Stop after each selection until the images are labeled and the run is resumed.
            start_cycle: Begin with this cycle; needs ``labeled_file``.
            labeled_file: ``.npy`` with the ids of the labeled images to begin with.
            unlabeled_file: The same for the unlabeled images; ``None``: drawn.

        Raises:
            UsageError: For numbers out of range.
        """
        if cycles < 1 or not 0 <= start_cycle < cycles:
            raise UsageError(
                f'active_learning: need at least 1 cycle and start_cycle below it, got {cycles=}, {start_cycle=}'
            )
        if budget < 0 or initial_size < 1:
            raise UsageError(f'active_learning: need initial_size >= 1 and budget >= 0, got {initial_size=}, {budget=}')
        if (start_cycle > 0 or unlabeled_file is not None) and labeled_file is None:
            raise UsageError('active_learning: start_cycle and unlabeled_file need labeled_file, an X_L_{c}.npy')
        self.strategy_config = strategy
        self.initial_size, self.budget, self.cycles = initial_size, budget, cycles
        self.unlabeled_size, self.candidates = unlabeled_size, candidates
        self.seed = self.config.get('randomness', {}).get('seed', 0) if seed is None else seed
        if self.seed is None:
            raise UsageError('active_learning: set seed, or randomness.seed: without one no run can be repeated')
        self.score_dataloader, self.metric, self.flush_every = score_dataloader, metric, flush_every
        self.stop_after_selection = stop_after_selection
        self.start_cycle, self.labeled_file, self.unlabeled_file = start_cycle, labeled_file, unlabeled_file

    def train(self) -> ExperimentState:
        """Run the experiment to its end, or go on with it.

        Returns:
            The last state.

        Raises:
            UsageError: If ``work_dir`` holds an experiment and ``resume`` is not set, or one with other settings; if
                images that were selected are not yet labeled.
        """
        if self.launcher != 'none' and not is_distributed():
            init_dist(self.launcher, **self.config.get('env_cfg', {}).get('dist_cfg', dict(backend='nccl')))
        self.pool = DATASETS.build(pool_config(self.config))
        self.strategy = TASK_UTILS.build(self.strategy_config)
        if self.strategy.needs_scores and self.score_dataloader is None:
            raise UsageError(f'{type(self.strategy).__name__} looks at images: set active_learning.score_dataloader')
        self.state = self._begin()
        phases = dict(annotate=self._annotate, train=self._train, score=self._score, select=self._select)
        while not self._is_over():
            if phases[self.state.phase]():  # a person has to do something
                break
        self._release()
        return self.state

    def _is_over(self) -> bool:
        """Whether the experiment is done, or further than this run is to go: it was begun with more cycles."""
        state = self.state
        return state.phase == 'done' or state.cycle + (state.phase in ('score', 'select')) >= self.cycles

    def _begin(self) -> ExperimentState:
        """Read the state of an experiment, or make the first split."""
        path = self.work_dir / STATE_FILE
        # rank 0 looks, for all: it may have written the file before another one looks
        if not on_main(path.is_file):
            on_main(self._split)
            self._say(f'{len(self.pool)} images, {len(self._labeled(self.start_cycle))} of them labeled')
            return ExperimentState.load(path)
        if not self.config.get('resume'):
            raise UsageError(
                f'{self.work_dir} holds an experiment: go on with it with --resume, or choose another --work-dir'
            )
        state = ExperimentState.load(path)
        if state.config != config_hash(self.config):
            raise UsageError(
                f'{path} belongs to an experiment with another config; what was trained cannot be compared. Give the '
                'config that it began with, or another --work-dir'
            )
        if state.n_images != len(self.pool):
            raise UsageError(f'{path} has {state.n_images} images, the pool has {len(self.pool)}: restore its lists')
        state.check_sets(self.work_dir)
        if self.labeled_file is not None:
            first = min(int(Path(name).stem.rpartition('_')[2]) for name in state.sets)
            files = (self.labeled_file, self.unlabeled_file)
            check_first_sets(self.work_dir, state.n_images, first, self.start_cycle, *files)
        if state.phase == 'done' and state.cycle + 1 < self.cycles:  # of a run with fewer cycles
            state.phase = self._after_training(state.cycle)
        return state

    def _split(self) -> None:
        """Write the first sets and the state."""
        left = sorted(self.work_dir.glob('cycle*/epoch_*.pth'))
        if left:
            raise UsageError(
                f'{left[0]} belongs to an experiment whose {STATE_FILE} is gone: restore that file, or choose another '
                '--work-dir'
            )
        n, cycle = len(self.pool), self.start_cycle
        labeled, unlabeled = first_sets(
            n, self.initial_size, self.seed, self.unlabeled_size, self.labeled_file, self.unlabeled_file
        )
        self.work_dir.mkdir(parents=True, exist_ok=True)
        write_split(self.work_dir, cycle, labeled, unlabeled, self.pool.names, self.pool.parts)
        state = ExperimentState(
            self.seed,
            n,
            str(self.strategy_config['type']),
            config_hash(self.config),
            cycle,
            sets=self._set_hashes(cycle),
            metric=self.metric,
        )
        state.save(self.work_dir / STATE_FILE)

    def _annotate(self) -> bool:
        """Go on once all selected images are labeled."""
        cycle = self.state.cycle
        before = read_ids(self.work_dir / f'X_L_{cycle - 1}.npy', len(self.pool))
        problems = unlabeled_problems(self.pool, np.setdiff1d(self._labeled(cycle), before))
        if problems:
            raise UsageError(
                f'{len(problems)} images of cycle{cycle - 1}/selected_{cycle - 1}.txt are not labeled yet; label them '
                f'and run this again with --resume. The first: {problems[0]}'
            )
        self._move(phase='train')
        return False

    def _train(self) -> bool:
        cycle = self.state.cycle
        runner = self._build(cycle)
        self._say(f'cycle {cycle}: training with {len(self._labeled(cycle))} of {len(self.pool)} images labeled')
        runner.train()
        barrier()
        checkpoint = cycle_checkpoint(self._folder(cycle))
        labeled, unlabeled = read_split(self.work_dir, cycle, len(self.pool))
        history = read_results(self._folder(cycle)).get('val_history') or [{}]
        entry = dict(
            cycle=cycle,
            n_labeled=len(labeled),
            n_unlabeled=len(unlabeled),
            metrics=history[-1].get('metrics', {}),
            checkpoint=checkpoint and Path(os.path.relpath(checkpoint, self.work_dir)).as_posix(),
        )
        cycles = [old for old in self.state.cycles if old['cycle'] != cycle] + [entry]
        if is_main_process():
            write_json(entry, self._folder(cycle) / 'metrics.json')
            write_summary(map(self._result, cycles), self.work_dir / 'summary.csv')
            if checkpoint is not None:
                link_latest(checkpoint, self.work_dir / 'latest.pth')
        value = self._result(entry).mAP
        measured = 'not evaluated' if value is None else f'{self.metric or "mAP"} {value:.2f}'
        self._say(f'cycle {cycle}: {measured}, trained with {len(labeled)} labeled images')
        self._move(cycles=cycles, phase=self._after_training(cycle))
        return False

    def _result(self, entry: dict[str, Any]) -> CycleResult:
        share = 100 * entry['n_labeled'] / len(self.pool)
        return CycleResult(entry['cycle'], entry['n_labeled'], share, main_metric(entry['metrics'], self.metric))

    def _score(self) -> bool:
        cycle, n = self.state.cycle, len(self.pool)
        candidates = self._candidates(cycle)
        if self.strategy.needs_scores:
            ids = np.union1d(candidates, self._labeled(cycle)) if self.strategy.score_labeled else candidates
            partial = self._partial(cycle)
            key = f'{self.state.config}_{cycle}'
            todo = missing_ids(partial, ids, key)
            loader = None
            if todo.size:
                loader = Runner.build_dataloader(score_dataloader_config(self.score_dataloader, todo), seed=self.seed)
            values = score_images(
                self._model(cycle), loader, self.strategy, n, partial, self.flush_every, candidates=ids, key=key
            )
            if is_main_process():
                write_uncertainty(self._folder(cycle) / f'uncertainty_{cycle}.npy', values)
        self._move(phase='select')
        return False

    def _select(self) -> bool:
        discard_partial(self._partial(self.state.cycle))
        on_main(self._write_selection)
        self._release()
        cycle = self.state.cycle + 1
        sets = {**self.state.sets, **self._set_hashes(cycle)}
        self._move(cycle=cycle, phase='annotate' if self.stop_after_selection else 'train', sets=sets)
        if self.stop_after_selection:
            self._say(f'label the images of {self._folder(cycle - 1)}/selected_{cycle - 1}.txt, then --resume')
        return self.stop_after_selection

    def _write_selection(self) -> None:
        """Choose images and write the sets of the next cycle. The same again after a stop."""
        cycle, n, names = self.state.cycle, len(self.pool), self.pool.names
        values = None
        if self.strategy.needs_scores:
            values = read_uncertainty(self._folder(cycle) / f'uncertainty_{cycle}.npy', n)
        labeled, candidates = self._labeled(cycle), self._candidates(cycle)
        # every cycle has a draw of its own; the seed itself is that of the unlabeled images, as in the public code
        selected = self.strategy.select(values, labeled, candidates, self.budget, self.seed + 1 + cycle, names)
        selected = check_ids(selected, n, f'selection of {type(self.strategy).__name__}')
        write_selected(self._folder(cycle) / f'selected_{cycle}.txt', selected, names)
        sets = next_sets(n, labeled, selected, self.seed, self.unlabeled_size)
        write_split(self.work_dir, cycle + 1, sets.labeled, sets.unlabeled, names, self.pool.parts)
        self._say(f'cycle {cycle}: selected {len(selected)} of {len(candidates)} images')

    def _after_training(self, cycle: int) -> str:
        if cycle + 1 >= self.cycles:
            return 'done'
        if self.budget == 0 or not self._candidates(cycle).size:
            reason = 'no image is left to choose from' if self.budget else 'the budget is 0'
            self._say(f'{reason}: this was the last cycle')
            return 'done'
        return 'score'

    def _candidates(self, cycle: int) -> np.ndarray:
        """Ids to choose from: a function of the seed, so nothing is stored."""
        n, labeled = len(self.pool), self._labeled(cycle)
        size = n if self.candidates is None else self.candidates
        if isinstance(size, float):
            size = int(size * n)
        return draw_candidates(n, labeled, size, self.seed + 1 + cycle)

    def _labeled(self, cycle: int) -> np.ndarray:
        return read_ids(self.work_dir / f'X_L_{cycle}.npy', len(self.pool))

    def _folder(self, cycle: int) -> Path:
        return self.work_dir / f'cycle{cycle}'

    def _partial(self, cycle: int) -> Path:
        return self._folder(cycle) / 'partial_scores'

    def _set_hashes(self, cycle: int) -> dict[str, str]:
        return {name: file_hash(self.work_dir / name) for name in (f'X_L_{cycle}.npy', f'X_U_{cycle}.npy')}

    def _build(self, cycle: int) -> Runner:
        """The runner of a cycle."""
        self._release()
        has_unlabeled = read_ids(self.work_dir / f'X_U_{cycle}.npy', len(self.pool)).size > 0
        self._runner = Runner.from_cfg(
            cycle_config(self.config, self.work_dir, cycle, has_unlabeled, f'{self._log_name}.json')
        )
        if is_main_process():
            # besides the log in the folder of the cycle
            self._log = logging.FileHandler(self.work_dir / self._log_name, encoding='utf-8')
            self._log.setFormatter(MMFormatter(False))
            self._runner.logger.addHandler(self._log)
        return self._runner

    def _model(self, cycle: int) -> torch.nn.Module:
        """The trained model of a cycle, bare."""
        if self._runner is None:
            checkpoint = cycle_checkpoint(self._folder(cycle))
            if checkpoint is None:
                raise UsageError(f'{self._folder(cycle)} has no checkpoint, so its images cannot be scored; restore it')
            self._build(cycle).load_checkpoint(checkpoint)
        model = self._runner.model
        return model.module if is_model_wrapper(model) else model

    def _release(self) -> None:
        """Let go of the last cycle's model and loaders before the next ones are made."""
        if self._runner is not None:
            if is_main_process():
                self._runner.logger.removeHandler(self._log)
                self._log.close()
            self._runner = None
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _move(self, **changes: Any) -> None:
        """Change the state, and write it once all processes are there."""
        barrier()
        for name, value in changes.items():
            setattr(self.state, name, value)
        if is_main_process():
            self.state.save(self.work_dir / STATE_FILE)
        barrier()

    def _say(self, text: str) -> None:
        if is_main_process():
            print_log(text, logger='current' if MMLogger.check_instance_created('mmengine') else None)
