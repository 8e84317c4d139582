"""Colours, noise and patterns from which MiniVOC scenes are painted."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ['PATTERNS', 'background', 'fractal_noise', 'hsv', 'pattern', 'textured']

PATTERNS = ('plain', 'stripes', 'checks', 'dots', 'waves')


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Convert hue (degrees), saturation and value ([0, 1]) to float32 BGR ``[3]`` in [0, 255]."""
    cell = np.array([[[hue % 360, saturation, value]]], np.float32)
    return cv2.cvtColor(cell, cv2.COLOR_HSV2BGR)[0, 0] * 255


def fractal_noise(rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 3) -> np.ndarray:
    """Smooth noise, a sum of interpolated random grids.

    Args:
        rng: Source of randomness.
        height: Height in pixels.
        width: Width in pixels.
        cell: Size of the coarsest grid cell in pixels; every octave halves it.
        octaves: Number of grids, each of half the amplitude of the one before.

    Returns:
        float32 ``[height, width]`` in [-1, 1].
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        grid = rng.uniform(-1, 1, (int(height / step) + 2, int(width / step) + 2)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.clip(total / (2 - 2.0 ** (1 - octaves)), -1, 1)


def pattern(kind: str, height: int, width: int, period: float, angle: float, phase: float = 0.0) -> np.ndarray:
    """A periodic pattern.

    Args:
        kind: One of :data:`PATTERNS`.
        height: Height in pixels.
        width: Width in pixels.
        period: Length of one period in pixels.
        angle: Direction in radians.
        phase: Shift in radians.

    Returns:
        float32 ``[height, width]`` in [0, 1].

    Raises:
        ValueError: Unknown ``kind``.
    """
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = 2 * np.pi / max(period, 2.0)
    u = (x * np.cos(angle) + y * np.sin(angle)) * turn + phase
    v = (-x * np.sin(angle) + y * np.cos(angle)) * turn + phase
    if kind == 'plain':
        return np.zeros((height, width), np.float32)
    if kind == 'stripes':
        return _edge(np.sin(u))
    if kind == 'checks':
        return _edge(np.sin(u) * np.sin(v) * 2)
    if kind == 'dots':
        return _edge((np.cos(u) + np.cos(v)) * 1.2 - 0.9)
    if kind == 'waves':
        return _edge(np.sin(u + 1.6 * np.sin(v / 2)))
    raise ValueError(f'unknown pattern {kind!r}, choose from {PATTERNS}')


def textured(rng: np.random.Generator, height: int, width: int, saturation: float, unit: float) -> np.ndarray:
    """A surface of two related colours in a random pattern, under noise.

    Args:
        rng: Source of randomness.
        height: Height in pixels.
        width: Width in pixels.
        saturation: Highest colour saturation.
        unit: A length in pixels to which periods and noise cells are relative.

    Returns:
        float32 BGR ``[height, width, 3]`` in about [0, 255].
    """
    hue, value = rng.uniform(0, 360), rng.uniform(0.3, 0.9)
    first = hsv(hue, rng.uniform(0, saturation), value)
    second = hsv(
        hue + rng.uniform(-40, 40),
        rng.uniform(0, saturation),
        np.clip(value + rng.uniform(-0.25, 0.25), 0.15, 1),
    )
    mask = pattern(
        PATTERNS[rng.integers(len(PATTERNS))],
        height,
        width,
        unit * rng.uniform(0.08, 0.3),
        rng.uniform(0, np.pi),
        rng.uniform(0, 6),
    )[..., None]
    surface = first * (1 - mask) + second * mask
    return surface * (1 + 0.18 * fractal_noise(rng, height, width, unit * rng.uniform(0.05, 0.4)))[..., None]


def background(rng: np.random.Generator, height: int, width: int, saturation: float) -> np.ndarray:
    """A landscape: something above, something below a wavy horizon, both under coarse noise.

    Args:
        rng: Source of randomness.
        height: Height in pixels.
        width: Width in pixels.
        saturation: Highest colour saturation.

    Returns:
        float32 BGR ``[height, width, 3]`` in about [0, 255].
    """
    unit = max(height, width)
    layers = []
    for _ in range(2):
        hue, value = rng.uniform(0, 360), rng.uniform(0.35, 0.9)
        near = hsv(hue, rng.uniform(0, saturation), value)
        far = hsv(
            hue + rng.uniform(-50, 50),
            rng.uniform(0, saturation),
            np.clip(value + rng.uniform(-0.3, 0.3), 0.2, 1),
        )
        mix = 0.5 + 0.5 * fractal_noise(rng, height, width, unit * rng.uniform(0.1, 0.5), 4)[..., None]
        layers.append(near * mix + far * (1 - mix))
    rows = np.arange(height, dtype=np.float32)[:, None]
    wave = fractal_noise(rng, 1, width, unit * 0.3, 2) * height * 0.08
    below = np.clip((rows - height * rng.uniform(0.3, 0.8) - wave) / 3 + 0.5, 0, 1)[..., None]
    return layers[0] * (1 - below) + layers[1] * below


def _edge(wave: np.ndarray) -> np.ndarray:
    # a soft step: hard edges alias when small objects are averaged down
    return np.clip(wave * 2 + 0.5, 0, 1)
