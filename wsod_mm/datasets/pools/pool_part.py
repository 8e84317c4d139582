"""A part of a pool: the images of one list."""

from typing import NamedTuple

__all__ = ['PoolPart']


class PoolPart(NamedTuple):
    """Images of one list; its ids are ``start .. start + size - 1``.

    Attributes:
        name: Short name, unique in the pool and fit for a file name (``'07'`` of VOC2007).
        start: Id of its first image.
        size: Number of images.
        prefix: What the pool puts before the names of this part to make them unique, mostly nothing.
    """

    name: str
    start: int
    size: int
    prefix: str = ''

    @property
    def stop(self) -> int:
        """The id after that of its last image."""
        return self.start + self.size

    def local_name(self, name: str) -> str:
        """Name of an image as it is in the list of this part.

        Args:
            name: Name in the pool.
        """
        return name.removeprefix(self.prefix)
