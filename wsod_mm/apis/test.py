"""Testing from the command line and from Python."""

import argparse
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

from wsod_mm.apis.command_line import add_common_options, build_runner, run_command
from wsod_mm.apis.config import UsageError, default_work_dir, is_active_learning, load_config

__all__ = ['main', 'prepare_test', 'use_test_time_augmentation']


def prepare_test(
    config: Config,
    checkpoint: str,
    work_dir: str,
    tta: bool = False,
    out: str | None = None,
    show: bool = False,
    show_dir: str | None = None,
    wait_time: float = 2.0,
    launcher: str = 'none',
) -> Runner:
    """Build a runner that is ready to test.

    Args:
        config: Changed in place.
        checkpoint: Weights.
        work_dir: Folder for logs and ``results.json``.
        tta: Use the config's ``tta_model`` and ``tta_pipeline``.
        out: Write the predictions to this ``.pkl`` file.
        show: Show each image in a window.
        show_dir: Write painted images to ``<work_dir>/<time>/<show_dir>``.
        wait_time: Seconds that a window stays.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Returns:
        The runner; call its ``test()``.

    Raises:
        FileNotFoundError: The checkpoint does not exist.
        UsageError: ``out`` is not a ``.pkl`` file, or the config lacks what an option needs.
    """
    if '://' not in checkpoint and not Path(checkpoint).expanduser().is_file():
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    if out is not None and not out.endswith(('.pkl', '.pickle')):
        raise UsageError(f'--out {out}: the predictions are written as a .pkl file')
    config.work_dir, config.launcher, config.load_from, config.resume = work_dir, launcher, checkpoint, False
    if show or show_dir:
        _show(config, show, show_dir, wait_time)
    if tta:
        use_test_time_augmentation(config)
    if is_active_learning(config):
        # it owns the cycles of an experiment; a model of one of them is tested like any other
        config.pop('runner_type')
    runner = build_runner(config)
    if out is not None:
        from mmdet.evaluation import DumpDetResults

        runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=out))
    return runner


def use_test_time_augmentation(config: Config) -> None:
    """Wrap the model into ``tta_model`` and give the innermost test data set the ``tta_pipeline``.

    Args:
        config: Changed in place.

    Raises:
        UsageError: The config lacks one of the two.
    """
    missing = [key for key in ('tta_model', 'tta_pipeline') if key not in config]
    if missing:
        raise UsageError(
            f'--tta needs {" and ".join(missing)} in the config; the bases in configs/_base_/tta define them'
        )
    config.model = ConfigDict(**deepcopy(config.tta_model), module=config.model)
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = deepcopy(config.tta_pipeline)


def _show(config: Config, show: bool, show_dir: str | None, wait_time: float) -> None:
    hook = (config.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise UsageError('--show and --show-dir need default_hooks.visualization in the config')
    hook.update(draw=True, show=show, wait_time=wait_time)
    if show_dir:
        hook.test_out_dir = show_dir


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Test a model and evaluate it.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation (tta_model, tta_pipeline of the config)'
    )
    parser.add_argument('--out', help='write the predictions to this .pkl file')
    parser.add_argument('--show', action='store_true', help='show the predictions in windows')
    parser.add_argument('--show-dir', help='write painted images to <work-dir>/<time>/SHOW_DIR')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that a window stays')
    add_common_options(parser)
    return parser


def _test(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.cfg_options)
    work_dir = default_work_dir(config, arguments.work_dir, arguments.config)
    runner = prepare_test(
        config,
        arguments.checkpoint,
        work_dir,
        tta=arguments.tta,
        out=arguments.out,
        show=arguments.show,
        show_dir=arguments.show_dir,
        wait_time=arguments.wait_time,
        launcher=arguments.launcher,
    )
    runner.test()


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``tools/test.py``."""
    run_command(_test, _parser(), arguments)
