"""A compact grid of pictures for documentation."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wsod_mm.utils.io import atomic_write
from wsod_mm.visualization.drawing import draw_tag

from .pictures import Chip, Panel, image_panels
from .results import WeakSegResults

__all__ = ['save_mask_gallery']

_INK, _PAPER, _TAG = (35, 40, 48), (255, 255, 255), (245, 246, 248)


def save_mask_gallery(
    work_dir: str | os.PathLike,
    out_png: str | os.PathLike,
    names: Sequence[str],
    width: int = 176,
    columns: Sequence[str] | None = None,
) -> Path:
    """Draw a row per image: photograph, CAM, the label maps, instances, truth; with IoU in each and a key of classes.

    Args:
        work_dir: Folder of a pipeline.
        out_png: The file, written atomically.
        names: Ids of the images.
        width: Of a picture, pixels; rows are as high as their images.
        columns: Keys of the columns, see :class:`.pictures.Panel`; ``None``: all that some image has.

    Returns:
        The file.

    Raises:
        FileNotFoundError: If the pipeline has no list of images, or an image is gone.
        ValueError: If there are no names, or an image or column is unknown.
    """
    if not names:
        raise ValueError('names is empty: give ids of images to draw')
    results = WeakSegResults(work_dir)
    rows = [_row(results, name, width) for name in results.check_ids(names)]
    titles = {panel.key: panel.title for row in rows for panel in row.values()}
    order = sorted(titles, key=lambda key: _place(key, results))
    for key in columns or ():
        if key not in titles:
            raise ValueError(f'columns has {key!r}, which no image has; there are {", ".join(order)}')
    picture = _grid(rows, [(key, titles[key]) for key in columns or order], width)
    out_png = Path(out_png)
    with atomic_write(out_png, '.png') as temporary:
        picture.save(temporary, 'PNG', optimize=True)
    return out_png


def _row(results: WeakSegResults, name: str, width: int) -> dict[str, Panel]:
    return {panel.key: panel for panel in image_panels(results, name, 2 * width, cams=1, texts=False)}


def _place(key: str, results: WeakSegResults) -> int:
    return ['image', 'cam', *results.label_maps, 'boundary', 'instances', 'truth'].index(key)


def _grid(
    rows: Sequence[dict[str, Panel]], columns: Sequence[tuple[str, str]], width: int, gap: int = 4
) -> Image.Image:
    font, small = (ImageFont.load_default(size=round(width * share)) for share in (0.08, 0.07))
    bar, foot = round(width * 0.14), round(width * 0.13)
    heights = [round(width * row['image'].picture.shape[0] / row['image'].picture.shape[1]) for row in rows]
    heights = [min(height, round(1.2 * width)) for height in heights]  # portraits would dwarf the others
    total = len(columns) * (width + gap) - gap
    key = _key_rows([chip for row in rows for panel in row.values() for chip in _classes(panel)], total, small, foot)
    canvas = Image.new('RGB', (total, bar + sum(heights) + gap * len(rows) + foot * len(key)), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, (_, title) in enumerate(columns):
        draw.text((column * (width + gap) + width / 2, bar / 2), title, _INK, font, anchor='mm')
    top = bar
    for row, height in zip(rows, heights, strict=True):
        for column, (name, _) in enumerate(columns):
            if name in row:
                cell = _cell(row[name], (width, height), small)
                canvas.paste(cell, (column * (width + gap) + (width - cell.width) // 2, top))
        top += height + gap
    for line in key:
        for chip, left in line:
            draw.rectangle((left, top + foot * 0.3, left + foot * 0.4, top + foot * 0.7), chip.colour, _INK)
            draw.text((left + foot * 0.6, top + foot / 2), chip.text, _INK, small, anchor='lm')
        top += foot
    return canvas


def _cell(panel: Panel, size: tuple[int, int], font: ImageFont.FreeTypeFont) -> Image.Image:
    picture = Image.fromarray(panel.picture)
    factor = min(size[0] / picture.width, size[1] / picture.height)
    cell = picture.resize(
        (max(1, round(picture.width * factor)), max(1, round(picture.height * factor))), Image.Resampling.LANCZOS
    )
    if panel.iou is not None and np.isfinite(panel.iou):
        draw_tag(ImageDraw.Draw(cell), (cell.width, 0), f'IoU {panel.iou:.0f}', _TAG, font, cell.size)
    return cell


def _classes(panel: Panel) -> list[Chip]:
    """Of the photograph: its image labels, which all label maps are made of."""
    return list(panel.chips) if panel.key in ('image', 'truth') else []


def _key_rows(
    chips: Sequence[Chip], width: int, font: ImageFont.FreeTypeFont, unit: int
) -> list[list[tuple[Chip, float]]]:
    lines: list[list[tuple[Chip, float]]] = []
    left = float('inf')
    for chip in dict.fromkeys(chips):
        wide = font.getlength(chip.text) + 1.4 * unit
        if left + wide > width:
            lines.append([])
            left = 0.0
        lines[-1].append((chip, left))
        left += wide
    return lines
