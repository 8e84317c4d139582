"""Training from the command line and from Python."""

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from wsod_mm.active.state import STATE_FILE
from wsod_mm.apis.command_line import add_common_options, build_runner, run_command
from wsod_mm.apis.config import UsageError, default_work_dir, is_active_learning, load_config
from wsod_mm.utils.checkpoint_io import latest_checkpoint

__all__ = ['main', 'prepare_training', 'set_resume']


def prepare_training(
    config: Config,
    work_dir: str,
    resume: str | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
    launcher: str = 'none',
) -> Runner:
    """Build a runner that is ready to train.

    Args:
        config: Changed in place.
        work_dir: Folder for logs, checkpoints and ``results.json``.
        resume: ``None`` to start afresh, ``'auto'`` to go on from the newest checkpoint that loads (afresh when
            there is none), or a checkpoint.
        amp: Mixed precision: float16 on GPUs, bfloat16 on the CPU.
        auto_scale_lr: Scale the learning rate by (batch size) / ``auto_scale_lr.base_batch_size``.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Returns:
        The runner; call its ``train()``.

    Raises:
        UsageError: ``auto_scale_lr`` without a base batch size in the config.
    """
    config.work_dir = work_dir
    config.launcher = launcher
    if amp:
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if auto_scale_lr:
        if 'base_batch_size' not in (config.get('auto_scale_lr') or {}):
            raise UsageError(
                '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in the config: '
                'the batch size that its learning rate was chosen for'
            )
        config.auto_scale_lr.enable = True
    set_resume(config, resume)
    return build_runner(config)


def set_resume(config: Config, resume: str | None) -> None:
    """Write the choice of ``--resume`` into a config.

    A run that has no checkpoint yet starts from the beginning, *with* the pre-trained weights that the config names in
    ``load_from`` (stock tools drop them).

    Args:
        config: Changed in place; it has a ``work_dir``.
        resume: See :func:`prepare_training`.

    Raises:
        FileNotFoundError: The named checkpoint does not exist.
        UsageError: A checkpoint for an active-learning experiment.
    """
    if resume is None:
        return
    if is_active_learning(config):
        # it knows where it was, and in which of its folders
        if resume != 'auto':
            raise UsageError(
                '--resume of an active-learning experiment takes no checkpoint: it goes on where al_state.json in its '
                'work_dir says'
            )
        config.resume = (Path(config.work_dir) / STATE_FILE).is_file()
        if not config.resume:
            print(f'no experiment in {config.work_dir} yet: starting from the beginning')
        return
    checkpoint = latest_checkpoint(config.work_dir) if resume == 'auto' else resume
    if checkpoint is None:
        print(f'no checkpoint in {config.work_dir} yet: starting from the beginning')
        config.resume = False
        return
    if '://' not in checkpoint and not Path(checkpoint).is_file():
        raise FileNotFoundError(
            f'checkpoint {checkpoint} does not exist; --resume without a path takes the newest one of {config.work_dir}'
        )
    config.resume, config.load_from = True, checkpoint


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a value, from the newest one of the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16 on the CPU)')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the batch size')
    add_common_options(parser)
    return parser


def _train(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.cfg_options)
    work_dir = default_work_dir(config, arguments.work_dir, arguments.config)
    runner = prepare_training(
        config,
        work_dir,
        resume=arguments.resume,
        amp=arguments.amp,
        auto_scale_lr=arguments.auto_scale_lr,
        launcher=arguments.launcher,
    )
    runner.train()


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``tools/train.py``."""
    run_command(_train, _parser(), arguments)
