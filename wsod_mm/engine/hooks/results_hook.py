"""One ``results.json`` per run: numbers as data."""

import json
import platform
import time
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

from wsod_mm.registry import HOOKS
from wsod_mm.utils.io import write_json

__all__ = ['ResultsHook', 'read_results']


def read_results(path: str | Path) -> dict[str, Any]:
    """Read a ``results.json``.

    Args:
        path: The file, or the work directory that holds it.

    Returns:
        Its contents; empty when there is no such file, or when it is not a JSON object.
    """
    path = Path(path)
    path = path / 'results.json' if path.is_dir() else path
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


@HOOKS.register_module()
class ResultsHook(Hook):
    """Write metrics, per-class details, timing and versions to ``<work_dir>/results.json`` after every evaluation.

    The file has these entries (a test does not erase what training wrote, nor the other way round):

    * ``config``, ``seed``, ``versions`` of the libraries, ``written`` (UTC, ISO 8601);
    * ``train``: ``epoch``, ``iter``, ``max_epochs``, ``max_iters``, ``finished``, ``seconds`` (of training and
      validation, summed over resumed runs);
    * ``val_history``: ``[{epoch, iter, metrics, seconds}, ...]``, one entry per validation;
    * ``val``, ``test``, ``test_tta`` (with test-time augmentation): ``metrics`` (flat, as logged), ``details`` (one
      entry per metric that has a ``details`` attribute, by its prefix), ``checkpoint``, ``images``, ``seconds``,
      ``epoch``, ``iter``.

    Args:
        filename: Name of the file.
    """

    priority = 'LOW'

    def __init__(self, filename: str = 'results.json') -> None:
        self.filename = filename
        self._started = 0.0
        self._train_started = 0.0
        self._seconds_before = 0.0

    def before_train(self, runner: Runner) -> None:
        """Start the clock; when resuming, go on from the time that the earlier runs took."""
        self._train_started = time.perf_counter()
        resumed = runner.iter > 0
        self._seconds_before = (self._read(runner).get('train') or {}).get('seconds', 0.0) if resumed else 0.0
        if is_main_process():
            results = self._read(runner)
            if not resumed:  # numbers of an earlier run in the same folder are not those of this one
                results = {}
            self._write(runner, results, train=self._train_state(runner, finished=False))

    def after_train_epoch(self, runner: Runner) -> None:
        """Note how far training came."""
        if is_main_process():
            self._write(runner, self._read(runner), train=self._train_state(runner, finished=False, ahead=1))

    def after_train(self, runner: Runner) -> None:
        """Note that training ended."""
        if is_main_process():
            self._write(runner, self._read(runner), train=self._train_state(runner, finished=True))

    def before_val_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a validation."""
        if not is_main_process():
            return
        results = self._read(runner)
        entry = self._entry(runner, runner.val_loop, metrics)
        brief = {k: entry[k] for k in ('epoch', 'iter', 'metrics', 'seconds')}
        same = ('epoch', 'iter')
        history = [e for e in results.get('val_history', []) if any(e.get(k) != brief[k] for k in same)]
        self._write(runner, results, val=entry, val_history=[*history, brief])

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the results of a test."""
        if is_main_process():
            name = 'test_tta' if isinstance(_unwrap(runner.model), BaseTTAModel) else 'test'
            self._write(runner, self._read(runner), **{name: self._entry(runner, runner.test_loop, metrics)})

    def _entry(self, runner: Runner, loop: Any, metrics: dict[str, float] | None) -> dict[str, Any]:
        details = {}
        for metric in getattr(loop.evaluator, 'metrics', []):
            if getattr(metric, 'details', None):
                details[getattr(metric, 'prefix', None) or type(metric).__name__] = metric.details
        return dict(
            metrics=metrics or {},
            details=details,
            epoch=runner.epoch,
            iter=runner.iter,
            checkpoint=runner._load_from,
            images=len(loop.dataloader.dataset),
            seconds=round(time.perf_counter() - self._started, 3),
        )

    def _train_state(self, runner: Runner, finished: bool, ahead: int = 0) -> dict[str, Any]:
        by_epoch = runner.max_epochs > 1 or runner.epoch > 0
        epoch = runner.epoch + (ahead if by_epoch else 0)
        seconds = self._seconds_before + time.perf_counter() - self._train_started
        return dict(
            epoch=min(epoch, runner.max_epochs),
            iter=runner.iter,
            max_epochs=runner.max_epochs,
            max_iters=runner.max_iters,
            finished=finished,
            seconds=round(seconds, 3),
        )

    def _read(self, runner: Runner) -> dict[str, Any]:
        return read_results(Path(runner.work_dir) / self.filename)

    def _write(self, runner: Runner, results: dict[str, Any], **entries: Any) -> None:
        name = Path(runner.cfg.filename).name if runner.cfg.filename else None
        results.update(
            config=name,
            seed=runner.seed,
            versions=_versions(),
            written=datetime.now(timezone.utc).isoformat(timespec='seconds'),
            **entries,
        )
        write_json(results, Path(runner.work_dir) / self.filename)


def _unwrap(model: torch.nn.Module) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {'python': platform.python_version(), 'torch': str(torch.__version__)}
    for name in ('wsod_mm', 'mmengine', 'mmcv', 'mmdet', 'numpy'):
        try:
            found[name] = __import__(name).__version__
        except (ImportError, AttributeError):
            found[name] = None
    for fork in ('onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection'):
        try:
            found[fork] = metadata.version(fork)
        except metadata.PackageNotFoundError:
            continue
    return found
