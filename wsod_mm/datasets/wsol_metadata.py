"""Reading the text files in which wsolevaluation keeps a split of a data set."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ['WSOLMetadata', 'read_wsol_metadata']

Box = tuple[float, float, float, float]


@dataclass
class WSOLMetadata:
    """A split.

    Attributes:
        folder: Where it was read.
        image_ids: In file order; an id is the path of the image below the image folder, with its ending.
        labels: Class number of every image.
        sizes: (width, height) in pixels of every image; empty where the split has no ``image_sizes.txt``.
        boxes: (x0, y0, x1, y1) in pixels, as written, of images with boxes.
        masks: Paths of the masks of the objects, below the mask folder.
        ignore: Path of the mask of what does not count, where there is one.
    """

    folder: Path
    image_ids: list[str]
    labels: dict[str, int]
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    boxes: dict[str, list[Box]] = field(default_factory=dict)
    masks: dict[str, list[str]] = field(default_factory=dict)
    ignore: dict[str, str] = field(default_factory=dict)


def read_wsol_metadata(folder: str | os.PathLike, with_localization: bool = True) -> WSOLMetadata:
    """Read ``image_ids.txt``, ``class_labels.txt``, ``image_sizes.txt`` and ``localization.txt``.

    Source: specs/cam.md 5: lines ``id,label``, ``id,w,h``, and of objects ``id,x0,y0,x1,y1`` or ``id,mask,ignore``.

    Args:
        folder: Of the split.
        with_localization: Also read sizes and objects; otherwise these files are not opened and may be missing.

    Returns:
        The split.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A line does not read so, an id is unknown or twice there, or an image has no label.
    """
    folder = Path(folder)
    ids = [line for _, line in _lines(folder / 'image_ids.txt')]
    doubles = [image_id for image_id, count in Counter(ids).items() if count > 1]
    if doubles or not ids:
        raise ValueError(f'{folder / "image_ids.txt"} ' + (f'has {doubles[0]!r} twice' if doubles else 'is empty'))
    out = WSOLMetadata(folder, ids, {})
    known = set(ids)
    for where, image_id, values in _rows(folder / 'class_labels.txt', known, (1,)):
        out.labels[image_id] = int(_number(values[0], where))
        if out.labels[image_id] < 0:
            raise ValueError(f'{where}: class {values[0]} is negative; classes count from 0')
    absent = [image_id for image_id in ids if image_id not in out.labels]
    if absent:
        raise ValueError(f'{folder / "class_labels.txt"} lacks {len(absent)} images, the first is {absent[0]!r}')
    if not with_localization:
        return out
    if (folder / 'image_sizes.txt').is_file():
        for where, image_id, values in _rows(folder / 'image_sizes.txt', known, (2,)):
            out.sizes[image_id] = tuple(int(_number(value, where)) for value in values)
    for where, image_id, values in _rows(folder / 'localization.txt', known, (1, 2, 4)):
        if len(values) == 4:
            out.boxes.setdefault(image_id, []).append(tuple(_number(value, where) for value in values))
            continue
        out.masks.setdefault(image_id, []).append(values[0])
        if len(values) == 2 and values[1]:
            out.ignore.setdefault(image_id, values[1])
    return out


def _rows(path: Path, known: set[str], counts: tuple[int, ...]) -> Iterator[tuple[str, str, list[str]]]:
    for where, line in _lines(path):
        image_id, *values = (part.strip() for part in line.split(','))
        if len(values) not in counts:
            raise ValueError(f'{where}: expected an image id and {" or ".join(map(str, counts))} values, got {line!r}')
        if image_id not in known:
            raise ValueError(f'{where}: image {image_id!r} is not in image_ids.txt')
        yield where, image_id, values


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        raise FileNotFoundError(f'no file {path}; give the folder of a split, which holds it')
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        if line.strip():
            yield f'{path}:{number}', line.strip()


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{where}: {text!r} is not a number; correct the line') from None
