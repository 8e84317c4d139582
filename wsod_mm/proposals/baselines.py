"""Proposals that do not look at the image: the chance level that a detector and a proposal method
must beat."""

import zlib

import numpy as np

from ..functional.proposals import first_of_duplicates

__all__ = ['centre_box', 'grid_proposals', 'image_rng', 'random_proposals']


def image_rng(image_id: str, seed: int = 0) -> np.random.Generator:
    """Random generator that depends on the image id and ``seed`` only, not on the order in which
    images are visited."""
    return np.random.default_rng([zlib.crc32(image_id.encode()), seed])


def random_proposals(width: int, height: int, n: int, rng: np.random.Generator, min_side: int = 16) -> np.ndarray:
    """Boxes of log-uniform width and height at uniform positions, wholly inside the image.

    Sides are independent and log-uniform between ``min_side`` and the image side, so every octave
    of scale and of aspect ratio is equally likely; uniform corners would favour boxes of about a
    third of the image.

    Args:
        width: Image width in pixels.
        height: Image height in pixels.
        n: Number of boxes.
        rng: Source of randomness, see :func:`image_rng`.
        min_side: Smallest side in pixels (images smaller than this get full-size sides).

    Returns:
        float32 [n,4], (x1, y1, x2, y2), 0-based, inclusive, integer valued.
    """
    limit = np.array([width, height], np.float64)
    low = np.minimum(min_side, limit)
    sides = np.rint(np.exp(rng.uniform(np.log(low), np.log(limit), (n, 2)))).clip(1, limit)
    start = np.floor(rng.uniform(0, 1, (n, 2)) * (limit - sides + 1)).clip(0, limit - sides)
    return np.concatenate([start, start + sides - 1], axis=1).astype(np.float32)


def grid_proposals(
    width: int,
    height: int,
    scales: tuple[float, ...] = (1.0, 0.75, 0.5, 0.35, 0.25),
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0),
    overlap: float = 0.5,
) -> np.ndarray:
    """Sliding windows, largest first.

    Args:
        width: Image width in pixels.
        height: Image height in pixels.
        scales: Square root of the window area over that of the image.
        ratios: Height over width of the window, relative to the image's own ratio.
        overlap: Share of a window side that neighbours have in common, in [0, 1).

    Returns:
        float32 [R,4], (x1, y1, x2, y2), 0-based, inclusive, integer valued, without duplicates.
    """
    windows = []
    for scale in scales:
        for ratio in ratios:
            w = int(np.clip(round(width * scale / ratio**0.5), 1, width))
            h = int(np.clip(round(height * scale * ratio**0.5), 1, height))
            columns = 1 + int(np.ceil((width - w) / max(w * (1 - overlap), 1)))
            rows = 1 + int(np.ceil((height - h) / max(h * (1 - overlap), 1)))
            x, y = np.meshgrid(
                np.rint(np.linspace(0, width - w, columns)),
                np.rint(np.linspace(0, height - h, rows)),
            )
            x, y = x.ravel(), y.ravel()
            windows.append(np.stack([x, y, x + w - 1, y + h - 1], axis=1))
    boxes = np.concatenate(windows).astype(np.float32)
    return boxes[first_of_duplicates(boxes)]


def centre_box(width: int, height: int, fraction: float = 0.5) -> np.ndarray:
    """One box in the middle that covers ``fraction`` of the image area and has its aspect ratio.

    Returns:
        float32 [1,4], (x1, y1, x2, y2), 0-based, inclusive, integer valued.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f'fraction of the image area must be in (0, 1], got {fraction}')
    w, h = (max(1, round(side * fraction**0.5)) for side in (width, height))
    x, y = (width - w) // 2, (height - h) // 2
    return np.array([[x, y, x + w - 1, y + h - 1]], np.float32)
