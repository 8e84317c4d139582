"""Dot plots of an ablation: every run, mean and spread."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsod_mm.utils.figure import new_figure, save_figure

from .grid import Grid
from .tables import METRICS

__all__ = ['plot_ablation', 'plot_published']

# Okabe and Ito: apart for colour-blind readers
_COLOURS = ('#0072B2', '#009E73', '#D55E00')
_GREY = '#5b6670'


def plot_ablation(grid: Grid, rows: Sequence[dict[str, Any]], path: str | os.PathLike) -> Path:
    """Draw mAP and CorLoc: a pale dot per run, the mean, and a bar of one sample standard deviation to each side.

    Args:
        grid: The grid.
        rows: Finished rows; at least one.
        path: ``.png``, ``.svg`` or any type matplotlib writes; written atomically.

    Returns:
        The path.

    Raises:
        ValueError: If there is no row.
    """
    shown = [row for row in grid.rows if any(run['key'] == row.key for run in rows)]
    if not shown:
        raise ValueError('no runs to draw')
    figure, panels = new_figure(len(METRICS), (11.5, 1.9 + 0.44 * len(shown)), sharey=True)
    for axes, (metric, title), colour in zip(panels, METRICS, _COLOURS, strict=True):
        for place, row in enumerate(shown):
            values = [run[metric] for run in rows if run['key'] == row.key and run[metric] is not None]
            _draw(axes, place, values, colour)
        axes.set_title(title, fontsize=10.5, loc='left', color='#222222')
        _finish(axes, len(shown))
    panels[0].set_yticks(range(len(shown)), [row.name for row in shown])
    counts = {sum(run['key'] == row.key for run in rows) for row in shown}
    runs = f'{min(counts)}' if len(counts) == 1 else f'{min(counts)} to {max(counts)}'
    figure.suptitle(grid.title, fontsize=13, fontweight='bold', x=0.01, ha='left')
    figure.supxlabel(
        f'{grid.data_name}, percent. Pale dots: runs ({runs} per row); ring: mean; bar: ± sample standard deviation',
        fontsize=8.5,
        color=_GREY,
    )
    return save_figure(figure, path)


def plot_published(grid: Grid, rows: Sequence[dict[str, Any]], path: str | os.PathLike) -> Path:
    """Draw the tables of published numbers, a panel each, with what was measured beside them.

    Args:
        grid: The grid.
        rows: Finished rows; may be none.
        path: As for :func:`plot_ablation`.

    Returns:
        The path.

    Raises:
        ValueError: If the grid has no tables with numbers.
    """
    tables = [table for table in grid.tables if table.numbers()]
    if not tables:
        raise ValueError(f'{grid.path} has no tables to draw')
    longest = max(len(table.rows) for table in tables)
    figure, panels = new_figure(len(tables), (1.0 + 4.6 * len(tables), 1.9 + 0.52 * longest))
    columns = list(dict.fromkeys(column for table in tables for column in table.numbers()))
    handles: dict[str, Any] = {}
    names = {row.key: row.name for row in grid.rows}
    for axes, table in zip(panels, tables, strict=True):
        for column, cells in table.numbers().items():
            index = columns.index(column)
            for place, key in enumerate(table.rows):
                if key in cells:
                    # lanes, so that equal numbers do not hide each other
                    mark = axes.plot(cells[key], place - 0.3 + 0.18 * (index % 2), **_mark(index))[0]
                    handles[f'{column} (VOC 2007)'] = mark
        for place, key in enumerate(table.rows):
            values = [run['mAP_11pt'] for run in rows if run['key'] == key and run['mAP_11pt'] is not None]
            mean = _draw(axes, place + 0.1, values, _COLOURS[0], text=False)
            if mean is not None:
                handles[f'measured here ({grid.data_name})'] = mean
        axes.set_yticks(
            range(len(table.rows)), [_wrap(table.names.get(key) or names.get(key) or key) for key in table.rows]
        )
        axes.set_title(table.title, fontsize=10.5, loc='left', color='#222222')
        axes.set_xlabel('mAP (11 pt), %', fontsize=9, color=_GREY)
        _finish(axes, len(table.rows))
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=len(handles) or 1, frameon=False)
    return save_figure(figure, path)


def _mark(index: int) -> dict[str, Any]:
    """Look of a published column."""
    marker, colour = (('D', '#D55E00'), ('s', '#E69F00'), ('^', '#CC79A7'), ('v', '#56B4E9'))[index % 4]
    return dict(marker=marker, color=colour, ms=6, mec='white', mew=0.6, ls='none')


def _draw(axes: Any, place: float, values: Sequence[float], colour: str, text: bool = True) -> Any:
    """Runs, mean and spread on one line; returns the mark of the mean, ``None`` without values."""
    if not values:
        return None
    mean = float(np.mean(values))
    if len(values) > 1:
        axes.scatter(values, [place + 0.2] * len(values), s=17, color=colour, alpha=0.4, linewidths=0, zorder=3)
        spread = float(np.std(values, ddof=1))
        axes.plot(
            [mean - spread, mean + spread], [place, place], color=colour, lw=2.2, solid_capstyle='round', zorder=2
        )
    mark = axes.plot(mean, place, 'o', ms=7.5, mfc='white', mec=colour, mew=2, ls='none', zorder=4)[0]
    if text:
        axes.annotate(
            f'{mean:.1f}',
            (mean, place),
            (0, 6.5),
            textcoords='offset points',
            ha='center',
            fontsize=8.5,
            color='#222222',
        )
    return mark


def _finish(axes: Any, count: int) -> None:
    axes.set_ylim(count - 0.45, -0.6)
    axes.margins(x=0.12)
    axes.grid(axis='x', color='#e3e6e8', linewidth=0.8)
    for place in range(count):
        axes.axhline(place, color='#f0f2f3', lw=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(axis='both', length=0, labelsize=9)


def _wrap(text: str, width: int = 26) -> str:
    import textwrap

    return '\n'.join(textwrap.wrap(text, width))
