"""What happens to an image and its proposals before the network: scale rule, clipping, filters,
duplicates.

Everything is numpy, because it runs in data loader workers. Boxes are ``[R, 4]`` (x1, y1, x2, y2)
in pixels, 0-based, with inclusive corners, unless said otherwise.
"""

import numpy as np

__all__ = [
    'MIN_SIZE_RULES',
    'clip_boxes',
    'first_of_duplicates',
    'first_of_scaled_duplicates',
    'inside_image',
    'large_enough',
    'ORDERS',
    'project_boxes',
    'resize_factor',
    'select_rows',
]

MIN_SIZE_RULES = ('inclusive', 'pcl', 'casd')
ORDERS = ('file', 'score', 'random')


def resize_factor(height: int, width: int, short_side: float, max_size: float | None = None) -> float:
    """Factor that brings the short side to ``short_side`` unless the long side would pass
    ``max_size``.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        short_side: Target length of the shorter side, pixels.
        max_size: Cap on the longer side, pixels; ``None`` for none. It may be smaller than
            ``short_side`` (CASD tests scale 1200 with a cap of 1000), which a ``(long, short)``
            tuple cannot express.

    Returns:
        One factor for both axes. The reference gives it to the interpolation and to the boxes
        alike; the image size is rounded after that.

    Raises:
        ValueError: If a length is not positive.

    Source: public code of Fast R-CNN and its descendants (OICR, PCL, CL-WSOD), specs "Image prep".
    """
    if min(height, width) <= 0 or short_side <= 0 or (max_size is not None and max_size <= 0):
        raise ValueError(f'lengths must be positive: image {height}x{width}, short side {short_side}, cap {max_size}')
    factor = short_side / min(height, width)
    if max_size is not None and np.round(factor * max(height, width)) > max_size:
        factor = max_size / max(height, width)
    return float(factor)


def clip_boxes(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Move corners into the image: x to [0, W-1], y to [0, H-1].

    Args:
        boxes: float ``[R, 4]``.
        height: Image height H in pixels.
        width: Image width W in pixels.

    Returns:
        A clipped copy. A box wholly outside becomes a line on the border: see :func:`inside_image`.
    """
    limit = np.array([width - 1, height - 1, width - 1, height - 1], dtype=boxes.dtype)
    return np.clip(boxes, 0, limit)


def inside_image(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Which boxes share a pixel with the image and have their corners in ascending order.

    Args:
        boxes: float ``[R, 4]``.
        height: Image height in pixels.
        width: Image width in pixels.

    Returns:
        bool ``[R]``.
    """
    x1, y1, x2, y2 = boxes.T
    ordered = (x2 >= x1) & (y2 >= y1)
    return ordered & (x1 <= width - 1) & (y1 <= height - 1) & (x2 >= 0) & (y2 >= 0)


def large_enough(boxes: np.ndarray, min_size: float, rule: str = 'inclusive') -> np.ndarray:
    """Which boxes are not too small, as the papers' codes say it.

    Args:
        boxes: float ``[R, 4]``, clipped.
        min_size: Length in pixels.
        rule: ``'inclusive'``: x2-x1+1 >= m and y2-y1+1 >= m. ``'pcl'``: x2-x1+1 > m and y2-y1+1 > m
            (public PCL, m = 2). ``'casd'``: x2-x1 >= m and y2-y1 > m (public CASD, m = 20: the
            asymmetry is theirs).

    Returns:
        bool ``[R]``.

    Raises:
        ValueError: If ``rule`` is unknown.
    """
    dx, dy = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    if rule == 'inclusive':
        return (dx + 1 >= min_size) & (dy + 1 >= min_size)
    if rule == 'pcl':
        return (dx + 1 > min_size) & (dy + 1 > min_size)
    if rule == 'casd':
        return (dx >= min_size) & (dy > min_size)
    raise ValueError(f'min_size_rule must be one of {MIN_SIZE_RULES}, got {rule!r}')


def first_of_duplicates(boxes: np.ndarray) -> np.ndarray:
    """Rows that are the first with their four coordinates.

    Args:
        boxes: ``[R, 4]``.

    Returns:
        int64 ``[K]``, ascending.
    """
    return np.sort(np.unique(boxes, axis=0, return_index=True)[1])


def first_of_scaled_duplicates(boxes: np.ndarray, stride: float, order: str = 'key') -> np.ndarray:
    """One row of every group of boxes that fall on the same cells of the feature map.

    Two boxes are the same when round(coordinate / stride) agrees on all four (halves to even).
    Removing them changes the support of the softmax over proposals.

    Args:
        boxes: ``[R, 4]`` in network-input coordinates.
        stride: Pixels per cell: 16 in CL-WSOD, 8 in OICR and PCL.
        order: ``'key'``: by the reference's sorted key, which compares y2 first, then x2, y1, x1.
            ``'file'``: ascending rows.

    Returns:
        int64 ``[K]``, the first row of every group.

    Raises:
        ValueError: If ``order`` is unknown.

    Source: public code of Fast R-CNN, OICR, PCL and CL-WSOD (key = dot product with powers of 1000;
        ours does not collide
    beyond 1000 cells).
    """
    if order not in ('key', 'file'):
        raise ValueError(f"order must be 'key' or 'file', got {order!r}")
    cells = np.round(np.asarray(boxes, dtype=np.float64) / stride)
    rows = np.unique(cells[:, ::-1], axis=0, return_index=True)[1]
    return rows if order == 'key' else np.sort(rows)


def select_rows(
    scores: np.ndarray,
    max_num: int | None,
    order: str = 'file',
    rng: np.random.RandomState | None = None,
) -> np.ndarray:
    """Which rows a cap keeps, and in which order.

    Args:
        scores: float ``[R]``.
        max_num: Cap; ``None`` keeps all rows.
        order: ``'file'``: the first rows. ``'score'``: the highest scores, ties by row, best first.
            ``'random'``: a draw without replacement (CASD: min(1000, R) per iteration), ascending
            rows; no draw when all fit.
        rng: Source of the draw; the global numpy state when ``None``.

    Returns:
        int64 ``[min(R, max_num)]``.

    Raises:
        ValueError: If ``order`` is unknown or ``max_num`` is not positive.
    """
    if order not in ORDERS:
        raise ValueError(f'order must be one of {ORDERS}, got {order!r}')
    if max_num is not None and max_num <= 0:
        raise ValueError(f'max_num must be positive or None, got {max_num}')
    rows = np.arange(len(scores))
    if order == 'score':
        rows = np.argsort(-scores, kind='stable')
    if max_num is None or max_num >= len(rows):
        return rows
    if order == 'random':
        return np.sort((rng or np.random).permutation(len(rows))[:max_num])
    return rows[:max_num]


def project_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes after an affine or projective map of the plane, as the tightest upright boxes.

    Args:
        boxes: float ``[R, 4]``.
        matrix: ``[3, 3]``, maps (x, y, 1).

    Returns:
        float64 ``[R, 4]``.
    """
    x1, y1, x2, y2 = np.asarray(boxes, dtype=np.float64).T
    corners = np.stack([[x1, y1], [x2, y1], [x1, y2], [x2, y2]])  # [4, 2, R]
    ones = np.ones_like(corners[:, :1])
    mapped = np.asarray(matrix, dtype=np.float64) @ np.concatenate([corners, ones], axis=1)  # [4, 3, R]
    points = mapped[:, :2] / mapped[:, 2:]
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).T
