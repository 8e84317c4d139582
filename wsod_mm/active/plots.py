"""Learning curves of active learning."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsod_mm.utils.figure import new_figure, save_figure

from .results import CurvePoint

__all__ = ['plot_learning_curves', 'strategy_colours']

# Okabe and Ito: apart for colour-blind readers
_COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#5b6670')
_MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')
_GREY = '#5b6670'


def strategy_colours(labels: Sequence[str]) -> dict[str, str]:
    """One colour per strategy, in the order given; they repeat after seven."""
    return {label: _COLOURS[index % len(_COLOURS)] for index, label in enumerate(labels)}


def plot_learning_curves(curves: Mapping[str, Sequence[CurvePoint]], path: str | os.PathLike) -> Path:
    """Draw mAP against the labeled images: the mean over seeds, a band of one sample standard deviation, the runs pale.

    Points that not all runs of a strategy have reached are hollow, and the line to them is dotted: a mean over fewer
    runs may jump.

    Args:
        curves: Strategy -> points, see :func:`~wsod_mm.active.results.learning_curves`; at least one point.
        path: ``.png``, ``.svg`` or any type matplotlib writes; written atomically.

    Returns:
        The path.

    Raises:
        ValueError: If there is no point.
    """
    if not any(curves.values()):
        raise ValueError('no cycle has an mAP yet: nothing to draw')
    points = [point for line in curves.values() for point in line]
    in_percent = all(point.percent is not None for point in points)
    figure, (axes,) = new_figure(1, (8.6, 5.0))
    colours = strategy_colours(list(curves))
    for index, (label, line) in enumerate(curves.items()):
        if line:
            xs = [point.percent if in_percent else point.n_labeled for point in line]
            _draw(axes, label, line, xs, colours[label], _MARKERS[index % len(_MARKERS)])
    axes.set_ylabel('mAP, %', color=_GREY)
    axes.set_xlabel('labeled images, % of the pool' if in_percent else 'labeled images', color=_GREY)
    ticks = sorted({point.percent if in_percent else point.n_labeled for point in points})
    if len(ticks) <= 12:
        axes.set_xticks(ticks, [f'{round(tick, 1):g}' if in_percent else f'{tick:g}' for tick in ticks])
    axes.grid(color='#e3e6e8', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(axis='both', length=0, labelsize=9.5)
    axes.margins(x=0.03)
    axes.legend(loc='lower right', frameon=False)
    return save_figure(figure, path)


def _draw(axes: Any, label: str, line: Sequence[CurvePoint], xs: Sequence[float], colour: str, marker: str) -> None:
    means = np.array([point.mean for point in line])
    spreads = np.array([point.spread or 0.0 for point in line])
    runs = max(len(point.values) for point in line)
    full = [len(point.values) == runs for point in line]
    for first in range(len(line) - 1):
        style = '-' if full[first] and full[first + 1] else ':'
        axes.plot(xs[first : first + 2], means[first : first + 2], style, color=colour, lw=2, zorder=3)
    if runs > 1:
        axes.fill_between(xs, means - spreads, means + spreads, color=colour, alpha=0.14, lw=0, zorder=1)
        for point, x in zip(line, xs, strict=True):
            axes.scatter([x] * len(point.values), point.values, s=12, color=colour, alpha=0.35, linewidths=0, zorder=2)
    for x, mean, whole in zip(xs, means, full, strict=True):
        axes.plot(x, mean, marker, ms=6.5, mec=colour, mew=1.6, mfc=colour if whole else 'white', ls='none', zorder=4)
    name = f'{label} ({runs} runs)' if runs > 1 else label
    axes.plot([], [], marker=marker, ms=6.5, color=colour, lw=2, label=name)
