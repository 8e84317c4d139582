"""Image labels in a table."""

import csv
from pathlib import Path
from typing import Any

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .weak_record import WeakRecord

__all__ = ['WeakCSVDataset']

_YES, _NO, _UNSURE = (
    {'1', '+1', '1.0', 'true', 'yes'},
    {'0', '-1', '0.0', '-1.0', 'false', 'no'},
    {'', '?'},
)


@DATASETS.register_module()
class WeakCSVDataset(BaseWeakDataset):
    """A CSV file with a header: one line per image, no boxes.

    Either one column lists the class names of the image::

        image,labels
        a/001.jpg,cat;dog
        a/002.jpg,

    or, with ``label_column=None``, every class has a column of its own with 1 (present), 0 or -1
    (absent), and nothing or ``?`` (not known: treated as a class that is present as difficult
    only).

    Args:
        ann_file: The CSV file, UTF-8.
        image_column: Column with the image path, relative to ``data_prefix['img']`` (or
            ``data_root``).
        label_column: Column with class names; ``None`` for one column per class.
        separator: Between class names in ``label_column``.
        id_column: Column with unique ids; where the file has no such column the file stem is the
            id.
        delimiter: Between columns.
        **kwargs: See :class:`BaseWeakDataset`. Columns ``width`` and ``height`` are used when
            present.
    """

    def __init__(
        self,
        ann_file: str,
        image_column: str = 'image',
        label_column: str | None = 'labels',
        separator: str = ';',
        id_column: str = 'id',
        delimiter: str = ',',
        **kwargs: Any,
    ) -> None:
        self.image_column = image_column
        self.label_column = label_column
        self.separator = separator
        self.id_column = id_column
        self.delimiter = delimiter
        super().__init__(ann_file=ann_file, **kwargs)

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        path = Path(self.ann_file)
        if not path.is_file():
            there = sorted(p.name for p in path.parent.glob('*.csv'))[:10]
            raise FileNotFoundError(f'no label file {path}; {path.parent} has {there}; correct ann_file or data_root')
        with open(path, newline='', encoding='utf-8-sig') as handle:
            reader = csv.DictReader(handle, delimiter=self.delimiter, skipinitialspace=True)
            self._check_columns(reader.fieldnames or [])
            return [self._record(row, f'{path}:{reader.line_num}') for row in reader]

    def _check_columns(self, found: list[str]) -> None:
        labels = [self.label_column] if self.label_column else list(self._metainfo.get('classes', []))
        needed = [self.image_column, *labels]
        missing = [name for name in needed if name not in found]
        if missing:
            hint = 'set image_column, label_column or delimiter to what the file has, or correct its header'
            if self.label_column in missing and set(self._metainfo.get('classes', [])) & set(found):
                hint = 'set label_column=None, since the classes have columns of their own'
            raise ValueError(f'{self.ann_file}: no column {missing}; needed {needed}, found {found}; {hint}')

    def _record(self, row: dict[str, str | None], source: str) -> WeakRecord:
        if None in row or None in row.values():
            raise ValueError(
                f'{source}: the line has {"more" if None in row else "fewer"} fields than the '
                f'header; quote fields that hold {self.delimiter!r}, or correct the line'
            )
        name = row[self.image_column].strip()
        if not name:
            raise ValueError(f'{source}: column {self.image_column!r} is empty; give the image path or remove the line')
        prefix = self.data_prefix.get('img') or self.data_prefix.get('img_path') or self.data_root or ''
        record = WeakRecord(
            (row.get(self.id_column) or '').strip() or Path(name).stem,
            str(Path(prefix) / name),
            source,
            height=self._pixels(row, 'height', source),
            width=self._pixels(row, 'width', source),
        )
        if self.label_column:
            parts = row[self.label_column].split(self.separator)
            record.labels = {part.strip() for part in parts if part.strip()}
            return record
        for label in self.classes:
            value = row[label].strip().lower()
            if value not in _YES | _NO | _UNSURE:
                raise ValueError(
                    f'{source}: column {label!r} holds {row[label]!r}; use 1, 0 or -1, or nothing for not known'
                )
            if value in _YES:
                record.labels.add(label)
            elif value in _UNSURE:
                record.difficult.add(label)
        return record

    @staticmethod
    def _pixels(row: dict[str, str | None], column: str, source: str) -> int:
        value = (row.get(column) or '0').strip() or '0'
        try:
            return max(0, int(float(value)))
        except ValueError:
            raise ValueError(f'{source}: {column} is {value!r}, not a number of pixels; correct it') from None

    def _mend_duplicates(self) -> str:
        return f'write one line per image, or give unique ids in a column {self.id_column!r}'
