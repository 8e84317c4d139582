"""How often each class occurs among labeled images."""

from collections.abc import Iterable

from .base_pool import BasePool

__all__ = ['class_counts']


def class_counts(pool: BasePool, ids: Iterable[int]) -> dict[str, tuple[int, int]]:
    """Count images and boxes per class, for reports.

    Opens the annotations of these images, not the images. Ignored objects (difficult, crowd) do not count.

    Args:
        pool: The pool.
        ids: Labeled images.

    Returns:
        Class name -> (images with at least one box of it, boxes), in the order of the classes.

    Raises:
        FileNotFoundError: If an image has no annotation.
        ValueError: For wrong content of an annotation.
    """
    images, boxes = ([0] * len(pool.metainfo['classes']) for _ in range(2))
    for i in ids:
        labels = [instance['bbox_label'] for instance in pool.instances(int(i)) if not instance['ignore_flag']]
        for label in labels:
            boxes[label] += 1
        for label in set(labels):
            images[label] += 1
    return {name: (images[k], boxes[k]) for k, name in enumerate(pool.metainfo['classes'])}
