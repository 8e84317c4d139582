"""Lists of images and image labels in the forms of PSA and IRN, and their way into our JSON."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsod_mm.utils.io import write_json

from .image_file import IMAGE_SUFFIXES
from .legacy_npy import load_legacy_npy

__all__ = [
    'ListEntry',
    'convert_legacy_labels',
    'read_image_labels_npy',
    'read_image_list',
    'write_label_json',
]

_SUFFIX = '|'.join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)
_TWO_COLUMNS = re.compile(rf'(.+?(?:{_SUFFIX}))\s+(\S.*(?:{_SUFFIX}))', re.IGNORECASE)
_ONE_IMAGE = re.compile(rf'.+(?:{_SUFFIX})', re.IGNORECASE)


@dataclass(frozen=True)
class ListEntry:
    """One line of a list of images.

    Attributes:
        img_id: File name without folder and image suffix; the key of labels, CAMs and masks.
        image: Path of the image as written, without a leading slash; ``None`` where the list has bare ids.
        label: Path of the label map, likewise; ``None`` without a second column.
    """

    img_id: str
    image: str | None = None
    label: str | None = None


def read_image_list(path: str | os.PathLike) -> list[ListEntry]:
    """Read a list of images: ``/JPEGImages/a.jpg /SegmentationClassAug/a.png`` (PSA, also with the first column
    only) or bare ids (IRN), in any mix; names may be of any length and contain spaces.

    Args:
        path: Text file, one image per line; empty lines are skipped.

    Returns:
        The entries in file order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the list is empty or two lines have the same id.
    """
    path = Path(path)
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob('*.txt'))[:10] if path.parent.is_dir() else 'no such folder'
        raise FileNotFoundError(f'no list of images {path}; {path.parent}: {there}')
    entries: dict[str, ListEntry] = {}
    for number, line in enumerate(path.read_text(encoding='utf-8-sig').splitlines(), 1):
        if not line.strip():
            continue
        entry = _entry(line.strip())
        other = entries.setdefault(entry.img_id, entry)
        if other is not entry:
            raise ValueError(
                f'{path}:{number}: id {entry.img_id!r} occurs twice ({other.image or other.img_id} and '
                f'{entry.image or entry.img_id}); it is the key of labels and masks, so rename or remove one'
            )
    if not entries:
        raise ValueError(f'{path} lists no images')
    return list(entries.values())


def read_image_labels_npy(
    path: str | os.PathLike, num_classes: int, image_ids: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Image labels of a legacy ``cls_labels.npy``, with the ids of PSA (text) or IRN (numbers without underscore).

    Source: specs/affinity.md 2.2.

    Args:
        path: The file; a pickle, read by :func:`.legacy_npy.load_legacy_npy`.
        num_classes: C, the length that every entry must have.
        image_ids: Ids that the numbers of IRN are matched with; without them, numbers of ten digits are taken for
            ids of VOC 2012, ``2007000032`` for ``2007_000032``. Ids of text stay as they are.

    Returns:
        ``[C]`` float32 of zeros and ones per id, in file order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds anything else, or a number has no id.
    """
    content = load_legacy_npy(path)
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f'{path} holds {type(content).__name__}, not a dict of image labels; give cls_labels.npy')
    by_number = _numbers(image_ids, path)
    labels: dict[str, np.ndarray] = {}
    for key, value in content.items():
        img_id = key if isinstance(key, str) else _id_of_number(key, by_number, path)
        if img_id is None:
            continue
        vector = np.asarray(value)
        if vector.shape != (num_classes,) or vector.dtype.kind not in 'biuf' or not np.isin(vector, (0, 1)).all():
            raise ValueError(
                f'{path}: the entry of {key!r} has shape {vector.shape} and type {vector.dtype}; expected '
                f'{num_classes} zeros and ones, one per class'
            )
        labels[img_id] = vector.astype(np.float32)
    return labels


def write_label_json(
    path: str | os.PathLike,
    labels: Mapping[str, np.ndarray],
    classes: Sequence[str],
    images: Mapping[str, str] | None = None,
    img_suffix: str = '.jpg',
) -> None:
    """Write image labels as :class:`.weak_json_dataset.WeakJSONDataset` reads them.

    Args:
        path: The file to be written, atomically.
        labels: ``[C]`` zeros and ones per id.
        classes: C names.
        images: Path of the image per id, relative to the data set's image folder; ids that it lacks get
            ``<id><img_suffix>``.
        img_suffix: See ``images``.

    Raises:
        ValueError: If a vector has another length than the class list.
    """
    entries = []
    for img_id, vector in labels.items():
        if len(vector) != len(classes):
            raise ValueError(f'labels of {img_id!r} have {len(vector)} entries, but there are {len(classes)} classes')
        entries.append(
            dict(
                img_id=img_id,
                img_path=(images or {}).get(img_id) or f'{img_id}{img_suffix}',
                labels=[name for name, value in zip(classes, vector, strict=True) if value > 0],
            )
        )
    write_json(dict(metainfo=dict(classes=list(classes)), data_list=entries), path, indent=None)


def convert_legacy_labels(
    source: str | os.PathLike,
    target: str | os.PathLike,
    classes: Sequence[str],
    image_list: str | os.PathLike | None = None,
    img_suffix: str = '.jpg',
) -> int:
    """Convert ``cls_labels.npy`` to JSON.

    Args:
        source: The ``.npy`` of PSA or IRN.
        target: The ``.json`` to be written.
        classes: C names in the order of the vectors (alphabetical for VOC).
        image_list: List of the images to be written, in its order, with its paths; ``None`` for all of ``source``.
        img_suffix: Ending of image files where the list does not say.

    Returns:
        Number of images written.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If ``source`` is wrong, or lacks an image of the list.
    """
    entries = None if image_list is None else read_image_list(image_list)
    ids = None if entries is None else [entry.img_id for entry in entries]
    labels = read_image_labels_npy(source, len(classes), ids)
    images: dict[str, str] = {}
    if ids is not None:
        absent = [img_id for img_id in ids if img_id not in labels]
        if absent:
            raise ValueError(
                f'{source} lacks {len(absent)} of the {len(ids)} images of {image_list}, the first is {absent[0]!r}; '
                'take them off the list, or let WeakVOCDataset read the labels from Annotations'
            )
        labels = {img_id: labels[img_id] for img_id in ids}
        images = {entry.img_id: entry.image for entry in entries if entry.image}
    write_label_json(target, labels, classes, images, img_suffix)
    return len(labels)


def _entry(line: str) -> ListEntry:
    two = _TWO_COLUMNS.fullmatch(line)
    image, label = two.groups() if two else (line, None)
    is_file = _ONE_IMAGE.fullmatch(image) is not None
    name = image.replace('\\', '/').rsplit('/', 1)[-1]
    # only a known suffix is taken off: an id may have dots
    img_id = name.rsplit('.', 1)[0] if is_file else name
    return ListEntry(img_id, image.lstrip('/') if is_file else None, label.lstrip('/') if label else None)


def _numbers(image_ids: Sequence[str] | None, path: str | os.PathLike) -> dict[int, str] | None:
    if image_ids is None:
        return None
    by_number: dict[int, str] = {}
    for img_id in image_ids:
        digits = img_id.replace('_', '')
        if digits.isdecimal():
            other = by_number.setdefault(int(digits), img_id)
            if other != img_id:
                raise ValueError(f'{path}: the ids {other!r} and {img_id!r} are the same number; rename one')
    return by_number


def _id_of_number(key: Any, by_number: dict[int, str] | None, path: str | os.PathLike) -> str | None:
    """Id of a number; ``None`` for one that is not asked for."""
    if not isinstance(key, (int, np.integer)) or isinstance(key, bool):
        raise ValueError(f'{path}: key {key!r} is neither text nor a whole number')
    if by_number is not None:
        return by_number.get(int(key))
    text = str(int(key))
    if len(text) != 10:
        raise ValueError(
            f'{path}: key {text} is no id of VOC 2012 without its underscore (ten digits); give the ids of the images '
            '(image_ids, or image_list of the converter) to match it with'
        )
    return f'{text[:4]}_{text[4:]}'
