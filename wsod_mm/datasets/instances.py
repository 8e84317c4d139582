"""Annotated boxes in mmdet's format, for evaluation only."""

from collections.abc import Mapping, Sequence

from .weak_record import WeakBox, WeakRecord

__all__ = ['BOX_POLICIES', 'instances_of']

BOX_POLICIES = ('error', 'clip', 'ignore')


def instances_of(
    boxes: Sequence[WeakBox],
    record: WeakRecord,
    class_index: Mapping[str, int],
    boxes_outside: str = 'error',
) -> list[dict]:
    """Convert the boxes of one image.

    Args:
        boxes: Boxes of known classes.
        record: Their image; ``height`` and ``width`` must be known unless
            ``boxes_outside='ignore'``.
        class_index: Index of every class name.
        boxes_outside: ``'error'``, ``'clip'`` (drops what has no pixel inside), or ``'ignore'``.

    Returns:
        ``{'bbox', 'bbox_label', 'ignore_flag'}`` per box; boxes 0-based, inclusive, pixels of the
        original image.

    Raises:
        ValueError: For a box outside the image, or whose corners are swapped.
    """
    instances = []
    for box in boxes:
        bbox = [float(value) for value in box.bbox]
        if boxes_outside != 'ignore':
            inside = _clipped(bbox, record)
            if boxes_outside == 'error' and inside != bbox:
                raise ValueError(
                    f'{record.source}: box {bbox} of {box.name!r} (0-based x1, y1, x2, y2) is not '
                    f'inside the {record.width}x{record.height} image; correct the file, or set '
                    'boxes_outside="clip" (or "ignore")'
                )
            if inside is None:
                continue
            bbox = inside
        instances.append(dict(bbox=bbox, bbox_label=class_index[box.name], ignore_flag=int(box.difficult)))
    return instances


def _clipped(bbox: list[float], record: WeakRecord) -> list[float] | None:
    x1, y1 = max(bbox[0], 0.0), max(bbox[1], 0.0)
    x2, y2 = min(bbox[2], record.width - 1.0), min(bbox[3], record.height - 1.0)
    return [x1, y1, x2, y2] if x1 <= x2 and y1 <= y2 else None
