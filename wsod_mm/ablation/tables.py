"""The tables of an ablation in Markdown."""

from collections.abc import Sequence
from typing import Any

from wsod_mm.evaluation.tables import format_spread, markdown_table

from .grid import Compare, Grid
from .published import PublishedTable

__all__ = [
    'METRICS',
    'ablation_tables',
    'comparison_table',
    'gradient_table',
    'part_whole_table',
    'published_table',
    'results_table',
]

METRICS = (('mAP_11pt', 'mAP (11 pt)'), ('mAP_area', 'mAP (area)'), ('CorLoc', 'CorLoc'))
_PARTS = (
    ('boxes', 'boxes'),
    ('iou_object', 'IoU with object'),
    ('iou_head', 'IoU with head'),
    ('covered', 'object covered'),
    ('inside', 'box inside object'),
    ('on_head', 'on the head'),
    ('hit', 'hit'),
)

Rows = Sequence[dict[str, Any]]


def ablation_tables(grid: Grid, rows: Rows) -> str:
    """All tables that the rows have something for.

    Args:
        grid: The grid.
        rows: Finished rows.

    Returns:
        Markdown; ends without a line break.
    """
    parts = [f'# {grid.title}']
    if not rows:
        parts.append('No run is finished yet.')
    else:
        seeds = {row['seed'] for row in rows}
        images = {row['data_seed'] for row in rows} - {None}
        counted = f'{len(seeds)} training seeds' + (f', {len(images)} data seeds' if images else '')
        parts += [
            '## Results',
            results_table(grid, rows),
            f'{grid.data_name}; mean ± sample standard deviation over runs ({counted}); percent; mAP on test, CorLoc '
            'on trainval; last checkpoint.',
        ]
        if grid.compare:
            parts += [
                '## Differences, run by run',
                comparison_table(grid.compare, rows),
                'Percent points over the runs (same data seed, same training seed) that both have; "wins" counts the '
                'runs in which mAP (11 pt) rose.',
            ]
        if any(row.get('part_whole') for row in rows):
            parts += [
                '## Parts and wholes',
                part_whole_table(grid, rows),
                'Best box of each image and present class of trainval, against the nearest object of that class; mean '
                'over boxes, percent. "On the head": the box overlaps the head more than the whole object.',
            ]
        if any(row.get('grad_share') for row in rows):
            parts += [
                '## Shares of the gradient',
                gradient_table(grid, rows),
                'Mean over the second half of training, then over runs.',
            ]
    for table in grid.tables:
        parts += [f'## {table.title}', published_table(table, grid, rows)]
    if grid.tables:
        note = 'Paper and study: VOC 2007 test mAP, percent.'
        if grid.data is not None:
            note += f' The last column is of {grid.data_name}: compare differences and their signs, not levels.'
        parts.append(note)
    return '\n\n'.join(parts)


def results_table(grid: Grid, rows: Rows) -> str:
    """mAP and CorLoc of each row, the number of its runs and the time of a training."""
    lines = []
    for row in grid.rows:
        runs = _runs(rows, row.key)
        if runs:
            seconds = [run.get('train_seconds') for run in runs]
            minutes = None if None in seconds else sum(seconds) / len(seconds) / 60
            numbers = [format_spread([run[metric] for run in runs]) for metric, _ in METRICS]
            lines.append([row.name, *numbers, len(runs), minutes])
    return markdown_table(['configuration', *(name for _, name in METRICS), 'runs', 'training, min'], lines)


def comparison_table(compare: Sequence[Compare], rows: Rows) -> str:
    """Paired differences ``b - a``."""
    lines = []
    for item in compare:
        first, second = ({(run['data_seed'], run['seed']): run for run in _runs(rows, key)} for key in (item.a, item.b))
        pairs = [(first[run], second[run]) for run in first if run in second]
        wins = sum(b['mAP_11pt'] > a['mAP_11pt'] for a, b in pairs if None not in (a['mAP_11pt'], b['mAP_11pt']))
        lines.append(
            [
                item.title,
                *(format_spread([_minus(b[metric], a[metric]) for a, b in pairs], '+') for metric, _ in METRICS),
                f'{wins} of {len(pairs)}' if pairs else None,
            ]
        )
    return markdown_table(['difference', *(name for _, name in METRICS), 'wins'], lines)


def part_whole_table(grid: Grid, rows: Rows) -> str:
    """Part/whole statistics of the rows that have them."""
    lines = []
    for row in grid.rows:
        found = [run['part_whole'] for run in _runs(rows, row.key) if run.get('part_whole')]
        if found:
            mean = round(sum(statistics['boxes'] for statistics in found) / len(found))
            spreads = [format_spread([statistics[key] for statistics in found]) for key, _ in _PARTS[1:]]
            lines.append([row.name, mean, *spreads])
    return markdown_table(['configuration', *(name for _, name in _PARTS)], lines)


def gradient_table(grid: Grid, rows: Rows) -> str:
    """Every logged ``grad_share...`` of the rows that have one."""
    keys = list(dict.fromkeys(key for row in rows for key in row.get('grad_share') or {}))
    lines = []
    for row in grid.rows:
        found = [run['grad_share'] for run in _runs(rows, row.key) if run.get('grad_share')]
        if found:
            cells = [[shares[key] for shares in found if key in shares] for key in keys]
            lines.append([row.name, *(format_spread(values, digits=3) for values in cells)])
    return markdown_table(['configuration', *keys], lines)


def published_table(table: PublishedTable, grid: Grid, rows: Rows) -> str:
    """Published numbers with what was measured beside them."""
    digits = {column: _digits(cells.values()) for column, cells in table.numbers().items()}
    names = {row.key: row.name for row in grid.rows}
    lines = []
    for key, cells in table.rows.items():
        texts = []
        for column, cell in zip(table.columns, cells, strict=True):
            number = isinstance(cell, (int, float))
            texts.append('' if cell is None else f'{cell:.{digits[column]}f}' if number else cell)
        runs = _runs(rows, key)
        measured = f'{format_spread([run["mAP_11pt"] for run in runs])} ({len(runs)})' if runs else ''
        lines.append([table.names.get(key) or names.get(key) or key, *texts, measured])
    return markdown_table(['configuration', *table.columns, measured_title(grid)], lines)


def measured_title(grid: Grid) -> str:
    """Name of the column of our own numbers; says the data where they are not those of the paper."""
    return f'measured here{"" if grid.data is None else f" on {grid.data_name}"} (runs)'


def _runs(rows: Rows, key: str) -> list[dict[str, Any]]:
    return [row for row in rows if row['key'] == key]


def _minus(b: float | None, a: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _digits(values: Any) -> int:
    """The most decimals that any number has, so that 52.00 stands under 52.47."""
    return max((len(repr(float(value)).partition('.')[2].rstrip('0')) for value in values), default=0)
