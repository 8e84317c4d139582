"""Composition of one MiniVOC picture from background, clutter, objects and occluders."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from .config import MiniVOCConfig
from .creatures import BODY, HEAD, Sprite, paint_creature
from .species import SPECIES, Species
from .textures import background, fractal_noise, textured

__all__ = ['Scene', 'SceneObject', 'paint_scene']


@dataclasses.dataclass
class SceneObject:
    """One annotated object; boxes are ``(x1, y1, x2, y2)``, pixels, 0-based, inclusive, of what is
    visible.

    Attributes:
        label: Index of the class.
        box: Box of the object.
        head_box: Box of the visible part of the head, ``None`` when nothing of it is seen.
        body_box: Likewise of the body.
        visible: Share of the object's area that is visible, (0, 1].
        truncated: Whether the picture's border cuts it.
        occluded: Whether something is in front of it.
        difficult: Whether it is too hidden or too small to be asked for.
        head: ``'shown'`` or ``'hidden'``.
    """

    label: int
    box: tuple[int, int, int, int]
    head_box: tuple[int, int, int, int] | None
    body_box: tuple[int, int, int, int] | None
    visible: float
    truncated: bool
    occluded: bool
    difficult: bool
    head: str


@dataclasses.dataclass
class Scene:
    """A finished picture.

    Attributes:
        image: uint8 BGR ``[H, W, 3]``.
        objects: Annotated objects, in painting order.
        segmentation: uint8 ``[H, W]``: 0 background, label + 1 objects, 255 object borders.
    """

    image: np.ndarray
    objects: list[SceneObject]
    segmentation: np.ndarray


@dataclasses.dataclass
class _Placed:
    label: int
    sprite: Sprite
    left: int
    top: int
    head: str


def paint_scene(rng: np.random.Generator, config: MiniVOCConfig, species: tuple[Species, ...] = SPECIES) -> Scene:
    """Paint one picture.

    Args:
        rng: Source of randomness; the picture depends on nothing else but ``config`` and
            ``species``.
        config: The dials.
        species: The classes.

    Returns:
        The picture and its annotation; it has at least one object that is not difficult.
    """
    for _ in range(50):
        scene = _attempt(rng, config, species)
        if any(not item.difficult for item in scene.objects):
            return scene
    raise ValueError(
        'no picture with a visible object in 50 attempts; lower occluder_cover, '
        'difficult_visible or difficult_side_px, or raise main_scale'
    )


def _attempt(rng: np.random.Generator, config: MiniVOCConfig, species: tuple[Species, ...]) -> Scene:
    factor = config.supersample
    height, width = (int(v) * factor for v in rng.integers(config.side_px[0], config.side_px[1] + 1, 2))
    unit = max(height, width)
    canvas = background(rng, height, width, config.clutter_saturation)
    for _ in range(rng.integers(config.num_clutter[0], config.num_clutter[1] + 1)):
        _clutter(rng, canvas, config.clutter_saturation, rng.uniform(0.15, 0.6) * unit)

    owner = np.zeros((height, width), np.uint8)  # 0 nothing, i + 1 the i-th object
    part = np.zeros((height, width), np.uint8)
    boxes: list[tuple[float, float, float, float]] = []

    if rng.random() < config.headless_prob:
        for _ in range(rng.integers(1, config.max_headless + 1) if config.max_headless else 0):
            kind = species[rng.integers(len(species))]
            sprite = paint_creature(rng, kind, rng.uniform(0.25, 0.6) * unit, config, 'none')
            left, top = _place(rng, sprite, height, width, boxes, False)
            _write(canvas, sprite.colour, sprite.parts > 0, left, top)
            # no entry in ``boxes``: objects may stand in front of these

    first = int(rng.integers(len(species)))
    labels = [first] + [
        first if rng.random() < config.same_class_prob else int(rng.integers(len(species)))
        for _ in range(rng.integers(0, config.max_extra_objects + 1))
    ]
    placed: list[_Placed] = []
    for number, label in enumerate(labels):
        low, high = config.main_scale if number == 0 else config.extra_scale
        length = np.exp(rng.uniform(np.log(low), np.log(high))) * unit
        head = 'hidden' if rng.random() < config.hidden_head_prob else 'shown'
        sprite = paint_creature(rng, species[label], length, config, head)
        left, top = _place(rng, sprite, height, width, boxes, rng.random() < config.truncated_prob)
        tall, wide = sprite.parts.shape
        boxes.append((left, top, left + wide, top + tall))
        placed.append(_Placed(label, sprite, left, top, head))
        mask = sprite.parts > 0
        _write(canvas, sprite.colour, mask, left, top)
        _write(owner, np.full(mask.shape, number + 1, np.uint8), mask, left, top)
        _write(part, sprite.parts, mask, left, top)

    for left, top, right, bottom in list(boxes):
        if rng.random() < config.occluder_prob:
            _occlude(rng, canvas, owner, (left, top, right, bottom), config)

    canvas *= (1 + 0.12 * fractal_noise(rng, height, width, unit * 0.8, 1))[..., None]
    size = (width // factor, height // factor)
    image = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    image = image + rng.normal(0, config.noise, image.shape).astype(np.float32)
    image = np.clip(np.round(image), 0, 255).astype(np.uint8)

    objects = [o for i, p in enumerate(placed) if (o := _describe(p, i, owner, part, config)) is not None]
    return Scene(image, objects, _segment(placed, owner, factor))


def _clutter(rng: np.random.Generator, canvas: np.ndarray, saturation: float, size: float) -> None:
    """Paint a textured polygon or blob somewhere."""
    height, width = canvas.shape[:2]
    side = max(int(size), 8)
    mask = np.zeros((side, side), np.uint8)
    corners = int(rng.integers(3, 8)) if rng.random() < 0.6 else 28
    spread = 0.45 if corners < 10 else 0.12
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners)) if corners < 10 else np.linspace(0, 2 * np.pi, corners)
    radius = side / 2 * (1 - rng.uniform(0, spread, corners))
    squeeze = rng.uniform(0.4, 1)
    points = np.stack([side / 2 + radius * np.cos(angle), side / 2 + squeeze * radius * np.sin(angle)], 1)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    surface = textured(rng, side, side, saturation, canvas.shape[0] * 0.6)
    surface *= (1.1 - 0.3 * np.linspace(0, 1, side, dtype=np.float32))[:, None, None]
    left, top = (
        int(rng.integers(-side // 3, width - side // 2)),
        int(rng.integers(-side // 3, height - side // 2)),
    )
    _write(canvas, surface, mask > 0, left, top)


def _occlude(rng: np.random.Generator, canvas: np.ndarray, owner: np.ndarray, box, config: MiniVOCConfig) -> None:
    """Put a slab over one side of an object's box and take the pixels from their owners."""
    left, top, right, bottom = box
    cover = rng.uniform(*config.occluder_cover)
    wide, tall = right - left, bottom - top
    side = rng.integers(3)
    if side == 2:  # from below, like grass or a wall
        x0, x1, y0, y1 = (
            left - 0.1 * wide,
            right + 0.1 * wide,
            bottom - cover * tall,
            bottom + 0.1 * tall,
        )
    else:  # a post at one end
        x0, x1 = (left - 0.1 * wide, left + cover * wide) if side == 0 else (right - cover * wide, right + 0.1 * wide)
        y0, y1 = top - 0.2 * tall, bottom + 0.1 * tall
    height, width = max(int(y1 - y0), 2), max(int(x1 - x0), 2)
    surface = textured(rng, height, width, config.clutter_saturation, canvas.shape[0] * 0.4)
    mask = np.ones((height, width), bool)
    ragged = (1 + fractal_noise(rng, 1, width, width * 0.2, 2)[0]) * 0.06 * height
    mask &= np.arange(height)[:, None] >= ragged[None]
    _write(canvas, surface, mask, int(x0), int(y0))
    _write(owner, np.zeros((height, width), np.uint8), mask, int(x0), int(y0))


def _place(rng: np.random.Generator, sprite: Sprite, height: int, width: int, boxes, truncate: bool) -> tuple[int, int]:
    """Choose the corner where a sprite overlaps the earlier boxes least, out of a few tries."""
    tall, wide = sprite.parts.shape
    slack = 0.3 if truncate else 0.0
    best, best_overlap = (0, 0), np.inf
    for _ in range(12):
        low_x, high_x = sorted((-slack * wide, width - wide * (1 - slack)))
        low_y, high_y = sorted((-slack * tall, height - tall * (1 - slack)))
        left, top = int(rng.uniform(low_x, high_x)), int(rng.uniform(low_y, high_y))
        overlap = 0.0
        for x1, y1, x2, y2 in boxes:
            common = max(min(x2, left + wide) - max(x1, left), 0) * max(min(y2, top + tall) - max(y1, top), 0)
            overlap = max(overlap, common / min((x2 - x1) * (y2 - y1), wide * tall))
        if overlap < best_overlap:
            best, best_overlap = (left, top), overlap
        if overlap < 0.05:
            break
    return best


def _window(shape: tuple[int, int], target: tuple[int, int], left: int, top: int):
    """Slices of target and source where a source of ``shape`` at (left, top) meets the target."""
    y0, y1 = max(top, 0), min(top + shape[0], target[0])
    x0, x1 = max(left, 0), min(left + shape[1], target[1])
    if y0 >= y1 or x0 >= x1:
        return None
    return np.s_[y0:y1, x0:x1], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]


def _write(target: np.ndarray, source: np.ndarray, mask: np.ndarray, left: int, top: int) -> None:
    """Copy ``source`` where ``mask`` into ``target`` at (left, top), cut at the border."""
    window = _window(mask.shape, target.shape[:2], left, top)
    if window is not None:
        inner, outer = window
        target[inner][mask[outer]] = source[outer][mask[outer]]


def _box(mask: np.ndarray, factor: int, limit: tuple[int, int]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    corners = np.array([columns[0], rows[0], columns[-1], rows[-1]]) // factor
    return tuple(int(v) for v in np.minimum(corners, [limit[1] - 1, limit[0] - 1] * 2))


def _describe(
    item: _Placed, number: int, owner: np.ndarray, part: np.ndarray, config: MiniVOCConfig
) -> SceneObject | None:
    factor = config.supersample
    limit = (owner.shape[0] // factor, owner.shape[1] // factor)
    mask = owner == number + 1
    box = _box(mask, factor, limit)
    if box is None:
        return None
    whole = item.sprite.parts > 0
    window = _window(whole.shape, owner.shape, item.left, item.top)
    in_picture = int(whole[window[1]].sum())
    seen, area = int(mask.sum()), int(whole.sum())
    visible = seen / area
    short = min(box[2] - box[0], box[3] - box[1]) + 1
    return SceneObject(
        label=item.label,
        box=box,
        head_box=_box(mask & (part == HEAD), factor, limit),
        body_box=_box(mask & (part == BODY), factor, limit),
        visible=round(visible, 4),
        truncated=in_picture < area,
        occluded=seen < in_picture,
        head=item.head,
        difficult=visible < config.difficult_visible or short < config.difficult_side_px,
    )


def _segment(placed: list[_Placed], owner: np.ndarray, factor: int) -> np.ndarray:
    """Class indices with a void border of one pixel on each side of every object's outline."""
    # the centre of every block of factor x factor
    owner = owner[factor // 2 :: factor, factor // 2 :: factor][: owner.shape[0] // factor, : owner.shape[1] // factor]
    lookup = np.zeros(256, np.uint8)
    for number, item in enumerate(placed):
        lookup[number + 1] = item.label + 1
    segmentation = lookup[owner]
    edge = cv2.dilate(owner, np.ones((3, 3), np.uint8)) != cv2.erode(owner, np.ones((3, 3), np.uint8))
    segmentation[edge] = 255
    return segmentation
