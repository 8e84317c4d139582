"""Command line of the ablation."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from wsod_mm.evaluation.tables import markdown_table
from wsod_mm.pipeline.guard import guard
from wsod_mm.pipeline.pipeline import Pipeline
from wsod_mm.pipeline.stage import Stage, StageFolder
from wsod_mm.utils.io import atomic_write

from .collect import collect_rows
from .grid import Grid, GridRow, load_grid
from .plots import plot_ablation, plot_published
from .rows import write_rows
from .stages import Run, grid_runs, grid_stages, row_stage_name
from .tables import ablation_tables

__all__ = ['list_grid', 'main', 'run_grid', 'write_outputs']


def run_grid(
    grid: Grid,
    root: Path,
    runs: Sequence[Run],
    rows: Sequence[str] | None = None,
    workers: int | None = None,
    quick: bool = False,
    threads: int = 1,
) -> None:
    """Do everything that is not done yet; tables and plots are written also when it fails or is stopped.

    Args:
        grid: The grid.
        root: Absolute work folder.
        runs: Seeds.
        rows: Keys of the rows; default all.
        workers: Stages at a time.
        quick: One epoch on a few images.
        threads: Threads of each training.
    """
    stages = grid_stages(grid, root, runs, rows, quick, threads)
    if len(runs) > 1:
        # many single threads finish more than one stage with all cores at a time
        stages = [dataclasses.replace(stage, alone=False) for stage in stages]
    # rows that an earlier call made with other settings leave the files before new ones come
    write_rows(root, collect_rows(grid, root, quick).rows)
    try:
        Pipeline(stages, root, workers).run()
    finally:
        write_outputs(grid, root, quick)


def write_outputs(grid: Grid, root: Path, quick: bool = False) -> str:
    """Write ``rows.json``, ``rows.csv``, ``tables.md``, ``ablation.png`` and ``published.png`` from what is finished.

    Args:
        grid: The grid.
        root: Absolute work folder.
        quick: Whether the tiny variant is meant.

    Returns:
        The tables.
    """
    found = collect_rows(grid, root, quick)
    if found.stale:
        print(
            'left out, made with other settings (run them again): ' + ', '.join(found.stale),
            file=sys.stderr,
            flush=True,
        )
    write_rows(root, found.rows)
    text = ablation_tables(grid, found.rows)
    with atomic_write(root / 'tables.md') as temporary:
        temporary.write_text(text + '\n', encoding='utf-8')
    if found.rows:
        plot_ablation(grid, found.rows, root / 'ablation.png')
    else:  # one of other settings would be taken for theirs
        (root / 'ablation.png').unlink(missing_ok=True)
    if any(table.numbers() for table in grid.tables):
        plot_published(grid, found.rows, root / 'published.png')
    return text


def list_grid(
    grid: Grid, root: Path, runs: Sequence[Run], rows: Sequence[str] | None = None, quick: bool = False
) -> str:
    """Table of the rows with what is done of each run.

    Args:
        grid: The grid.
        root: Absolute work folder.
        runs: Seeds.
        rows: Keys of the rows; default all.
        quick: Whether the tiny variant is meant.

    Returns:
        Markdown; ``done``, ``begun`` or a dash per run.
    """
    stages = grid_stages(grid, root, runs, rows, quick)
    keys = Pipeline(stages, root).keys()
    by_name = {stage.name: stage for stage in stages}
    lines = []
    for row in grid.select(rows):
        states = [_state(root, by_name, keys, run, row) for run in runs]
        lines.append([f'{row.key}: {row.name}', row.config.name, *states])
    return markdown_table(['row', 'config', *(run.prefix.rstrip('/') for run in runs)], lines)


def _state(root: Path, stages: dict[str, Stage], keys: dict[str, str], run: Run, row: GridRow) -> str | None:
    name = row_stage_name(run, row.key)
    if StageFolder(root, stages[name]).is_done(keys[name]):
        return 'done'
    training = run.prefix + row.detector
    return 'begun' if StageFolder(root, stages[training]).record().get('key') == keys[training] else None


def main(arguments: Sequence[str] | None = None) -> int:
    """``tools/ablation.py``: a grid of configs over seeds.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog='ablation.py',
        description='Train and test every config of a grid with every seed, and compare them: rows.json, rows.csv, '
        'tables.md, ablation.png, published.png. What is finished is skipped, what was killed goes on.',
    )
    parser.add_argument('grid', type=Path, help='grid file, such as configs/mini/ablation_minivoc.yaml')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/ablation'), help='folder of all results')
    parser.add_argument('--data-seeds', type=int, nargs='+', help='seeds of generated images (default: 0 1 2)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='seeds of the trainings (default: 0)')
    parser.add_argument('--rows', nargs='+', metavar='KEY', help='only these rows (default: all)')
    parser.add_argument('--workers', type=int, help='stages at a time (default: 2, or 1 on one core)')
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of each training; 1 (default) gives the same bits everywhere'
    )
    parser.add_argument('--list', action='store_true', help='show rows and what is done, and stop')
    parser.add_argument('--tables-only', action='store_true', help='tables and plots of what is finished, no training')
    parser.add_argument('--quick', action='store_true', help='tiny variant: everything runs, nothing is learnt')
    args = parser.parse_args(arguments)

    def work() -> None:
        grid, root = load_grid(args.grid), args.work_dir.resolve()
        runs = grid_runs(grid, args.data_seeds, args.seeds)
        if args.list:
            print(list_grid(grid, root, runs, args.rows, args.quick))
            return
        if args.tables_only:
            print(write_outputs(grid, root, args.quick))
        else:
            run_grid(grid, root, runs, args.rows, args.workers, args.quick, args.threads)
            print((root / 'tables.md').read_text(encoding='utf-8'))
        print(f'\n{args.work_dir / "tables.md"}, rows.json, rows.csv, ablation.png')

    return guard(work)
