"""Command line of active learning."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.apis.command_line import add_common_options, run_command
from wsod_mm.apis.config import UsageError, default_work_dir, is_active_learning, load_config
from wsod_mm.apis.train import prepare_training

from .results import Experiment, read_experiment
from .strategy_names import strategy_type

__all__ = ['active_learning_main', 'apply_options', 'experiment_text']


def apply_options(
    config: Config,
    cycles: int | None = None,
    start_cycle: int | None = None,
    labeled_file: str | None = None,
    unlabeled_file: str | None = None,
    stop_after_selection: bool = False,
    strategy: str | None = None,
    seed: int | None = None,
) -> None:
    """Write the options of the command line into a config.

    Args:
        config: That of an experiment; changed in place.
        cycles: Number of trainings.
        start_cycle: Begin with this cycle.
        labeled_file: ``X_L_{c}.npy`` to begin with.
        unlabeled_file: ``X_U_{c}.npy`` to begin with.
        stop_after_selection: Stop after each selection.
        strategy: See :func:`~wsod_mm.active.strategy_names.strategy_type`. The options of the one in the config are
            dropped, unless it is the same.
        seed: Of everything: sets, selections and training.

    Raises:
        UsageError: If the config is none of active learning, or there is no such strategy.
    """
    if not is_active_learning(config) or 'active_learning' not in config:
        raise UsageError(
            f'{config.filename} is no config of active learning: it needs active_learning=dict(...) and '
            "runner_type='wsod_mm.ActiveLearningRunner', as configs/_base_/active_runtime.py has it"
        )
    given: dict[str, Any] = dict(
        cycles=cycles, start_cycle=start_cycle, labeled_file=labeled_file, unlabeled_file=unlabeled_file
    )
    settings = config.active_learning
    settings.update({name: value for name, value in given.items() if value is not None})
    if stop_after_selection:
        settings.stop_after_selection = True
    if strategy is not None and strategy_type(strategy) != str(settings.get('strategy', {}).get('type')):
        settings.strategy = dict(type=strategy_type(strategy))
    if seed is not None:
        config.randomness = dict(config.get('randomness') or {}, seed=seed)
        settings.pop('seed', None)


def experiment_text(experiment: Experiment) -> str:
    """Where an experiment stands, for people.

    Args:
        experiment: The experiment.

    Returns:
        A line about the whole, and a table of the cycles.
    """
    where = 'finished' if experiment.phase == 'done' else f'next: {experiment.phase}'
    pool = 'pool of unknown size' if experiment.n_images is None else f'{experiment.n_images} images'
    lines = [f'{experiment.folder}: {experiment.name}, {pool}, cycle {experiment.cycle}, {where}']
    rows = [('cycle', 'labeled', '%', 'mAP', 'selected')]
    selected = experiment.selected_names()
    results = {result.cycle: result for result in experiment.cycles}
    for cycle, ids in sorted(experiment.labeled_ids().items()):
        result = results.get(cycle)
        share = None if experiment.n_images is None else 100 * len(ids) / experiment.n_images
        values = [share, None if result is None else result.mAP]
        number = str(len(selected[cycle])) if cycle in selected else '-'
        rows.append((str(cycle), str(len(ids)), *('-' if v is None else f'{v:.2f}' for v in values), number))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines += ['  '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return '\n'.join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Active learning: train, score the images without label, choose which to label next, and again. '
        'What is not given here is taken from active_learning in the config.'
    )
    parser.add_argument('config', nargs='?', help='config file; --list needs none if --work-dir is given')
    parser.add_argument('--resume', action='store_true', help='go on with the experiment in the work directory')
    parser.add_argument('--list', action='store_true', help='show how far the experiment is, and do nothing')
    parser.add_argument('--cycles', type=int, metavar='N', help='number of trainings')
    parser.add_argument('--start-cycle', type=int, metavar='C', help='begin with this cycle; needs --X_L')
    parser.add_argument('--X_L', '--X-L', dest='labeled_file', metavar='FILE', help='.npy of the labeled images')
    parser.add_argument(
        '--X_U', '--X-U', dest='unlabeled_file', metavar='FILE', help='.npy of the unlabeled images (default: drawn)'
    )
    parser.add_argument(
        '--stop-after-selection', action='store_true', help='stop after each selection, for the images to be labeled'
    )
    parser.add_argument('--strategy', metavar='TYPE', help='for instance Random, Entropy, CoreSet or MIAOD')
    parser.add_argument('--seed', type=int, metavar='N', help='seed of sets, selections and training')
    add_common_options(parser)
    return parser


def _main(arguments: argparse.Namespace) -> None:
    config = None
    if arguments.config is not None:
        config = load_config(arguments.config, arguments.cfg_options)
        apply_options(
            config,
            arguments.cycles,
            arguments.start_cycle,
            arguments.labeled_file,
            arguments.unlabeled_file,
            arguments.stop_after_selection,
            arguments.strategy,
            arguments.seed,
        )
    if arguments.list:
        _list(config, arguments)
        return
    if config is None:
        raise UsageError('give a config')
    work_dir = default_work_dir(config, arguments.work_dir, arguments.config)
    runner = prepare_training(
        config, work_dir, resume='auto' if arguments.resume else None, launcher=arguments.launcher
    )
    runner.train()


def _list(config: Config | None, arguments: argparse.Namespace) -> None:
    if config is None and arguments.work_dir is None:
        raise UsageError('--list needs a config or --work-dir')
    folder = arguments.work_dir or default_work_dir(config, None, arguments.config)
    try:
        print(experiment_text(read_experiment(Path(folder))))
    except ValueError as error:
        raise UsageError(str(error)) from error


def active_learning_main(arguments: Sequence[str] | None = None) -> None:
    """Command line of ``tools/active_learning.py``."""
    run_command(_main, _parser(), None if arguments is None else list(arguments))
