"""A COCO file in a few arrays: a list of objects would be copied into every data worker."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ['CocoFile']


@dataclass
class CocoFile:
    """Images and annotations of one file. M annotations, sorted by image.

    Attributes:
        path: The file.
        ids: ``[n]``, COCO ids of the images.
        names: ``[n]``, ``file_name`` of the images.
        sizes: ``[n, 2]`` int32, height and width, 0 where not given.
        categories: Names of all categories.
        starts: ``[n + 1]`` int64: image k has the annotations ``starts[k] .. starts[k + 1] - 1``. ``None`` if the file
            has no annotations.
        category: ``[M]`` int64, index into ``categories``, -1 for an id that is not there.
        label: ``[M]`` int64, index into the classes, -1 for none of them.
        boxes: ``[M, 4]`` float64, x, y, w, h; NaN where the annotation has no box.
        area: ``[M]`` float64.
        crowd: ``[M]`` bool.
    """

    path: str
    ids: list[Any]
    names: list[str]
    sizes: np.ndarray
    categories: list[str]
    starts: np.ndarray | None
    category: np.ndarray
    label: np.ndarray
    boxes: np.ndarray
    area: np.ndarray
    crowd: np.ndarray

    @classmethod
    def read(cls, path: str | os.PathLike, classes: Sequence[str], filter_empty_gt: bool = False) -> 'CocoFile':
        """Read a file.

        Args:
            path: The file.
            classes: Class names in the order of their labels.
            filter_empty_gt: Leave out images without annotation of one of the classes.

        Returns:
            Its content.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not in COCO format or lacks one of the classes.
        """
        data = _load(Path(path))
        images = data['images']
        if filter_empty_gt and 'annotations' not in data:
            raise ValueError(f'{path} has no "annotations", which filter_empty_gt needs; set filter_empty_gt=False')
        categories = {c['id']: c['name'] for c in data.get('categories', [])}
        names = list(categories.values())
        absent = [name for name in classes if name not in names]
        if absent and 'annotations' in data:
            raise ValueError(
                f'{path} has no category {absent[0]!r} ({len(absent)} of the {len(classes)} classes are not among '
                f'{sorted(names)[:20]}); correct classes of the pool'
            )
        column = {key: k for k, key in enumerate(categories)}
        label_of = {name: k for k, name in enumerate(classes)}
        labels = np.array([label_of.get(name, -1) for name in names] + [-1])
        annotations = [a for a in data.get('annotations', []) if not a.get('ignore')]
        category = np.array([column.get(a['category_id'], -1) for a in annotations], np.int64)
        label = labels[category]
        if filter_empty_gt:
            with_objects = {a['image_id'] for a, k in zip(annotations, label, strict=True) if k >= 0}
            images = [image for image in images if image['id'] in with_objects]
        position = {image['id']: k for k, image in enumerate(images)}
        if len(position) < len(images):
            raise ValueError(f'{path}: two images have the same "id"; image ids must be unique')
        of_image = np.array([position.get(a['image_id'], -1) for a in annotations], np.int64)
        if annotations and images and (of_image < 0).all():
            raise ValueError(
                f'{path}: no annotation belongs to any of the images: image_id is for instance '
                f'{annotations[0]["image_id"]!r}, id of an image {images[0]["id"]!r}; make them agree'
            )
        order = np.argsort(of_image, kind='stable')
        order = order[of_image[order] >= 0]
        boxes = np.array([_box(a) for a in annotations], np.float64).reshape(-1, 4)
        area = np.array([a.get('area', np.nan) for a in annotations], np.float64)
        area = np.where(np.isnan(area), boxes[:, 2] * boxes[:, 3], area)
        return cls(
            path=str(path),
            ids=[image['id'] for image in images],
            names=[image['file_name'] for image in images],
            sizes=np.array([[i.get('height') or 0, i.get('width') or 0] for i in images], np.int32).reshape(-1, 2),
            categories=names,
            starts=np.searchsorted(of_image[order], np.arange(len(images) + 1)) if 'annotations' in data else None,
            category=category[order],
            label=label[order],
            boxes=boxes[order],
            area=area[order],
            crowd=np.array([bool(a.get('iscrowd')) for a in annotations], bool)[order],
        )


def _box(annotation: dict) -> list[float]:
    box = annotation.get('bbox')
    return box if isinstance(box, list) and len(box) == 4 else [np.nan] * 4


def _load(path: Path) -> dict:
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob('*.json'))[:10]
        raise FileNotFoundError(f'no COCO file {path}; {path.parent} has {there}; correct ann_file or data_root')
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not valid JSON ({error}); get the file again') from error
    keys = ('images', 'annotations', 'categories')
    lists = {key: data.get(key, []) for key in keys} if isinstance(data, dict) else {}
    if not lists or 'images' not in data or not all(isinstance(value, list) for value in lists.values()):
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise ValueError(
            f'{path} is not in COCO format: it needs the list "images", and "annotations" and "categories" for what is '
            f'labeled; found {found}'
        )
    for key, needed in (('images', ('id', 'file_name')), ('annotations', ('image_id', 'category_id'))):
        bad = next((entry for entry in lists[key] if needed[0] not in entry or needed[1] not in entry), None)
        if bad is not None:
            raise ValueError(f'{path}: an entry of "{key}" lacks one of {needed}: {str(bad)[:100]}; add it')
    return data
