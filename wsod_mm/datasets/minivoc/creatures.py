"""Painting of one creature: a small class-specific head on a body that classes share."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from .anatomy import BODIES, Canvas, face_marks, head_outline
from .config import MiniVOCConfig
from .species import COATS, Species
from .textures import fractal_noise, hsv, pattern

__all__ = ['BODY', 'HEAD', 'Sprite', 'paint_creature']

BODY, HEAD = 1, 2
"""Values of :attr:`Sprite.parts`."""


@dataclasses.dataclass
class Sprite:
    """A painted creature, cropped to its outline.

    Attributes:
        colour: float32 BGR ``[h, w, 3]``.
        parts: uint8 ``[h, w]``: 0 outside, :data:`BODY` or :data:`HEAD`.
    """

    colour: np.ndarray
    parts: np.ndarray


def paint_creature(
    rng: np.random.Generator,
    species: Species,
    length: float,
    config: MiniVOCConfig,
    head: str = 'shown',
) -> Sprite:
    """Paint one creature.

    Args:
        rng: Source of randomness.
        species: What to paint.
        length: Length from tail to neck in pixels.
        config: Its ``head_size``, ``coat``, ``body_hue``, ``body_pattern``, ``body_fade`` and ``hue_sharing``.
        head: ``'shown'``; ``'hidden'`` (a head without class marks, painted like the body);
            ``'none'`` (no head, and no class marks on the body either).

    Returns:
        The sprite, cropped to its outline.

    Raises:
        ValueError: Unknown body, head or ``head`` mode.
    """
    if species.body not in BODIES:
        raise ValueError(f'unknown body {species.body!r}, choose from {sorted(BODIES)}')
    if head not in ('shown', 'hidden', 'none'):
        raise ValueError(f"head={head!r}: must be 'shown', 'hidden' or 'none'")
    head_size, marked = config.head_size, float(head != 'none')
    canvas = Canvas(length, rng.uniform(-0.22, 0.22), bool(rng.random() < 0.5), rng.uniform(0.85, 1.15))
    side = canvas.side
    body_mask, head_mask = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    neck = BODIES[species.body](canvas, body_mask, rng)
    neck = (neck[0] + rng.uniform(-0.03, 0.03), neck[1] + rng.uniform(-0.05, 0.08))
    radius = head_size / 2 * rng.uniform(0.9, 1.1)
    if head != 'none':
        head_outline(canvas, head_mask, 'round_ears' if head == 'hidden' else species.head, neck, radius)

    # everything that costs time happens in the outline's bounding box only
    rows, columns = (
        np.flatnonzero((body_mask | head_mask).any(1)),
        np.flatnonzero((body_mask | head_mask).any(0)),
    )
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    window = np.s_[top:bottom, left:right]
    body_mask, head_mask = body_mask[window], head_mask[window]
    height, width = body_mask.shape
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)

    # the body: a dull colour that says nothing, and the class colour on top, strongest beside the
    # head
    coat = hsv(rng.uniform(0, 360), rng.uniform(0.05, 0.25), rng.uniform(0.35, 0.85))
    *paint, figure = COATS[species.body]
    coat = coat * (1 - config.coat) + config.coat * hsv(*paint) * rng.uniform(0.8, 1.1)
    weave = pattern(figure, height, width, length * 0.13, rng.uniform(0, np.pi), rng.uniform(0, 6))[..., None]
    coat = coat * (1 - 0.5 * config.coat * weave)
    hue = species.hue + (1 - config.hue_sharing) * species.hue_shift + rng.normal(0, 6)
    class_colour = hsv(hue, rng.uniform(0.65, 0.9), rng.uniform(0.65, 0.95))
    at_neck = canvas.points([neck])[0]
    distance = np.clip(np.hypot(x - at_neck[0], y - at_neck[1]) / (0.85 * length), 0, 1)
    kept = marked * (1 - config.body_fade * distance[..., None])
    marks = pattern(
        species.pattern,
        height,
        width,
        length * head_size * 0.28,
        rng.uniform(-0.4, 0.4) + 0.8,
        rng.uniform(0, 6),
    )[..., None]
    body = coat * (1 - config.body_hue * kept) + class_colour * config.body_hue * kept
    body = body * (1 - 0.55 * config.body_pattern * kept * marks)
    body = body * (1 + 0.22 * fractal_noise(rng, height, width, length * 0.12))[..., None]

    face = body if head == 'hidden' else class_colour * (1 - 0.55 * marks)
    face = face * (1 + 0.1 * fractal_noise(rng, height, width, length * 0.1))[..., None]
    colour = np.where(head_mask[..., None] > 0, face, body).astype(np.float32)
    parts = np.where(head_mask > 0, HEAD, np.where(body_mask > 0, BODY, 0)).astype(np.uint8)

    # light from above, the face, and a dark outline
    inside = (parts > 0).astype(np.uint8)
    colour *= (1.15 - 0.4 * np.linspace(0, 1, height, dtype=np.float32))[:, None, None]
    if head == 'shown':
        spots = np.zeros((side, side), np.uint8)
        face_marks(canvas, spots, species.head, neck, radius)
        for value, paint in (
            (1, hsv(hue, 0.12, 0.97)),
            (2, hsv(hue, 0.5, 0.12)),
            (3, hsv(42, 0.85, 0.95)),
        ):
            colour[spots[window] == value] = paint
    line = max(int(round(length / 70)), 1)
    framed = cv2.copyMakeBorder(inside, line, line, line, line, cv2.BORDER_CONSTANT, value=0)
    core = cv2.erode(framed, np.ones((2 * line + 1, 2 * line + 1), np.uint8))[line:-line, line:-line]
    rim = (inside - core) > 0
    rim |= (cv2.morphologyEx(head_mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0) & (inside > 0)
    colour[rim] *= 0.55
    return Sprite(np.clip(colour, 0, 255), parts)
