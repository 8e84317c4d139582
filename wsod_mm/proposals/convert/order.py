"""Are the columns and the first pixel what we think they are? The image borders tell."""

from collections.abc import Sequence

import numpy as np

from ..errors import ProposalFileError

__all__ = ['ORDERS', 'arrange', 'check_order', 'outside_mask', 'outside_shares']

ORDERS = ('xyxy', 'yxyx', 'xywh')


def arrange(boxes: np.ndarray, order: str, offset: int) -> np.ndarray:
    """Bring boxes into our convention.

    Args:
        boxes: float [R,4], columns as in ``order``.
        order: ``'xyxy'``, ``'yxyx'`` (y1, x1, y2, x2) or ``'xywh'`` (w and h count pixels).
        offset: Coordinate of the first pixel, 0 or 1.

    Returns:
        float32 [R,4], (x1, y1, x2, y2), 0-based, inclusive.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    if order == 'yxyx':
        boxes = boxes[:, (1, 0, 3, 2)]
    elif order == 'xywh':
        boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - 1], axis=1)
    elif order != 'xyxy':
        raise ValueError(f'unknown box order {order!r}; choose one of {ORDERS}')
    return boxes - np.float32(offset)


def outside_mask(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """bool [R]: which boxes leave the image or have their corners the wrong way round."""
    return (
        (boxes[:, 0] < 0)
        | (boxes[:, 1] < 0)
        | (boxes[:, 2] > width - 1)
        | (boxes[:, 3] > height - 1)
        | (boxes[:, 2] < boxes[:, 0])
        | (boxes[:, 3] < boxes[:, 1])
    )


def outside_shares(boxes: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]]) -> dict[tuple[str, int], float]:
    """Share of boxes that leave their image, under every order and offset.

    Args:
        boxes: Per image [R,4] as in the file.
        sizes: Per image (width, height).
    """
    total = max(sum(map(len, boxes)), 1)
    return {
        (order, offset): (
            sum(int(outside_mask(arrange(b, order, offset), *size).sum()) for b, size in zip(boxes, sizes, strict=True))
            / total
        )
        for order in ORDERS
        for offset in (0, 1)
    }


def check_order(
    ids: Sequence[str],
    boxes: Sequence[np.ndarray],
    sizes: Sequence[tuple[int, int]],
    order: str,
    offset: int,
    max_outside: float = 0.01,
    source: str = 'the file',
) -> float:
    """Refuse boxes that do not fit their images under the assumed order and offset.

    Args:
        ids: Image ids, for the message.
        boxes: Per image [R,4] as in the file.
        sizes: Per image (width, height).
        order: Assumed order.
        offset: Assumed coordinate of the first pixel.
        max_outside: Tolerated share of boxes that leave their image.
        source: Name of the file.

    Returns:
        The share of boxes outside.

    Raises:
        ProposalFileError: If the share is larger; the message gives the numbers and what would fit.
    """
    count, first = 0, None
    for image_id, b, (width, height) in zip(ids, boxes, sizes, strict=True):
        mask = outside_mask(arrange(b, order, offset), width, height)
        count += int(mask.sum())
        if first is None and mask.any():
            row = b[int(mask.argmax())].tolist()
            first = f'image {image_id!r} is {width}x{height}, the file has {row} for it'
    total = sum(map(len, boxes))
    share = count / max(total, 1)
    if share <= max_outside:
        return share
    sample = np.linspace(0, len(boxes) - 1, min(len(boxes), 500)).astype(
        int
    )  # enough to tell, and quick on large files
    shares = outside_shares([boxes[i] for i in sample], [sizes[i] for i in sample])
    fitting = [
        f'--order {o} --offset {f} ({s:.2%} outside)'
        for (o, f), s in sorted(shares.items(), key=lambda kv: kv[1])
        if s <= max_outside and (o, f) != (order, offset)
    ]
    fix = (
        'What would fit: ' + ', or '.join(fitting)
        if fitting
        else ('No other order or offset fits either: these are probably proposals of other images, or of resized ones')
    )
    raise ProposalFileError(
        f'{source}: taken as {order}, {offset}-based, {count} of {total} boxes ({share:.1%}) leave'
        f' their image; at most {max_outside:.0%} may ({first}). {fix}'
    )
