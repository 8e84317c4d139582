"""Images that a user names: files and folders."""

import os
from collections.abc import Sequence
from pathlib import Path

from wsod_mm.apis.config import UsageError
from wsod_mm.datasets.image_file import IMAGE_SUFFIXES, incomplete_reason, read_image_size

__all__ = ['Images', 'find_images']

Images = str | os.PathLike | Sequence[str | os.PathLike]


def find_images(images: Images) -> list[Path]:
    """Files of images, checked before anything slow is done.

    Args:
        images: A file, a folder (its images, sorted by name), or several of these.

    Returns:
        The files.

    Raises:
        FileNotFoundError: If one does not exist.
        ValueError: For a folder without images, or a file that is no image or is cut off.
    """
    given = [images] if isinstance(images, str | os.PathLike) else list(images)
    paths: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
            if not found:
                raise UsageError(f'{path} has no images ({", ".join(IMAGE_SUFFIXES)})')
            paths += found
        elif path.is_file():
            paths.append(path)
        else:
            raise FileNotFoundError(f'no image file {path}')
    if not paths:
        raise UsageError('no images were given')
    for path in paths:
        reason = incomplete_reason(path.read_bytes())
        if reason:
            raise UsageError(f'{path} is broken: {reason}; get the file again or leave it out')
        read_image_size(path)
    return paths
