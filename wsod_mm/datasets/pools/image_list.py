"""Images of one list, as a pool reads them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ['ImageList']


@dataclass
class ImageList:
    """What a pool must know about one of its lists.

    Attributes:
        source: The file, for messages.
        label: Wanted short name of the part.
        detail: Is added to ``label`` where two lists want the same.
        folder: Is put before the names where two lists share one.
        names: Names of the images.
        paths: Their files.
    """

    source: str
    label: str
    detail: str
    folder: str
    names: Sequence[str]
    paths: Sequence[str]

    @classmethod
    def of_file(cls, source: str | os.PathLike, names: Sequence[str], paths: Sequence[str]) -> 'ImageList':
        """Derive the labels from the path of the list.

        ``VOC2007/ImageSets/Main/trainval.txt`` is ``'07'``, an image set of another devkit has the name of its folder,
        and any other file that of itself.

        Args:
            source: The file.
            names: Names of the images.
            paths: Their files.
        """
        path = Path(source)
        folder, detail = path.stem, path.parent.name
        if path.parent.parent.name == 'ImageSets':
            # absolute: the list may have been given relative to the devkit
            folder, detail = path.absolute().parents[2].name, path.stem
        year = re.fullmatch(r'VOC20(\d\d)', folder)
        return cls(str(source), year[1] if year else folder, detail, folder, names, paths)
