"""Figures of matplotlib without a window system."""

import os
from pathlib import Path
from typing import Any

from wsod_mm.utils.io import atomic_write

__all__ = ['new_figure', 'save_figure']


def new_figure(columns: int, size: tuple[float, float], sharey: bool = False) -> tuple[Any, list[Any]]:
    """Make a figure with axes side by side.

    Args:
        columns: Number of axes.
        size: Width and height in inches.
        sharey: Whether the axes share y.

    Returns:
        The figure and its axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # no pyplot: it would choose a window system and keep global state
    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, columns, sharey=sharey, squeeze=False)[0])


def save_figure(figure: Any, path: str | os.PathLike) -> Path:
    """Write a figure, atomically.

    Args:
        figure: The figure.
        path: ``.png``, ``.svg`` or any type matplotlib writes; without an ending it is PNG.

    Returns:
        The path.
    """
    path = Path(path)
    with atomic_write(path, path.suffix or '.png') as temporary:
        figure.savefig(temporary, dpi=150, format=(path.suffix or '.png')[1:])
    return path
