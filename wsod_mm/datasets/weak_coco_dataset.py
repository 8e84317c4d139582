"""COCO with image labels only."""

import json
from collections import defaultdict
from pathlib import Path

from mmdet.datasets import CocoDataset

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .weak_record import WeakBox, WeakRecord

__all__ = ['WeakCocoDataset']


@DATASETS.register_module()
class WeakCocoDataset(BaseWeakDataset):
    """A COCO annotation file, of which training uses ``image_id`` and ``category_id`` only.

    Annotations may lack ``bbox`` and ``segmentation`` altogether in training. Crowds count as
    difficult objects. Boxes become inclusive corners: x2 = x + w - 1. ``img_id`` is the COCO id as
    a string; class indices follow the order of ``classes``.

    Args:
        *args: See :class:`BaseWeakDataset`. Images lie in ``data_prefix['img']``.
        **kwargs: See :class:`BaseWeakDataset`. For a subset of the categories give
            ``metainfo=dict(classes=...)`` and ``unknown='ignore'``.
    """

    METAINFO = dict(CocoDataset.METAINFO)

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        data = self._read()
        names = {c['id']: c['name'] for c in data['categories']}
        absent = [name for name in self.classes if name not in names.values()]
        if absent:
            raise ValueError(
                f'{self.ann_file} has no category {absent[0]!r} ({len(absent)} classes of '
                f'metainfo are not among {sorted(names.values())[:20]}); correct '
                'metainfo=dict(classes=...)'
            )
        objects = defaultdict(list)
        for annotation in data['annotations']:
            objects[annotation['image_id']].append(annotation)
        prefix = Path(self.data_prefix.get('img', self.data_prefix.get('img_path', '')))
        return [self._record(image, objects[image['id']], names, prefix) for image in data['images']]

    def _record(self, image: dict, annotations: list[dict], names: dict[int, str], prefix: Path) -> WeakRecord:
        record = WeakRecord(
            str(image['id']),
            str(prefix / image['file_name']),
            f'{self.ann_file}, image {image["id"]}',
            height=int(image.get('height', 0)),
            width=int(image.get('width', 0)),
        )
        boxes = []
        for annotation in annotations:
            name = names.get(annotation['category_id'])
            if name is None:
                raise ValueError(
                    f'{record.source}: category_id {annotation["category_id"]} is not in '
                    '"categories"; correct the annotation'
                )
            crowd = bool(annotation.get('iscrowd', 0))
            (record.difficult if crowd else record.labels).add(name)
            if self.load_boxes:
                boxes.append(WeakBox(name, self._corners(annotation, record), crowd))
        if self.load_boxes:
            record.boxes = boxes
        return record

    @staticmethod
    def _corners(annotation: dict, record: WeakRecord) -> tuple[float, float, float, float]:
        bbox = annotation.get('bbox')
        if not isinstance(bbox, list) or len(bbox) != 4:
            raise ValueError(
                f'{record.source}: annotation {annotation.get("id")} has bbox {bbox!r} instead of '
                '[x, y, w, h]; testing needs boxes (training does not)'
            )
        x, y, w, h = map(float, bbox)
        # a box of less than a pixel still covers the pixel it lies in
        return x, y, x + max(w - 1, 0), y + max(h - 1, 0)

    def _read(self) -> dict:
        path = Path(self.ann_file)
        if not path.is_file():
            there = sorted(p.name for p in path.parent.glob('*.json'))[:10]
            raise FileNotFoundError(
                f'no annotation file {path}; {path.parent} has {there}; correct ann_file or data_root'
            )
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
        except json.JSONDecodeError as error:
            raise ValueError(f'{path} is not valid JSON ({error}); get the file again') from error
        keys = ('images', 'annotations', 'categories')
        if not isinstance(data, dict) or any(not isinstance(data.get(key), list) for key in keys):
            found = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(
                f'{path} is not in COCO format: it needs the lists {keys}, found {found}; for a '
                'plain list of images and labels use WeakJSONDataset'
            )
        return data
