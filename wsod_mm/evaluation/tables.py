"""Text tables for logs and READMEs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from terminaltables import AsciiTable

__all__ = ['format_number', 'format_spread', 'format_table', 'markdown_table']


def format_number(value: Any, digits: int = 1) -> str:
    """Text of one cell: floats with ``digits`` decimals, NaN and ``None`` as a dash, all else as it is."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '–'
    return f'{value:.{digits}f}' if isinstance(value, float) else str(value)


def format_spread(values: Sequence[float | None], sign: str = '', digits: int = 1) -> str:
    """Text ``mean ± sample standard deviation``.

    Args:
        values: One per run; a single one gets no deviation.
        sign: ``'+'`` to write it in front of positive means too.
        digits: Decimals.

    Returns:
        A dash when there is no value, or when one is ``None`` or NaN.
    """
    if not len(values) or any(value is None or math.isnan(value) for value in values):
        return '–'
    mean = f'{np.mean(values):{sign}.{digits}f}'
    return mean if len(values) < 2 else f'{mean} ± {np.std(values, ddof=1):.{digits}f}'


def format_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Table for a terminal or a log; the last row is set apart (the mean).

    Args:
        header: Names of the columns.
        rows: Cells.

    Returns:
        Several lines.
    """
    table = AsciiTable([list(header), *([format_number(cell) for cell in row] for row in rows)])
    table.inner_footing_row_border = len(rows) > 1
    for column in range(1, len(header)):
        table.justify_columns[column] = 'right'
    return table.table


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Table in Markdown, first column left, all others right.

    Args:
        header: Names of the columns.
        rows: Cells; floats get one decimal.

    Returns:
        Several lines.
    """
    lines = [header, ['---', *['---:'] * (len(header) - 1)], *([format_number(cell) for cell in row] for row in rows)]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)
