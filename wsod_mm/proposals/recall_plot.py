"""The picture that goes with `recall`."""

import os
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from ..utils.io import atomic_write

__all__ = ['plot_recall']

# colours that stay apart for colour-blind readers (Okabe and Ito)
_COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')


def plot_recall(curves: dict[str, dict[str, Any]], path: str | os.PathLike, title: str = 'Proposal recall') -> Path:
    """Draw recall against the number of boxes, against the IoU threshold, and per class.

    Args:
        curves: ``{label: result of proposal_recall}``; the first one is the subject (its classes
            are shown), the others are drawn beside it for comparison.
        path: PNG (or any type matplotlib writes), written atomically.
        title: Heading.

    Returns:
        The path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # no pyplot: it would choose a window system and keep global state
    subject = next(iter(curves.values()))
    table = 0.8 + 0.21 * len(subject['per_class'])
    figure = Figure(figsize=(11.5, 3.6 + table), layout='constrained')
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=[3.6, table])
    shown = [i for i, iou in enumerate(subject['ious']) if iou in (0.5, 0.7)] or [0]
    by_count, by_iou = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    by_class = figure.add_subplot(grid[1, :])
    _draw_counts(by_count, curves, shown)
    _draw_thresholds(by_iou, curves)
    _draw_classes(by_class, next(iter(curves)), subject, shown)
    for axes in (by_count, by_iou, by_class):
        axes.grid(axis='x' if axes is by_class else 'both', color='#dddddd', linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
    figure.suptitle(
        f'{title}: {subject["objects"]} objects in {subject["images"]} images',
        fontsize=12,
        fontweight='bold',
    )
    path = Path(path)
    with atomic_write(path, path.suffix or '.png') as temporary:
        figure.savefig(temporary, dpi=140, format=(path.suffix or '.png')[1:])
    return path


def _coloured(curves: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], str]]:
    for (label, data), colour in zip(curves.items(), cycle(_COLOURS), strict=False):
        yield label, data, colour


def _draw_counts(axes: Any, curves: dict[str, dict[str, Any]], shown: list[int]) -> None:
    for label, data, colour in _coloured(curves):
        mean = data['boxes_per_image']
        ks = [k for k in data['ks'] if k < mean]
        for style, i in zip(('-', '--'), shown, strict=False):
            values = data['recall'][i][: len(ks)] + [data['recall_all'][i]]
            name = f'{label}, IoU ≥ {data["ious"][i]:g}'
            axes.plot([*ks, mean], _percent(values), style, color=colour, marker='o', ms=3.5, label=name)
    axes.set(xscale='log', ylim=(0, 102), ylabel='objects recalled (%)')
    axes.set_xlabel('boxes per image (the first k; last point: all)')
    axes.xaxis.set_major_formatter('{x:g}')
    axes.legend(frameon=False, fontsize=8)


def _draw_thresholds(axes: Any, curves: dict[str, dict[str, Any]]) -> None:
    for label, data, colour in _coloured(curves):
        name = f'{label} ({data["boxes_per_image"]:.0f} boxes per image)'
        axes.plot(data['ious'], _percent(data['recall_all']), color=colour, marker='o', ms=3.5, label=name)
    axes.set(ylim=(0, 102), xlabel='IoU threshold', ylabel='objects recalled by all boxes (%)')
    axes.legend(frameon=False, fontsize=8)


def _draw_classes(axes: Any, label: str, data: dict[str, Any], shown: list[int]) -> None:
    per_class = data['per_class']
    names = sorted(per_class, key=lambda n: (-per_class[n]['recall_all'][shown[0]], n))
    rows = [f'{n} ({per_class[n]["objects"]})' for n in names]
    for depth, i in enumerate(shown):
        values = _percent([per_class[n]['recall_all'][i] for n in names])
        colour, height = ('#9ecae1', '#0072B2')[depth], 0.72 - 0.3 * depth
        axes.barh(rows, values, color=colour, height=height, label=f'IoU ≥ {data["ious"][i]:g}')
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel=f'{label}: objects recalled by all boxes (%), by class (objects)')
    axes.legend(frameon=False, fontsize=8, ncols=2, loc='lower right', bbox_to_anchor=(1, 1))


def _percent(values: list[float]) -> list[float]:
    return [100 * value for value in values]
