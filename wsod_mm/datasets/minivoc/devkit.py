"""Files of a VOC devkit: XML, image sets and palette masks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from wsod_mm.utils.io import atomic_write

from .scene import Scene

__all__ = ['voc_palette', 'write_image_sets', 'write_jpeg', 'write_scene']


def voc_palette() -> list[int]:
    """VOC's palette: 768 integers, the bits of an index spread over red, green and blue."""
    palette = []
    for index in range(256):
        colour = [0, 0, 0]
        for bit in range(8):
            for channel in range(3):
                colour[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
        palette += colour
    return palette


def write_jpeg(image: np.ndarray, path: Path, quality: int) -> None:
    """Write a picture atomically.

    Args:
        image: uint8 BGR ``[H, W, 3]``.
        path: The file.
        quality: JPEG quality, 1-100.

    Raises:
        OSError: OpenCV could not encode the picture.
    """
    done, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError(f'{path}: OpenCV could not encode this picture as JPEG')
    with atomic_write(path, '.jpg') as temporary:
        temporary.write_bytes(data.tobytes())


def write_scene(scene: Scene, name: str, folder: Path, classes: Sequence[str], quality: int) -> None:
    """Write JPEG, XML and segmentation mask of one picture; the XML comes last.

    Args:
        scene: The picture and its annotation.
        name: File stem.
        folder: The year's folder, ``<root>/VOC2007``.
        classes: Class names in the order of the labels.
        quality: JPEG quality.
    """
    write_jpeg(scene.image, folder / 'JPEGImages' / f'{name}.jpg', quality)
    mask = Image.fromarray(scene.segmentation, mode=None)
    mask.putpalette(voc_palette())
    with atomic_write(folder / 'SegmentationClass' / f'{name}.png', '.png') as temporary:
        mask.save(temporary)
    with atomic_write(folder / 'Annotations' / f'{name}.xml', '.xml') as temporary:
        temporary.write_text(_annotation(scene, name, folder.name, classes), encoding='utf-8')


def write_image_sets(
    folder: Path,
    classes: Sequence[str],
    members: dict[str, list[str]],
    states: dict[str, dict[str, int]],
) -> None:
    """Write ``ImageSets/Main`` (plain and per class) and ``ImageSets/Segmentation``.

    Args:
        folder: The year's folder.
        classes: Class names.
        members: File stems per image set.
        states: Per file stem the classes in the picture: 1 = present, 0 = only as ``difficult``.
    """
    for split, names in members.items():
        text = ''.join(f'{name}\n' for name in names)
        for kind in ('Main', 'Segmentation'):
            _write_text(folder / 'ImageSets' / kind / f'{split}.txt', text)
        for label in classes:
            lines = [f'{name} {states[name].get(label, -1):2d}\n' for name in names]
            _write_text(folder / 'ImageSets' / 'Main' / f'{label}_{split}.txt', ''.join(lines))


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path, '.txt') as temporary:
        temporary.write_text(text, encoding='utf-8')


def _annotation(scene: Scene, name: str, year: str, classes: Sequence[str]) -> str:
    root = ET.Element('annotation')
    _add(root, 'folder', year)
    _add(root, 'filename', f'{name}.jpg')
    _add(ET.SubElement(root, 'source'), 'database', 'MiniVOC (generated)')
    size = ET.SubElement(root, 'size')
    for key, value in zip(('height', 'width', 'depth'), scene.image.shape, strict=True):
        _add(size, key, value)
    _add(root, 'segmented', 1)
    for item in scene.objects:
        node = ET.SubElement(root, 'object')
        _add(node, 'name', classes[item.label])
        _add(node, 'pose', 'Unspecified')
        for key in ('truncated', 'occluded', 'difficult'):
            _add(node, key, int(getattr(item, key)))
        box = ET.SubElement(node, 'bndbox')
        # VOC counts pixels from 1
        for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), item.box, strict=True):
            _add(box, key, value + 1)
    ET.indent(root)
    return ET.tostring(root, encoding='unicode') + '\n'


def _add(parent: ET.Element, key: str, value) -> None:
    ET.SubElement(parent, key).text = str(value)
