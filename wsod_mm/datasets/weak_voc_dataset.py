"""PASCAL VOC with image labels only."""

from pathlib import Path
from typing import Any

from mmdet.datasets import VOCDataset
from tqdm import tqdm

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .options import require_one_of
from .voc_files import read_class_list, read_image_set, read_voc_xml
from .weak_record import WeakRecord

__all__ = ['WeakVOCDataset']


@DATASETS.register_module()
class WeakVOCDataset(BaseWeakDataset):
    """A VOC devkit (2007, 2012, or anything in its layout) with image labels only.

    ``JPEGImages``, ``Annotations`` and ``ImageSets/Main`` are looked for in
    ``data_prefix['sub_data_root']``, or where ``ann_file`` says when that is not given. For
    VOC07+12 put two of them into ``ConcatDataset`` with ``ignore_keys=['dataset_type']``.

    Args:
        ann_file: Image set, ``.../ImageSets/Main/<split>.txt``.
        label_source: ``'xml'``: from the objects of ``Annotations/<id>.xml`` (boxes are not looked
            at in training). ``'imagesets'``: from ``ImageSets/Main/<class>_<split>.txt``, where 1
            is present, -1 absent, 0 present as difficult only; no XML is opened in training.
            ``'none'``: no labels, for prediction on images without annotation.
        img_suffix: Ending of image files.
        **kwargs: See :class:`BaseWeakDataset`.
    """

    METAINFO = dict(VOCDataset.METAINFO)

    def __init__(self, ann_file: str, label_source: str = 'xml', img_suffix: str = '.jpg', **kwargs: Any) -> None:
        require_one_of('label_source', label_source, ('xml', 'imagesets', 'none'))
        self.label_source = label_source
        self.img_suffix = img_suffix
        super().__init__(ann_file=ann_file, **kwargs)
        # mmdet's own VOC metric asks for the year
        years = [year for year in ('2007', '2012') if f'VOC{year}' in str(self.devkit)]
        if years:
            self._metainfo['dataset_type'] = f'VOC{years[0]}'

    @property
    def devkit(self) -> Path:
        """Folder that holds ``JPEGImages``."""
        given = self.data_prefix.get('sub_data_root')
        return Path(given) if given else Path(self.ann_file).parents[2]

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        images = self.devkit / 'JPEGImages'
        records = [
            WeakRecord(img_id, str(images / f'{img_id}{self.img_suffix}'), self.ann_file)
            for img_id in read_image_set(self.ann_file)
        ]
        if self.label_source == 'xml' or (self.load_boxes and self.label_source != 'none'):
            for record in tqdm(records, desc='annotations', delay=5):
                self._read_xml(record)
        if self.label_source == 'imagesets':
            self._read_class_lists(records)
        if self.label_source == 'none':
            for record in records:
                record.labels = None
        return records

    def _read_xml(self, record: WeakRecord) -> None:
        path = self.devkit / 'Annotations' / f'{record.img_id}.xml'
        record.source = str(path)
        record.height, record.width, objects = read_voc_xml(path, with_boxes=self.load_boxes)
        record.labels = {box.name for box in objects if not box.difficult}
        record.difficult = {box.name for box in objects if box.difficult}
        if self.load_boxes:
            record.boxes = objects

    def _read_class_lists(self, records: list[WeakRecord]) -> None:
        folder, split = Path(self.ann_file).parent, Path(self.ann_file).stem
        for record in records:
            record.labels, record.difficult = set(), set()
        for name in self.classes:
            path = folder / f'{name}_{split}.txt'
            values = read_class_list(path)
            absent = [record.img_id for record in records if record.img_id not in values]
            if absent:
                raise ValueError(
                    f'{path} lacks {len(absent)} of the {len(records)} images of {self.ann_file}, '
                    'the first is '
                    f"{absent[0]!r}; complete it, or use label_source='xml'"
                )
            for record in records:
                if values[record.img_id] >= 0:
                    (record.labels if values[record.img_id] else record.difficult).add(name)
