"""Which images a pipeline works on, and what is in them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsod_mm.registry import DATASETS
from wsod_mm.utils.io import write_json

from .config import WeakSegConfig
from .image_record import ImageRecord

__all__ = ['ImageLists']


@dataclass(frozen=True)
class ImageLists:
    """Images of a pipeline by list.

    Attributes:
        classes: Class names.
        records: Id -> image.
        lists: ``train``, ``infer`` and ``eval`` -> ids.
    """

    classes: tuple[str, ...]
    records: dict[str, ImageRecord]
    lists: dict[str, tuple[str, ...]]

    def of(self, names: Sequence[str]) -> list[ImageRecord]:
        """Images of some lists, each once."""
        return [self.records[img_id] for img_id in dict.fromkeys(i for name in names for i in self.lists[name])]

    @classmethod
    def read_data(cls, config: WeakSegConfig) -> 'ImageLists':
        """Read the data set of a config.

        Args:
            config: The config.

        Raises:
            FileNotFoundError: If a list, an annotation or an image is missing.
            ValueError: If an image has no label information, two images have one id, or ``eval`` has images that
                ``infer`` lacks.
        """
        records: dict[str, ImageRecord] = {}
        lists: dict[str, tuple[str, ...]] = {}
        read: dict[str, tuple[str, ...]] = {}
        for name in ('train', 'infer', 'eval'):
            ann_file = config.lists[name]
            if ann_file not in read:
                found = _read(config, ann_file)
                for record in found:
                    _check(record, records.get(record.img_id), f'{config.where}.lists.{name}={ann_file!r}')
                    records[record.img_id] = record
                read[ann_file] = tuple(record.img_id for record in found)
            lists[name] = read[ann_file]
        absent = sorted(set(lists['eval']) - set(lists['infer'])) if config.ground_truth is not None else []
        if absent:
            raise ValueError(
                f'{config.where}.lists.eval={config.lists["eval"]!r} has {len(absent)} images that infer='
                f'{config.lists["infer"]!r} lacks, the first is {absent[0]!r}; no masks are made of them. Evaluate '
                'on a part of infer'
            )
        return cls(config.classes, records, lists)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        images = {r.img_id: {'path': r.img_path, 'labels': list(r.labels)} for r in self.records.values()}
        write_json({'classes': self.classes, 'lists': self.lists, 'images': images}, path, indent=None)

    @classmethod
    def read(cls, path: Path) -> 'ImageLists':
        """Read what :meth:`write` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged.
        """
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
            records = {
                img_id: ImageRecord(img_id, entry['path'], tuple(entry['labels']))
                for img_id, entry in data['images'].items()
            }
            return cls(tuple(data['classes']), records, {name: tuple(ids) for name, ids in data['lists'].items()})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f'{path} is damaged ({error!r}); delete it, and the stage "images" makes it again'
            ) from None


def _read(config: WeakSegConfig, ann_file: str) -> list[ImageRecord]:
    # as for testing: nothing is left out; but no box is looked at
    entry = {'load_boxes': False, 'serialize_data': False, **config.images}
    entry.update(ann_file=ann_file, pipeline=[], test_mode=True)
    dataset = DATASETS.build(entry)
    records = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if 'image_labels' not in info:
            raise ValueError(
                f'image {info["img_id"]!r} ({info["img_path"]}) of {ann_file} has no image labels, which say of which '
                "classes there are masks; give them (label_source='xml' or 'imagesets'), an empty list for background"
            )
        records.append(ImageRecord(str(info['img_id']), str(info['img_path']), tuple(map(int, info['image_labels']))))
    return records


def _check(record: ImageRecord, other: ImageRecord | None, where: str) -> None:
    if other is not None and other != record:
        raise ValueError(
            f'{where}: image {record.img_id!r} is {record.img_path} with classes {list(record.labels)}, but in another '
            f'list {other.img_path} with {list(other.labels)}; an id must be one image'
        )
    name = PurePosixPath(record.img_id)
    if not record.img_id or name.is_absolute() or '..' in name.parts or '\\' in record.img_id:
        raise ValueError(f'{where}: image id {record.img_id!r} cannot be the name of a file; rename the image')
