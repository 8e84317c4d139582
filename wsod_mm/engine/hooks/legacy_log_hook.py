"""``<timestamp>.log.json`` as MMDetection 2 wrote it, for the plotting scripts that read it."""

import json
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.utils.dl_utils import collect_env

from wsod_mm.registry import HOOKS

__all__ = ['LegacyLogHook']

# our names of the losses, and those of the public code of MI-AOD
NAMES = {
    'loss_cls': 'l_det_cls',
    'loss_bbox': 'l_det_loc',
    'loss_imgcls': 'l_imgcls',
    'loss_wave_dis': 'l_wave_dis',
    'loss_wave_dis_minus': 'l_wave_dis_minus',
}
# what the total is called in each stage
TOTALS = {'label': 'L_det', 'min': 'L_wave_min', 'max': 'L_wave_max'}
SIDES = ('labeled/', 'unlabeled/')


@HOOKS.register_module()
class LegacyLogHook(Hook):
    """Append a line of JSON per ``interval`` iterations, per end of an epoch, and per validation.

    The first line of a file is ``{"env_info", "config", "seed", "exp_name"}``. The others are, with the entries of
    :class:`~wsod_mm.engine.loops.MIAODTrainLoop` (``stage`` is left out of other loops, where ``epoch`` and
    ``global_epoch`` are the same)::

        {"mode": "train", "cycle": 0, "stage": "min", "epoch": 1, "global_epoch": 4, "iter": 50, "lr": 0.001,
         "time": 0.4, "data_time": 0.01, "labeled/l_det_cls": ..., "unlabeled/l_wave_dis": ..., "L_wave_min": ...}
        {"mode": "val", "cycle": 0, "stage": "label", "epoch": 3, "global_epoch": 13, "mAP": 0.64}

    ``epoch`` and ``iter`` count from 1, within the stage and within the epoch, as in the public code; ``global_epoch``
    is the number in the name of the checkpoint. Losses are means since the line before. They are there for labeled
    and unlabeled images apart, and added up under the plain names ``l_det_cls``, ``l_det_loc``, ``l_imgcls``,
    ``l_wave_dis``, ``l_wave_dis_minus``, and ``L_det``, ``L_wave_min`` or ``L_wave_max`` for the total. (In the public
    code the plain values of "min" and "max" are half of that: means of a labeled and an unlabeled step.)

    Lines are appended; half a line, which a killed process leaves, is removed before the next is written.

    Args:
        interval: Iterations per line.
        cycle: What to write as ``cycle``.
        out_dir: Folder of the file; ``None``: the work directory. In active learning, that of the experiment.
        filename: Name of the file; ``None``: ``<timestamp>.log.json`` with the time at which the runner was made. A
            file that exists is added to.

    Raises:
        ValueError: For an interval below 1.
    """

    priority = 'BELOW_NORMAL'  # after the timer, before the learning rate changes

    def __init__(
        self, interval: int = 50, cycle: int = 0, out_dir: str | None = None, filename: str | None = None
    ) -> None:
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}')
        self.interval, self.cycle, self.out_dir, self.filename = interval, cycle, out_dir, filename
        self._sums: dict[str, torch.Tensor | float] = {}
        self._count = 0

    def before_train(self, runner: Runner) -> None:
        """Begin the file."""
        self._start(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Begin new means."""
        self._sums, self._count = {}, 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Add to the means, and write a line when it is time."""
        for name, value in (outputs or {}).items():
            if isinstance(value, torch.Tensor):
                value = value.detach()
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if (batch_idx + 1) % self.interval == 0 or self.end_of_epoch(runner.train_loop.dataloader, batch_idx):
            self._append(runner, self._train_line(runner, batch_idx))
            self._sums, self._count = {}, 0

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write a line with the metrics, without the prefixes that they have in MMEngine where names allow it."""
        if runner._train_loop is None or isinstance(runner._train_loop, dict):
            return  # a validation without training
        line = self._where(runner, 'val', max(runner.epoch - 1, 0))
        for name, value in (metrics or {}).items():
            short = name.rpartition('/')[2]
            line[name if short in line else short] = value
        self._append(runner, line)

    def _train_line(self, runner: Runner, batch_idx: int) -> dict[str, Any]:
        line = self._where(runner, 'train', runner.epoch)
        line |= {'iter': batch_idx + 1, 'lr': next(iter(runner.optim_wrapper.get_lr().values()))[0]}
        for name in ('time', 'data_time'):
            if f'train/{name}' in runner.message_hub.log_scalars:
                line[name] = runner.message_hub.get_scalar(f'train/{name}').mean(self._count)
        if torch.cuda.is_available():
            line['memory'] = torch.cuda.max_memory_allocated() // 2**20
        return line | legacy_losses({k: float(v) / self._count for k, v in self._sums.items()}, line.get('stage'))

    def _where(self, runner: Runner, mode: str, epoch: int) -> dict[str, Any]:
        line: dict[str, Any] = {'mode': mode, 'cycle': self.cycle}
        at = runner.train_loop.locate(epoch) if hasattr(runner.train_loop, 'locate') else None
        if at is not None:
            line['stage'] = at.stage
        return line | {'epoch': (epoch if at is None else at.epoch) + 1, 'global_epoch': epoch + 1}

    def _path(self, runner: Runner) -> Path:
        return Path(self.out_dir or runner.work_dir) / (self.filename or f'{runner.timestamp}.log.json')

    @master_only
    def _start(self, runner: Runner) -> None:
        path = self._path(runner)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _drop_half_line(path)
        if not path.exists() or not path.stat().st_size:
            env = '\n'.join(f'{name}: {value}' for name, value in collect_env().items())
            config = runner.cfg.pretty_text
            self._append(runner, dict(env_info=env, config=config, seed=runner.seed, exp_name=runner.experiment_name))

    def _append(self, runner: Runner, line: dict[str, Any]) -> None:
        if is_main_process():
            with self._path(runner).open('a', encoding='utf-8') as handle:
                handle.write(json.dumps({k: _plain(v) for k, v in line.items()}, ensure_ascii=False) + '\n')


def legacy_losses(values: dict[str, float], stage: str | None = None) -> dict[str, float]:
    """Logged values under their old names.

    Args:
        values: Means by our names; ``labeled/...`` and ``unlabeled/...``, or neither.
        stage: Stage of MI-AOD, ``None`` for other training.

    Returns:
        First those that are labeled and unlabeled, then the sums of both under the plain names.
    """
    total = TOTALS[stage or 'label']
    sided: dict[str, float] = {}
    sums: dict[str, float] = {}
    for key, value in values.items():
        side = next((s for s in SIDES if key.startswith(s)), '')
        name = key[len(side) :]
        name = total if name == 'loss' else NAMES.get(name, name)
        if side:
            sided[side + name] = value
        if side or name != total or not any(k.startswith(SIDES) for k in values):
            sums[name] = sums.get(name, 0.0) + value
    return sided | sums


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's; what is not finite as null, which every reader accepts."""
    value = value.item() if hasattr(value, 'item') else value
    return None if isinstance(value, float) and not abs(value) < float('inf') else value


def _drop_half_line(path: Path) -> None:
    with path.open('rb+') as handle:
        data = handle.read()
        handle.truncate(data.rfind(b'\n') + 1)
