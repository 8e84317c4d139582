"""What a reader of some annotation format says about one image."""

from dataclasses import dataclass, field

__all__ = ['WeakBox', 'WeakRecord']


@dataclass
class WeakBox:
    """One annotated object; only read where boxes were asked for.

    Attributes:
        name: Class name as written in the file.
        bbox: (x1, y1, x2, y2), pixels, 0-based, inclusive corners.
        difficult: Whether the metrics ignore it (VOC ``difficult``, COCO ``iscrowd``).
    """

    name: str
    bbox: tuple[float, float, float, float]
    difficult: bool = False


@dataclass
class WeakRecord:
    """One image, its class names, and where that was read.

    Attributes:
        img_id: Unique key, also that of the proposals.
        img_path: Image file.
        source: File (and line) that names in error messages lead to.
        labels: Names of the classes with at least one object that is not difficult, ``None`` when
            nothing is known.
        difficult: Names of the classes with difficult objects.
        height: Image height in pixels, 0 when unknown.
        width: Image width in pixels, 0 when unknown.
        boxes: Objects, ``None`` when boxes were not read or the format has none.
    """

    img_id: str
    img_path: str
    source: str
    labels: set[str] | None = field(default_factory=set)
    difficult: set[str] = field(default_factory=set)
    height: int = 0
    width: int = 0
    boxes: list[WeakBox] | None = None
