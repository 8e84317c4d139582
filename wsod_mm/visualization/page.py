"""The pieces of which reports are made: a page that loads nothing, its sections, tables and pictures."""

import base64
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .report_style import STYLE

__all__ = ['build_page', 'duration', 'embed_array', 'embed_file', 'embed_photo', 'section', 'table', 'value_cell']


def build_page(
    title: str, lead: str, facts: Mapping[str, Any], sections: Iterable[str], version: str = '', created: str = ''
) -> str:
    """Make a page.

    Args:
        title: Heading.
        lead: What the page is about.
        facts: Name -> value, shown under the lead.
        sections: HTML of :func:`section`; empty ones are left out.
        version: Of the program.
        created: When.

    Returns:
        HTML that loads nothing from anywhere.
    """
    title = escape(title)
    items = ''.join(f'<li>{escape(str(key))} <b>{escape(str(value))}</b></li>' for key, value in facts.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead">{escape(lead)}</p>
<ul class="facts">{items}</ul>
</header>
<main>
{''.join(section for section in sections if section)}
</main>
<footer><p>Made by wsod_mm {escape(version)} {escape(created)}.
This file holds everything it shows and loads nothing from the network.</p></footer>
</body>
</html>
"""


def section(name: str, title: str, text: str, body: str) -> str:
    """A part of a page.

    Args:
        name: Its id.
        title: Heading.
        text: HTML of a paragraph under the heading, or empty.
        body: HTML of the rest.

    Returns:
        ``<section>``.
    """
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>'
        + (f'<p>{text}</p>' if text else '')
        + f'{body}</section>\n'
    )


def table(caption: str, header: Sequence[str], rows: Sequence[str], css: str = '') -> str:
    """A table that scrolls where it is too wide.

    Args:
        caption: What it shows.
        header: Names of the columns.
        rows: HTML of the rows, ``<tr>``.
        css: Class.

    Returns:
        ``<div>``.
    """
    head = ''.join(f'<th scope="col">{escape(name)}</th>' for name in header)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption, True)}"><table class="{css}">'
        f'<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def value_cell(value: float | None, best: bool = False, spread: float | None = None) -> str:
    """A cell with a bar for its value.

    Args:
        value: Percent, or ``None`` for a dash.
        best: Printed bold.
        spread: Behind the value, after ±; not shown when 0 or ``None``.

    Returns:
        ``<td>``.
    """
    if value is None:
        return '<td>–</td>'
    more = f' <span class="pm">± {spread:.1f}</span>' if spread else ''
    return f'<td class="v{" best" * best}" style="--p:{min(max(value / 100, 0), 1):.3f}">{value:.1f}{more}</td>'


def duration(seconds: float | None) -> str:
    """Text of a time span: ``'48 s'``, ``'3 min 20 s'``, ``'1 h 05 min'``; a dash for ``None``."""
    if seconds is None:
        return '–'
    seconds = round(seconds)
    if seconds < 100:
        return f'{seconds} s'
    if seconds < 3600:
        return f'{seconds // 60} min {seconds % 60:02d} s'
    return f'{seconds // 3600} h {seconds % 3600 // 60:02d} min'


def embed_photo(path: str | os.PathLike, max_side: int) -> tuple[str, int, int]:
    """A photograph, reduced, for the ``href`` or ``src`` of a picture.

    Args:
        path: The file.
        max_side: Longest side of the reduced picture, pixels.

    Returns:
        Data URI (JPEG), and the ORIGINAL width and height, in whose pixels boxes are given.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    with Image.open(path) as image:
        width, height = image.size
        small = image.convert('RGB')
        small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return _jpeg(small), width, height


def embed_array(image: np.ndarray) -> str:
    """Data URI (JPEG) of a picture ``[H, W, 3]``, uint8 RGB."""
    return _jpeg(Image.fromarray(image))


def embed_file(path: str | os.PathLike) -> str:
    """Data URI of a PNG file as it is."""
    return _data_uri('png', Path(path).read_bytes())


def _jpeg(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG', quality=82)
    return _data_uri('jpeg', buffer.getvalue())


def _data_uri(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,' + base64.b64encode(data).decode()
