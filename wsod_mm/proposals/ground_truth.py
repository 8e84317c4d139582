"""Boxes of VOC annotation files, for measuring proposals only."""

import os
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np

from .errors import ProposalFileError

__all__ = ['GroundTruth', 'read_voc_boxes']


@dataclass(frozen=True)
class GroundTruth:
    """Objects of one image.

    Attributes:
        boxes: float32 [G,4], (x1, y1, x2, y2), 0-based, inclusive, pixels of the original image.
        names: Class name of each object.
        difficult: bool [G].
    """

    boxes: np.ndarray
    names: tuple[str, ...]
    difficult: np.ndarray


def read_voc_boxes(path: str | os.PathLike) -> GroundTruth:
    """Read one VOC XML file; its 1-based coordinates become 0-based.

    Raises:
        ProposalFileError: If the file is missing, not XML, or an object has no complete box.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise ProposalFileError(f'cannot read the annotation {path}: {error}') from error
    boxes, names, difficult = [], [], []
    for item in root.iterfind('object'):
        name, corner = item.findtext('name'), item.find('bndbox')
        try:
            boxes.append([float(corner.findtext(key)) - 1 for key in ('xmin', 'ymin', 'xmax', 'ymax')])
        except (AttributeError, TypeError, ValueError) as error:
            raise ProposalFileError(
                f'{path}: object {name!r} has no complete bndbox (xmin, ymin, xmax, ymax)'
            ) from error
        names.append(str(name).strip())
        difficult.append((item.findtext('difficult') or '0').strip() == '1')
    return GroundTruth(np.array(boxes, np.float32).reshape(-1, 4), tuple(names), np.array(difficult, bool))
