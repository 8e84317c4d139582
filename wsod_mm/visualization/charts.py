"""Charts as inline SVG: sharp at any size, coloured by the page's style sheet, readable without scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ['Curve', 'line_chart', 'nice_ticks']

_WIDTH, _HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 38
_DASHES = ('', '7 4', '2 3', '9 3 2 3', '4 4', '1 4')


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        name: Text of the legend.
        x: Positions, ascending.
        y: Values of the same number; NaN and ``None`` are left out.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]

    def points(self) -> list[tuple[float, float]]:
        """The finite points."""
        return [(float(a), float(b)) for a, b in zip(self.x, self.y, strict=True) if b is not None and math.isfinite(b)]


def nice_ticks(low: float, high: float, count: int = 5, whole: bool = False) -> list[float]:
    """Round numbers that cover a range.

    Args:
        low: Lower end.
        high: Upper end; raised a little when equal to ``low``.
        count: About how many steps.
        whole: Only whole numbers.

    Returns:
        Ascending numbers at distances of 1, 2 or 5 times a power of ten; the first <= low, the last >= high.
    """
    if high <= low:
        high = low + (abs(low) * 0.1 or 1.0)
    raw = (high - low) / count
    if whole:
        raw = max(raw, 1.0)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def line_chart(
    curves: Sequence[Curve],
    title: str,
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    log_x: bool = False,
) -> str:
    """Draw lines with a legend.

    Args:
        curves: The lines; those without points are left out.
        title: Caption.
        x_label: Name of the x axis.
        y_label: Name of the y axis.
        y_range: Fixed range of y, or ``None`` for that of the data.
        log_x: Whether x is logarithmic (all x > 0).

    Returns:
        A ``<figure>``, or an empty text when no curve has points.
    """
    curves = [curve for curve in curves if curve.points()]
    if not curves:
        return ''
    xs = [x for curve in curves for x, _ in curve.points()]
    ys = [y for curve in curves for _, y in curve.points()]
    y_ticks = nice_ticks(*(y_range or (min(0.0, *ys) if min(ys) < 0.4 * max(ys) else min(ys), max(ys))))
    x_ticks = (
        _log_ticks(min(xs), max(xs)) if log_x else nice_ticks(min(xs), max(xs), whole=all(x == int(x) for x in xs))
    )
    # a linear axis ends where the data end, a logarithmic one at its last tick
    x_low, x_high = (x_ticks[0], x_ticks[-1]) if log_x else (min(xs), max(max(xs), min(xs) + 1e-9))
    x_ticks = [x for x in x_ticks if x_low <= x <= x_high]

    def place_x(x: float) -> float:
        share = math.log(x / x_low) / math.log(x_high / x_low) if log_x else (x - x_low) / (x_high - x_low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def place_y(y: float) -> float:
        share = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    ends = '; '.join(
        f'{curve.name}: {_short(curve.points()[0][1])} to {_short(curve.points()[-1][1])}' for curve in curves
    )
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(f"{title}. {ends}", True)}">']
    digits = max(0, -math.floor(math.log10(y_ticks[1] - y_ticks[0]) + 1e-9))
    for y in y_ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place_y(y):.1f}" y2="{place_y(y):.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{place_y(y) + 4:.1f}" text-anchor="end">{y:.{digits}f}</text>'
        )
    for x in x_ticks:
        parts.append(f'<text x="{place_x(x):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(x)}</text>')
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 5}" text-anchor="middle" class="axis">'
        f'{escape(x_label)}</text>'
    )
    for number, curve in enumerate(curves):
        line = ' '.join(f'{place_x(x):.1f},{place_y(y):.1f}' for x, y in curve.points())
        parts.append(f'<polyline class="line c{number % 6}" points="{line}" stroke-dasharray="{_DASHES[number % 6]}"/>')
        if len(curve.points()) <= 12:
            parts += [
                f'<circle class="dot c{number % 6}" cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="2.6"/>'
                for x, y in curve.points()
            ]
    parts.append('</svg>')
    legend = ''.join(
        f'<li><svg viewBox="0 0 26 8" aria-hidden="true"><line class="line c{number % 6}" x1="1" x2="25" y1="4" y2="4" '
        f'stroke-dasharray="{_DASHES[number % 6]}"/></svg>{escape(curve.name)}</li>'
        for number, curve in enumerate(curves)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)} <small>{escape(y_label)}</small></figcaption>'
        f'{"".join(parts)}<ul class="legend">{legend}</ul></figure>'
    )


def _log_ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(max(high, low * 1.01)) - 1e-9)
    grid = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    start = max(value for value in grid if value <= low * 1.0001)
    stop = min(value for value in grid if value >= high * 0.9999)
    ticks = [value for value in grid if start <= value <= stop]
    if len(ticks) > 8:  # labels would touch: powers of ten, and the ends
        ticks = [v for v in ticks if v in (start, stop) or math.isclose(math.log10(v) % 1, 0, abs_tol=1e-9)]
    return ticks


def _short(value: float) -> str:
    if abs(value) >= 1e4:
        return f'{value / 1000:g}k'
    return f'{value:g}' if abs(value) >= 1000 else f'{value:.3g}'
