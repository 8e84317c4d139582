"""Reading the files of a VOC devkit."""

import os
import xml.etree.ElementTree as ET
from pathlib import Path

from .weak_record import WeakBox

__all__ = ['read_class_list', 'read_image_set', 'read_voc_xml']


def read_image_set(path: str | os.PathLike) -> list[str]:
    """Image ids of an ``ImageSets`` file, also of one of the class files (second column ignored), and of AffinityNet's
    lists, whose lines are ``/JPEGImages/<id>.jpg /SegmentationClassAug/<id>.png``.

    Args:
        path: Text file with one image per line.

    Returns:
        Ids in file order.

    Raises:
        FileNotFoundError: With the names of the sets that exist.
    """
    path = Path(path)
    if not path.is_file():
        there = sorted(p.stem for p in path.parent.glob('*.txt')) if path.parent.is_dir() else None
        sets = [name for name in there if '_' not in name] if there else there
        found = f'{path.parent} does not exist' if there is None else f'{path.parent} has the sets {sets or there}'
        raise FileNotFoundError(f'no image set {path}: {found}; correct ann_file or data_root')
    words = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    return [Path(word).stem if word.startswith('/') else word for word in words]


def read_class_list(path: str | os.PathLike) -> dict[str, int]:
    """Labels of one class from ``ImageSets/Main/<class>_<split>.txt``.

    Args:
        path: Text file with an image id and 1, -1 or 0 per line.

    Returns:
        1 (present), -1 (absent) or 0 (present as difficult only) per image id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a line that does not read so.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no class file {path}; make it, or use label_source='xml'")
    labels = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or parts[1] not in ('1', '-1', '0', '+1'):
            raise ValueError(f'{path}:{number}: expected an image id and 1, -1 or 0, found {line!r}; correct the line')
        labels[parts[0]] = int(parts[1])
    return labels


def read_voc_xml(path: str | os.PathLike, with_boxes: bool) -> tuple[int, int, list[WeakBox]]:
    """Objects of one VOC annotation.

    Args:
        path: XML file.
        with_boxes: Also read the coordinates; otherwise they are not looked at and may be missing
            or wrong.

    Returns:
        Image height and width (0, 0 where the file does not say), and the objects, boxes 0-based
        (zeros without ``with_boxes``).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no XML, or an object lacks its name or box.
    """
    try:
        root = ET.parse(path).getroot()
    except FileNotFoundError:
        raise FileNotFoundError(
            f'no annotation {path}; restore it, take the image out of the set, or use '
            "label_source='imagesets' (labels without XML) or 'none' (no labels)"
        ) from None
    except ET.ParseError as error:
        raise ValueError(f'{path} is not valid XML ({error}); restore the file') from error
    size = [_number(root, f'size/{side}', path, default=0.0) for side in ('height', 'width')]
    objects = []
    for node in root.findall('object'):
        name = (node.findtext('name') or '').strip()
        if not name:
            raise ValueError(f'{path}: an object has no <name>; add it or remove the object')
        difficult = _number(node, 'difficult', path, default=0.0) != 0
        bbox = (0.0, 0.0, 0.0, 0.0)
        if with_boxes:
            # the devkit counts pixels from 1
            bbox = tuple(_number(node, f'bndbox/{side}', path) - 1 for side in ('xmin', 'ymin', 'xmax', 'ymax'))
        objects.append(WeakBox(name, bbox, difficult))
    height, width = (max(0, int(value)) for value in size)
    return (height, width, objects) if height and width else (0, 0, objects)


def _number(node: ET.Element, tag: str, path: str | os.PathLike, default: float | None = None) -> float:
    text = node.findtext(tag)
    if text is None or not text.strip():
        if default is None:
            raise ValueError(
                f'{path}: <{tag}> is missing in object {node.findtext("name")!r}; add it or remove the object'
            )
        return default
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{path}: <{tag}> is {text!r}, not a number; correct it') from None
