"""Learning curves of several strategies over seeds, as tables, plot and report."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wsod_mm.active.state import STATE_FILE
from wsod_mm.evaluation.tables import format_spread, markdown_table
from wsod_mm.pipeline.guard import guard
from wsod_mm.pipeline.pipeline import Pipeline
from wsod_mm.pipeline.stage import StageFolder
from wsod_mm.registry import DATASETS
from wsod_mm.utils.io import atomic_write

from .cycle_config import pool_config
from .plots import plot_learning_curves
from .report import write_report
from .results import Experiment, learning_curves, read_experiment
from .table_stages import (
    TableOptions,
    experiment_config,
    experiment_name,
    mini_experiments,
    quick_table_options,
    table_stages,
)

__all__ = ['active_table', 'main', 'read_runs', 'run_table', 'write_outputs']

Run = tuple[str, int, int]  # name of the curve, data seed, seed


def active_table(experiments: Mapping[Run, Experiment]) -> str:
    """Tables of mAP by number of labeled images.

    Args:
        experiments: (name of the curve, data seed, seed) -> experiment, finished or not. The first name is the one that
            the others are compared with.

    Returns:
        Markdown: mean ± sample standard deviation per curve and number of labeled images, and of the mean over a whole
        curve; then differences to the first curve, of runs with the same seeds. A number in brackets says how many runs
        a cell has, where not all have got there.
    """
    curves: dict[str, dict[tuple[int, int], dict[int, float]]] = {}
    shares: dict[int, float | None] = {}
    for (name, data_seed, seed), experiment in experiments.items():
        values = {result.n_labeled: result.mAP for result in experiment.cycles if result.mAP is not None}
        curves.setdefault(name, {})[data_seed, seed] = values
        shares.update({result.n_labeled: result.percent for result in experiment.cycles if result.n_labeled in values})
    if not shares:
        return 'No cycle is evaluated yet.'
    counts = sorted(shares)
    header = [f'{n}' if shares[n] is None else f'{n} ({shares[n]:.1f} %)' for n in counts] + ['mean of the curve']
    rows = [[name, *_cells(list(runs.values()), counts)] for name, runs in curves.items()]
    seeds = {(data_seed, seed) for _, data_seed, seed in experiments}
    lines = [
        'mAP, percent, by number of labeled images. ' + _over(seeds),
        '',
        markdown_table(['', *header], rows),
    ]
    first, *others = curves
    rows = []
    for name in others:
        pairs = [(curves[name][key], curves[first][key]) for key in curves[name] if key in curves[first]]
        gains = [{n: mine[n] - base[n] for n in mine if n in base} for mine, base in pairs]
        if any(gains):
            rows.append([f'{name} − {first}', *_cells(gains, counts, '+')])
    if rows:
        lines += ['', f'Difference to {first}, run by run:', '', markdown_table(['', *header], rows)]
    return '\n'.join(lines)


def read_runs(options: TableOptions, root: Path) -> dict[Run, Experiment]:
    """Experiments of these options that have begun; what was made with other settings is left out.

    Args:
        options: What belongs to the table.
        root: Absolute work folder.

    Returns:
        In the order of ``options.runs()``.
    """
    stages = table_stages(options, root)
    keys, by_name = Pipeline(stages, root).keys(), {stage.name: stage for stage in stages}
    found = {}
    for run in options.runs():
        name = experiment_name(run)
        is_mine = StageFolder(root, by_name[name]).record().get('key') == keys[name]
        if is_mine and (root / name / 'run' / STATE_FILE).is_file():
            found[run] = read_experiment(root / name / 'run', run[0])
    return found


def write_outputs(options: TableOptions, root: Path, images: int = 6) -> str:
    """Write ``table.md``, ``curves.png`` and ``report.html`` from what there is.

    Args:
        options: What belongs to the table.
        root: Absolute work folder.
        images: Chosen images in the report, per experiment and cycle.

    Returns:
        The tables.
    """
    found = read_runs(options, root)
    text = active_table(found)
    if options.quick:
        text = 'A quick look (nothing is learnt: no result).\n\n' + text
    with atomic_write(root / 'table.md') as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')
    curves = learning_curves(list(found.values()))
    if any(curves.values()):
        plot_learning_curves(curves, root / 'curves.png')
        pools = {}
        for name, data_seed, seed in found:
            if data_seed not in pools:
                devkit = root / f'data{data_seed}' / 'minivoc' / 'devkit'
                pools[data_seed] = DATASETS.build(pool_config(experiment_config(options.configs[name], devkit, seed)))
        write_report(list(found.values()), root / 'report.html', [pools[run[1]] for run in found], images)
    else:  # those of other settings would be taken for these
        for name in ('curves.png', 'report.html'):
            (root / name).unlink(missing_ok=True)
    return text


def run_table(options: TableOptions, root: Path, workers: int | None = None, images: int = 6) -> str:
    """Do everything that is not done yet; tables, plot and report are written also when it fails or is stopped.

    Args:
        options: What to run.
        root: Absolute work folder.
        workers: Stages at a time.
        images: See :func:`write_outputs`.

    Returns:
        The tables.
    """
    # many single threads finish more than one stage with all cores at a time
    stages = [dataclasses.replace(stage, alone=False) for stage in table_stages(options, root)]
    try:
        Pipeline(stages, root, workers).run()
    finally:
        text = write_outputs(options, root, images)
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """``tools/active_table.py``: experiments of active learning over seeds.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog='active_table.py',
        description='Run experiments of active learning on generated images over seeds and compare them: table.md, '
        'curves.png, report.html. What is finished is skipped, what was killed goes on.',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/active_table'), help='folder of all results')
    parser.add_argument('--data-seeds', type=int, nargs='+', default=[0, 1, 2], help='seeds of the images (0 1 2)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='seeds of split and training (default: 0)')
    parser.add_argument('--only', nargs='+', metavar='NAME', help='only these curves (default: all of configs/mini)')
    parser.add_argument(
        '--config', nargs='+', default=[], metavar='NAME=FILE', help='further curves, or configs for those that exist'
    )
    parser.add_argument('--workers', type=int, help='experiments at a time (default: 2, or 1 on one core)')
    parser.add_argument('--threads', type=int, default=1, help='threads of each training (default: 1)')
    parser.add_argument('--images', type=int, default=6, help='chosen images in the report per experiment and cycle')
    parser.add_argument('--tables-only', action='store_true', help='tables, plot and report of what is there')
    parser.add_argument('--quick', action='store_true', help='tiny variant: everything runs, nothing is learnt')
    args = parser.parse_args(arguments)

    def work() -> None:
        configs = mini_experiments()
        for item in args.config:
            name, _, path = item.partition('=')
            if not name or not path or '/' in name:
                parser.error(f'--config {item}: expected NAME=FILE')
            configs[name] = Path(path)
        unknown = sorted(set(args.only or ()) - set(configs))
        if unknown:
            raise ValueError(f'no curve {", ".join(unknown)}; there are {", ".join(configs)}')
        make = quick_table_options if args.quick else TableOptions
        options = make(
            configs={name: configs[name] for name in args.only or configs},
            data_seeds=tuple(args.data_seeds),
            seeds=tuple(args.seeds),
            threads=args.threads,
        )
        root = args.work_dir.resolve()
        if args.tables_only:
            print(write_outputs(options, root, args.images))
        else:
            print(run_table(options, root, args.workers, args.images))
        print(f'\n{args.work_dir / "table.md"}, curves.png, report.html')

    return guard(work)


def _cells(runs: Sequence[Mapping[int, float]], counts: Sequence[int], sign: str = '') -> list[str]:
    """A cell per number of labeled images, and one for the mean of the curve, of runs that have all numbers."""
    cells = [_cell([run[n] for run in runs if n in run], len(runs), sign) for n in counts]
    whole = [float(np.mean([run[n] for n in counts])) for run in runs if all(n in run for n in counts)]
    return [*cells, _cell(whole, len(runs), sign)]


def _cell(values: Sequence[float], runs: int, sign: str) -> str:
    text = format_spread(values, sign)
    return text if len(values) in (0, runs) else f'{text} ({len(values)})'


def _over(seeds: set[tuple[int, int]]) -> str:
    if len(seeds) == 1:
        return 'One run per curve: differences may be chance.'
    data_seeds, training_seeds = (len(set(part)) for part in zip(*seeds, strict=True))
    return (
        f'Mean ± sample standard deviation over {len(seeds)} runs ({data_seeds} data seeds × {training_seeds} seeds of '
        'split and training).'
    )
