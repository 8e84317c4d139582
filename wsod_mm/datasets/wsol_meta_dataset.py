"""Data sets in the text files of wsolevaluation: CUB, ImageNet, OpenImages, or one's own."""

from pathlib import Path
from typing import Any

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .weak_record import WeakBox, WeakRecord
from .wsol_metadata import read_wsol_metadata

__all__ = ['WSOLMetaDataset']


@DATASETS.register_module()
class WSOLMetaDataset(BaseWeakDataset):
    """One label per image, and boxes or masks of its objects for the metrics.

    ``ann_file`` is the folder of a split with ``image_ids.txt``, ``class_labels.txt``, ``image_sizes.txt`` and
    ``localization.txt``. ``img_id`` is the id in these files (a path with ending): the name of the score-map file that
    upstream's evaluator looks for. Objects are read in test mode only; where they are masks, ``data_info`` has
    ``mask_paths`` and ``ignore_path`` (for ``PackWSOLInputs``).

    Boxes are taken as they are written (``boxes_outside='ignore'``).

    Args:
        ann_file: Folder of the split.
        mask_root: Folder of the masks; relative to ``data_root``.
        num_classes: C, for splits that do not have all classes; ``None``: the largest label says it. Classes are
            called by their numbers unless ``metainfo=dict(classes=...)`` names them.
        **kwargs: See :class:`BaseWeakDataset`. Images are at ``data_prefix['img']`` and their id.
    """

    def __init__(
        self, ann_file: str, mask_root: str | None = None, num_classes: int | None = None, **kwargs: Any
    ) -> None:
        self.mask_root = mask_root
        self.num_classes = num_classes
        self._masks: dict[str, dict] = {}
        super().__init__(ann_file=ann_file, **{'boxes_outside': 'ignore', **kwargs})

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        split = read_wsol_metadata(self.ann_file, with_localization=self.load_boxes)
        count = self.num_classes or max(split.labels.values()) + 1
        self._metainfo.setdefault('classes', tuple(map(str, range(count))))
        folder = Path(self.data_prefix.get('img') or self.data_root or '')
        records = []
        for image_id in split.image_ids:
            label = split.labels[image_id]
            if label >= len(self.classes):
                raise ValueError(
                    f'{self.ann_file}: image {image_id!r} is of class {label}, but there are {len(self.classes)} '
                    'classes, from 0; correct num_classes or metainfo classes'
                )
            name = self.classes[label]
            record = WeakRecord(image_id, str(folder / image_id), f'{self.ann_file}', {name})
            record.width, record.height = split.sizes.get(image_id, (0, 0))
            if image_id in split.boxes:
                record.boxes = [WeakBox(name, box) for box in split.boxes[image_id]]
            if image_id in split.masks:
                self._masks[image_id] = self._paths(split.masks[image_id], split.ignore.get(image_id))
            records.append(record)
        return records

    def _paths(self, masks: list[str], ignore: str | None) -> dict:
        root = Path(self.mask_root or '')
        root = root if root.is_absolute() else Path(self.data_root or '') / root
        paths = dict(mask_paths=[str(root / mask) for mask in masks])
        return {**paths, 'ignore_path': str(root / ignore)} if ignore else paths

    def _data_info(self, record: WeakRecord) -> dict:
        return {**super()._data_info(record), **self._masks.get(record.img_id, {})}
