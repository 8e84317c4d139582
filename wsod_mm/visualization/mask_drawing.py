"""Heat maps, label maps, instances and boundaries on photographs."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wsod_mm.utils.label_png import voc_palette

from .drawing import draw_tag
from .palette import class_colour

__all__ = ['draw_boundary', 'draw_heat_map', 'draw_instances', 'draw_label_map']

_LINE = (255, 255, 255)


def draw_heat_map(image: np.ndarray, heat: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """Lay a heat map over a photograph; the photograph stays as it is where the map is cold.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        heat: ``[H, W]`` float, cut off to [0, 1].
        strength: How much of the photograph the hottest pixels hide, 0 to 1.

    Returns:
        ``[H, W, 3]`` uint8 RGB.

    Raises:
        ValueError: If the sizes differ, or the map is not finite.
    """
    heat = _same_size(image, heat, 'heat map').astype(np.float32)
    if not np.isfinite(heat).all():
        raise ValueError('the heat map has values that are not finite; look whether its network diverged')
    heat = heat.clip(0, 1)
    # a root, so that the slopes of a map are seen and not only its tops
    return _blend(image, _colour_map(heat, cv2.COLORMAP_TURBO), strength * np.sqrt(heat))


def draw_label_map(
    image: np.ndarray,
    label: np.ndarray,
    names: Sequence[str] | None = None,
    strength: float = 0.65,
    ignore_index: int = 255,
) -> np.ndarray:
    """Lay a label map over a photograph in the colours of VOC, with a white line around regions.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        label: ``[H, W]`` integers: 0 background (greyed and darkened), class id + 1, ``ignore_index`` (cream).
        names: Names of the classes without the background, written into the middle of each; ``None``: no text.
        strength: How much of the photograph the colours hide, 0 to 1.
        ignore_index: See ``label``.

    Returns:
        ``[H, W, 3]`` uint8 RGB.

    Raises:
        ValueError: If the sizes differ, it holds no labels, or a label has no name.
    """
    label = _same_size(image, label, 'label map')
    if label.dtype.kind not in 'iu' or (label.size and not 0 <= label.min() <= label.max() <= 255):
        raise ValueError(f'a label map must be integers 0-255, got {label.dtype} from {label.min()} to {label.max()}')
    label = label.astype(np.uint8)
    present = [int(value) for value in np.unique(label) if value not in (0, ignore_index)]
    if names is not None and present and present[-1] > len(names):
        raise ValueError(f'the label map has label {present[-1]}, but there are {len(names)} class names')
    palette = voc_palette()
    palette[ignore_index] = palette[255]
    drawn = np.where((label == 0)[..., None], _dimmed(image), _blend(image, palette[label], np.float32(strength)))
    drawn[_region_edges(label)] = _LINE
    if names is not None:
        drawn = _with_tags(drawn, [(_middle(label == value), names[value - 1], palette[value]) for value in present])
    return drawn


def draw_instances(
    image: np.ndarray, masks: np.ndarray, texts: Sequence[str] | None = None, strength: float = 0.6
) -> np.ndarray:
    """Lay masks of instances over a photograph, each in the :func:`.palette.class_colour` of its place.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        masks: ``[R, H, W]`` bool, the first one on top; R may be 0.
        texts: Written into the middle of each mask, where not empty; ``None``: no text.
        strength: How much of the photograph the colours hide, 0 to 1.

    Returns:
        ``[H, W, 3]`` uint8 RGB.

    Raises:
        ValueError: If the sizes or numbers differ.
    """
    masks = np.asarray(masks, bool)
    if texts is not None and len(texts) != len(masks):
        raise ValueError(f'{len(masks)} masks and {len(texts)} texts: give one each')
    _same_size(image, masks[0] if len(masks) else np.zeros(image.shape[:2]), 'mask')
    drawn = _dimmed(image)
    rows = [row for row in range(len(masks)) if masks[row].any()]
    for row in reversed(rows):
        drawn[masks[row]] = _blend(image, np.array(class_colour(row)), np.float32(strength))[masks[row]]
        drawn[_region_edges(masks[row])] = _LINE
    if texts is not None:
        drawn = _with_tags(drawn, [(_middle(masks[row]), texts[row], class_colour(row)) for row in reversed(rows)])
    return drawn


def draw_boundary(boundary: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Picture of a boundary map, from black to bright.

    Args:
        boundary: ``[h, w]`` float, cut off to [0, 1]; any resolution.
        size: Height and width of the picture, pixels.

    Returns:
        ``[H, W, 3]`` uint8 RGB.
    """
    boundary = np.ascontiguousarray(np.asarray(boundary, np.float32).clip(0, 1))
    boundary = cv2.resize(boundary, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return _colour_map(boundary, cv2.COLORMAP_INFERNO)


def _same_size(image: np.ndarray, values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'the image must be uint8 [H, W, 3], got {image.dtype} {list(image.shape)}')
    if values.shape != image.shape[:2]:
        raise ValueError(f'the {name} is {list(values.shape)}, but the image {list(image.shape[:2])} pixels')
    return values


def _colour_map(values: np.ndarray, kind: int) -> np.ndarray:
    return cv2.applyColorMap(np.rint(255 * values).astype(np.uint8), kind)[..., ::-1]


def _dimmed(image: np.ndarray) -> np.ndarray:
    """What is not coloured steps back."""
    grey = image.astype(np.float32).mean(axis=2, keepdims=True)
    return (0.75 * (0.35 * image + 0.65 * grey)).astype(np.uint8)


def _blend(image: np.ndarray, colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    weight = np.asarray(weight, np.float32)[..., None]
    return np.rint((1 - weight) * image + weight * colour).astype(np.uint8)


def _region_edges(label: np.ndarray) -> np.ndarray:
    """Pixels whose neighbour to the right or below has another value."""
    edges = np.zeros(label.shape, bool)
    edges[:, :-1] |= label[:, :-1] != label[:, 1:]
    edges[:-1] |= label[:-1] != label[1:]
    return edges


def _middle(mask: np.ndarray) -> tuple[int, int]:
    """(x, y) of a pixel deep inside a mask: of the deepest ones, that in their middle."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    deepest = np.argwhere(depth >= 0.9 * depth.max())
    y, x = deepest[((deepest - deepest.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(x), int(y)


def _with_tags(image: np.ndarray, tags: Sequence[tuple[tuple[int, int], str, Sequence[int]]]) -> np.ndarray:
    canvas = Image.fromarray(image)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=max(9, round(max(canvas.size) / 23)))
    for place, text, colour in tags:
        if text:
            draw_tag(draw, place, text, tuple(int(value) for value in colour), font, canvas.size)
    return np.asarray(canvas)
