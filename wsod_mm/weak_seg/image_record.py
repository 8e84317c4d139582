"""One image of a pipeline."""

from dataclasses import dataclass

__all__ = ['ImageRecord']


@dataclass(frozen=True)
class ImageRecord:
    """One image.

    Attributes:
        img_id: Name of its files in the stages' folders.
        img_path: The image file.
        labels: Ids of the classes that it shows, from 0, ascending; empty for an image without any.
    """

    img_id: str
    img_path: str
    labels: tuple[int, ...]
