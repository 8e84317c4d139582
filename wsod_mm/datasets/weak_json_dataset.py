"""Image labels in a JSON file."""

import json
from pathlib import Path
from typing import Any

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .weak_record import WeakBox, WeakRecord

__all__ = ['WeakJSONDataset']

_SHAPE = (
    '{"metainfo": {"classes": [...]}, "data_list": [{"img_path": "a.jpg", "labels": '
    '["cat"]}, ...]}, or only the list of images'
)


@DATASETS.register_module()
class WeakJSONDataset(BaseWeakDataset):
    """Images and class names in the OpenMMLab 2.0 layout, or as a plain list.

    ``{"metainfo": {"classes": ["cat", "dog"]}, "data_list": [{"img_path": "a.jpg", "labels":
    ["cat"]}, ...]}``. An image may also have ``img_id`` (else the file stem), ``height``,
    ``width``, ``difficult`` (class names present as difficult only), and, read at test only,
    ``instances``: ``[{"bbox": [x1, y1, x2, y2], "label": "cat", "difficult": false}]`` with 0-based
    inclusive corners. ``metainfo`` given to the dataset goes before that of the file.

    Args:
        *args: See :class:`BaseWeakDataset`. Images lie in ``data_prefix['img']`` (or
            ``data_root``).
        **kwargs: See :class:`BaseWeakDataset`.
    """

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        data = self._read()
        entries = data
        if isinstance(data, dict):
            entries = data.get('data_list')
            for key, value in (data.get('metainfo') or {}).items():
                self._metainfo.setdefault(key, value)
        if not isinstance(entries, list):
            found = f'keys {sorted(data)}' if isinstance(data, dict) else f'a {type(data).__name__}'
            raise ValueError(f'{self.ann_file} has {found}; expected {_SHAPE}')
        return [self._record(entry, number) for number, entry in enumerate(entries)]

    def _record(self, entry: Any, number: int) -> WeakRecord:
        source = f'{self.ann_file}, entry {number}'
        if not isinstance(entry, dict) or 'img_path' not in entry or 'labels' not in entry:
            found = f'keys {sorted(entry)}' if isinstance(entry, dict) else repr(entry)[:60]
            raise ValueError(f'{source} has {found}; every entry needs "img_path" and "labels": {_SHAPE}')
        for key in ('labels', 'difficult'):
            value = entry.get(key, [])
            if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
                raise ValueError(f'{source}: "{key}" is {value!r}; give a list of class names, [] for none')
        name = str(entry['img_path'])
        prefix = self.data_prefix.get('img') or self.data_prefix.get('img_path') or self.data_root or ''
        record = WeakRecord(
            str(entry.get('img_id', Path(name).stem)),
            str(Path(prefix) / name),
            source,
            set(entry['labels']),
            set(entry.get('difficult', [])),
            int(entry.get('height') or 0),
            int(entry.get('width') or 0),
        )
        if self.load_boxes and 'instances' in entry:
            record.boxes = [self._box(instance, source) for instance in entry['instances']]
        return record

    @staticmethod
    def _box(instance: Any, source: str) -> WeakBox:
        bbox = instance.get('bbox') if isinstance(instance, dict) else None
        numbers = isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(v, (int, float)) for v in bbox)
        if not numbers or not isinstance(instance.get('label'), str):
            raise ValueError(
                f'{source}: instance {instance!r} needs "bbox": [x1, y1, x2, y2] and "label": a class name'
            )
        return WeakBox(instance['label'], tuple(map(float, bbox)), bool(instance.get('difficult', False)))

    def _read(self) -> Any:
        path = Path(self.ann_file)
        if not path.is_file():
            there = sorted(p.name for p in path.parent.glob('*.json'))[:10]
            raise FileNotFoundError(f'no label file {path}; {path.parent} has {there}; correct ann_file or data_root')
        try:
            return json.loads(path.read_text(encoding='utf-8'))
        except json.JSONDecodeError as error:
            raise ValueError(f'{path} is not valid JSON ({error}); correct the file') from error
