"""Outlines of bodies and heads in unit coordinates."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ['BODIES', 'Canvas', 'face_marks', 'head_outline']


class Canvas:
    """Painting in unit coordinates: x from tail (0) to head (1), y downwards, about 1 wide."""

    def __init__(self, length: float, angle: float, flip: bool, stretch: float) -> None:
        self.length = length
        self.side = int(np.ceil(length * 2.2)) + 4
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1.0, stretch])
        if flip:
            turn = np.diag([-1.0, 1.0]) @ turn
        self.matrix = turn * length
        self.shift = np.full(2, self.side / 2) - self.matrix @ np.array([0.5, 0.45])

    def points(self, coordinates) -> np.ndarray:
        return np.asarray(coordinates, np.float64) @ self.matrix.T + self.shift

    def polygon(self, mask: np.ndarray, coordinates, value: int = 1) -> None:
        # 4 fractional bits keep small objects smooth
        cv2.fillPoly(mask, [np.round(self.points(coordinates) * 16).astype(np.int32)], value, cv2.LINE_8, 4)

    def ellipse(self, mask: np.ndarray, centre, radii, turn: float = 0.0, value: int = 1) -> None:
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x, y = radii[0] * np.cos(t), radii[1] * np.sin(t)
        cos, sin = np.cos(turn), np.sin(turn)
        self.polygon(mask, np.stack([centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos], 1), value)

    def limb(self, mask: np.ndarray, start, end, width: float, value: int = 1) -> None:
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = end - start
        side = np.array([-along[1], along[0]]) / max(np.hypot(*along), 1e-6) * width / 2
        self.polygon(mask, [start + side, end + side * 0.8, end - side * 0.8, start - side], value)


def _quadruped(canvas: Canvas, mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    bottom = rng.uniform(0.78, 0.9)
    for x in (0.16, 0.27, 0.55, 0.66):
        canvas.limb(mask, (x, 0.5), (x + rng.uniform(-0.07, 0.07), bottom), 0.085)
    canvas.ellipse(mask, (0.40, 0.46), (0.33, 0.19 * rng.uniform(0.9, 1.15)))
    canvas.limb(mask, (0.12, 0.4), (rng.uniform(-0.04, 0.04), rng.uniform(0.1, 0.7)), 0.05)
    canvas.limb(mask, (0.60, 0.46), (0.78, 0.30), 0.22)
    return 0.79, 0.27


def _bird(canvas: Canvas, mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    bottom = rng.uniform(0.88, 0.98)
    for x in (0.42, 0.52):
        canvas.limb(mask, (x, 0.6), (x + rng.uniform(-0.05, 0.05), bottom), 0.04)
        canvas.limb(mask, (x, bottom), (x + 0.1, bottom + 0.01), 0.035)
    canvas.ellipse(mask, (0.44, 0.54), (0.31, 0.21 * rng.uniform(0.9, 1.15)), -0.35)
    canvas.polygon(
        mask,
        [(0.28, 0.52), (0.0, rng.uniform(0.6, 0.75)), (0.03, rng.uniform(0.78, 0.9)), (0.3, 0.7)],
    )
    canvas.limb(mask, (0.6, 0.45), (0.72, 0.28), 0.22)
    return 0.73, 0.25


def _fish(canvas: Canvas, mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    canvas.ellipse(mask, (0.46, 0.45), (0.36, 0.2 * rng.uniform(0.9, 1.2)))
    canvas.polygon(
        mask,
        [
            (0.16, 0.45),
            (-0.02, rng.uniform(0.2, 0.3)),
            (0.03, 0.45),
            (-0.02, rng.uniform(0.6, 0.7)),
        ],
    )
    canvas.polygon(mask, [(0.35, 0.3), (0.42, 0.1), (0.58, 0.3)])
    return 0.78, 0.43


def _beetle(canvas: Canvas, mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    for x in (0.22, 0.4, 0.58):
        for y in (0.08, 0.84):
            canvas.limb(mask, (x, 0.46), (x + rng.uniform(-0.1, 0.1), y), 0.045)
    canvas.ellipse(mask, (0.4, 0.46), (0.35, 0.25 * rng.uniform(0.9, 1.1)))
    return 0.78, 0.46


def _snail(canvas: Canvas, mask: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    canvas.polygon(mask, [(-0.02, 0.78), (0.3, 0.62), (0.72, 0.6), (0.86, 0.4), (0.9, 0.66), (0.84, 0.8)])
    canvas.ellipse(mask, (0.38, 0.46), (0.27, 0.27 * rng.uniform(0.9, 1.1)))
    return 0.8, 0.4


BODIES = {
    'quadruped': _quadruped,
    'bird': _bird,
    'fish': _fish,
    'beetle': _beetle,
    'snail': _snail,
}


def head_outline(canvas: Canvas, mask: np.ndarray, kind: str, centre: tuple[float, float], r: float) -> None:
    """Paint the outline of a head.

    Args:
        canvas: Where the creature stands.
        mask: uint8 ``[side, side]``, set to 1 inside.
        kind: Kind of head.
        centre: Centre of the head in unit coordinates.
        r: Its radius in unit coordinates.

    Raises:
        ValueError: Unknown ``kind``.
    """
    x, y = centre
    if kind == 'round_ears':
        for dx in (-0.72, 0.5):
            canvas.ellipse(mask, (x + dx * r, y - 0.72 * r), (0.38 * r, 0.38 * r))
        canvas.ellipse(mask, (x, y), (0.95 * r, 0.88 * r))
        canvas.ellipse(mask, (x + 0.62 * r, y + 0.3 * r), (0.5 * r, 0.42 * r))
    elif kind == 'pointed_ears':
        for dx in (-0.55, 0.5):
            canvas.polygon(
                mask,
                [
                    (x + (dx - 0.42) * r, y - 0.5 * r),
                    (x + dx * r, y - 1.4 * r),
                    (x + (dx + 0.42) * r, y - 0.5 * r),
                ],
            )
        canvas.ellipse(mask, (x, y), (r, 0.85 * r))
    elif kind == 'horns':
        canvas.ellipse(mask, (x - 0.05 * r, y - 0.1 * r), (0.75 * r, 0.75 * r))
        canvas.ellipse(mask, (x + 0.5 * r, y + 0.35 * r), (0.62 * r, 0.4 * r), 0.5)
        for dx in (-0.3, 0.15):
            canvas.limb(mask, (x + dx * r, y - 0.5 * r), (x + (dx - 0.35) * r, y - 1.15 * r), 0.3 * r)
            canvas.limb(
                mask,
                (x + (dx - 0.32) * r, y - 1.05 * r),
                (x + (dx - 1.0) * r, y - 1.2 * r),
                0.22 * r,
            )
    elif kind == 'flat_beak':
        canvas.ellipse(mask, (x, y), (0.85 * r, 0.85 * r))
        canvas.polygon(
            mask,
            [
                (x + 0.6 * r, y - 0.15 * r),
                (x + 1.6 * r, y + 0.15 * r),
                (x + 1.6 * r, y + 0.42 * r),
                (x + 0.55 * r, y + 0.5 * r),
            ],
        )
    elif kind == 'big_eyes':
        canvas.ellipse(mask, (x, y), (1.05 * r, 0.92 * r))
        for dx in (-0.75, 0.75):
            canvas.polygon(
                mask,
                [
                    (x + (dx - 0.3) * r, y - 0.5 * r),
                    (x + 1.25 * dx * r, y - 1.2 * r),
                    (x + (dx + 0.3) * r, y - 0.6 * r),
                ],
            )
    elif kind == 'crest':
        canvas.ellipse(mask, (x, y), (0.85 * r, 0.85 * r))
        for angle in (-2.4, -1.9, -1.4):
            canvas.limb(
                mask,
                (x + 0.6 * r * np.cos(angle), y + 0.6 * r * np.sin(angle)),
                (x + 1.4 * r * np.cos(angle), y + 1.4 * r * np.sin(angle)),
                0.4 * r,
            )
        canvas.polygon(
            mask,
            [
                (x + 0.6 * r, y - 0.5 * r),
                (x + 1.35 * r, y),
                (x + 1.1 * r, y + 0.65 * r),
                (x + 0.6 * r, y + 0.4 * r),
            ],
        )
    elif kind == 'antennae':
        canvas.ellipse(mask, (x, y), (0.8 * r, 0.8 * r))
        for dy in (-0.55, 0.2):
            canvas.limb(mask, (x + 0.4 * r, y + dy * r * 0.5), (x + 1.5 * r, y + dy * 2 * r), 0.16 * r)
    else:
        raise ValueError(f'unknown head {kind!r}')


def face_marks(canvas: Canvas, spot: np.ndarray, kind: str, centre: tuple[float, float], r: float) -> None:
    """Mark eyes, beak and muzzle: 1 light, 2 dark, 3 the colour of beaks."""
    x, y = centre
    if kind == 'big_eyes':
        for dx in (-0.42, 0.42):
            canvas.ellipse(spot, (x + dx * r, y - 0.05 * r), (0.4 * r, 0.4 * r), value=1)
            canvas.ellipse(spot, (x + dx * r, y - 0.05 * r), (0.18 * r, 0.18 * r), value=2)
        canvas.polygon(spot, [(x - 0.15 * r, y + 0.2 * r), (x + 0.15 * r, y + 0.2 * r), (x, y + 0.6 * r)], 2)
    else:
        canvas.ellipse(spot, (x + 0.25 * r, y - 0.2 * r), (0.2 * r, 0.2 * r), value=1)
        canvas.ellipse(spot, (x + 0.3 * r, y - 0.2 * r), (0.12 * r, 0.12 * r), value=2)
    if kind == 'round_ears':
        canvas.ellipse(spot, (x + 0.75 * r, y + 0.32 * r), (0.3 * r, 0.26 * r), value=1)
        canvas.ellipse(spot, (x + 0.95 * r, y + 0.22 * r), (0.14 * r, 0.12 * r), value=2)
    elif kind == 'pointed_ears':
        canvas.polygon(
            spot,
            [(x + 0.55 * r, y + 0.1 * r), (x + 0.85 * r, y + 0.1 * r), (x + 0.7 * r, y + 0.32 * r)],
            2,
        )
    elif kind == 'horns':
        canvas.ellipse(spot, (x + 0.85 * r, y + 0.45 * r), (0.16 * r, 0.12 * r), value=2)
    elif kind == 'flat_beak':
        canvas.polygon(
            spot,
            [
                (x + 0.6 * r, y - 0.15 * r),
                (x + 1.6 * r, y + 0.15 * r),
                (x + 1.6 * r, y + 0.42 * r),
                (x + 0.55 * r, y + 0.5 * r),
            ],
            3,
        )
    elif kind == 'crest':
        canvas.polygon(
            spot,
            [
                (x + 0.6 * r, y - 0.5 * r),
                (x + 1.35 * r, y),
                (x + 1.1 * r, y + 0.65 * r),
                (x + 0.6 * r, y + 0.4 * r),
            ],
            2,
        )
