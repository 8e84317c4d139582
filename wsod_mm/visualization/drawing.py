"""Boxes on photographs, for files and for MMEngine's visualisation backends."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .palette import class_colour

__all__ = ['draw_boxes', 'draw_tag', 'side_by_side']

_DARK = (16, 18, 22)


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    texts: Sequence[str] | None = None,
    dashed: np.ndarray | None = None,
    min_side: int = 400,
) -> np.ndarray:
    """Draw boxes in the colours of their classes, with a dark outline that keeps them visible on any background.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        boxes: ``[n, 4]``, (x1, y1, x2, y2) pixels, 0-based inclusive corners; the last one is drawn lowest.
        labels: ``[n]`` int, class numbers.
        texts: Label of each box, or ``None`` for none.
        dashed: ``[n]`` bool, which boxes get a dashed line (difficult objects, misses).
        min_side: Pictures whose long side is smaller are enlarged to it, so that lines and letters stay fine.

    Returns:
        ``[H', W', 3]`` uint8 RGB.
    """
    height, width = image.shape[:2]
    factor = max(1.0, min_side / max(height, width))
    canvas = Image.fromarray(image).resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    unit = max(canvas.size) / 400
    line = max(2, round(2.2 * unit))
    font = ImageFont.load_default(size=round(13 * unit))
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    # an inclusive corner names a pixel; its far edge is one further
    edges = np.concatenate([boxes[:, :2], boxes[:, 2:] + 1], axis=1) * factor
    for row in reversed(range(len(edges))):
        colour = class_colour(int(labels[row]))
        dash = dashed is not None and bool(dashed[row])
        _rectangle(draw, edges[row], _DARK, line + 2, 0, dash, canvas.size)
        _rectangle(draw, edges[row], colour, line, 1, dash, canvas.size)
    for row in reversed(range(len(edges))):
        if texts is not None and texts[row]:
            draw_tag(draw, edges[row, :2], texts[row], class_colour(int(labels[row])), font, canvas.size, True)
    return np.asarray(canvas)


def side_by_side(images: Sequence[np.ndarray], titles: Sequence[str], gap: int = 8) -> np.ndarray:
    """Put pictures of equal height beside each other, each with a title above.

    Args:
        images: ``[H, W, 3]`` uint8 RGB.
        titles: One per picture.
        gap: Pixels between them.

    Returns:
        ``[H + bar, W', 3]`` uint8 RGB.
    """
    bar = max(22, round(max(images[0].shape) / 16))
    font = ImageFont.load_default(size=round(bar * 0.62))
    width = sum(image.shape[1] for image in images) + gap * (len(images) - 1)
    canvas = Image.new('RGB', (width, images[0].shape[0] + bar), _DARK)
    draw = ImageDraw.Draw(canvas)
    left = 0
    for image, title in zip(images, titles, strict=True):
        canvas.paste(Image.fromarray(image), (left, bar))
        draw.text((left + 6, bar / 2), title, (240, 240, 240), font, anchor='lm')
        left += image.shape[1] + gap
    return np.asarray(canvas)


def _rectangle(
    draw: ImageDraw.ImageDraw,
    edges: np.ndarray,
    colour: tuple,
    width: int,
    inset: int,
    dashed: bool,
    size: tuple[int, int],
) -> None:
    x1, y1, x2, y2 = (round(value) for value in edges)
    x1, y1 = max(x1, 0) + inset, max(y1, 0) + inset
    x2, y2 = min(x2, size[0]) - 1 - inset, min(y2, size[1]) - 1 - inset
    if x2 <= x1 or y2 <= y1:
        return
    if not dashed:
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=width)
        return
    step = 5 * width
    for start in range(x1, x2, step):
        stop = min(start + round(0.6 * step), x2)
        for top in (y1, y2 - width + 1):
            draw.rectangle((start, top, stop, top + width - 1), fill=colour)
    for start in range(y1, y2, step):
        stop = min(start + round(0.6 * step), y2)
        for left in (x1, x2 - width + 1):
            draw.rectangle((left, start, left + width - 1, stop), fill=colour)


def draw_tag(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    colour: tuple[int, int, int],
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
    corner: bool = False,
) -> None:
    """Write on a coloured tag, moved so that it lies inside the picture.

    Args:
        draw: Of the picture.
        place: (x, y), pixels.
        text: What to write.
        colour: Of the tag; the letters are dark or white, whichever can be read.
        font: Of the letters.
        size: Width and height of the picture.
        corner: Whether ``place`` is the top left corner of a box, and the tag goes above it where there is room;
            otherwise it is the middle of the tag.
    """
    left, top, right, bottom = font.getbbox(text)
    width, height, pad = right - left, bottom - top, 3
    x, y = place
    if corner:
        # above the box where there is room, else inside it
        y = y - height - 2 * pad
        y = max(place[1], 0) if y < 0 else y
    else:
        x, y = x - width / 2 - pad, max(y - height / 2 - pad, 0)
    x = min(max(x, 0), max(size[0] - width - 2 * pad, 0))
    y = min(y, size[1] - height - 2 * pad)
    draw.rectangle((x, y, x + width + 2 * pad, y + height + 2 * pad), fill=colour, outline=_DARK)
    dark_text = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 110
    draw.text((x + pad - left, y + pad - top), text, _DARK if dark_text else (255, 255, 255), font)
