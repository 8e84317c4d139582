"""What all datasets with image-level labels share."""

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import Any

from mmdet.datasets import BaseDetDataset
from tqdm import tqdm

from .image_file import read_image_size
from .instances import BOX_POLICIES, instances_of
from .options import require_one_of
from .proposal_source import ProposalSource
from .weak_record import WeakRecord

__all__ = ['BaseWeakDataset']


class BaseWeakDataset(BaseDetDataset):
    """Images with labels, without boxes.

    A subclass reads one annotation format in :meth:`load_records`; classes, difficult objects,
    background images, unknown names, duplicates, missing files and proposals are handled here,
    alike for every format. No image is decoded. In training no box is read, let alone kept:
    ``data_info`` has ``instances`` only with ``test_mode=True`` or ``load_boxes=True``.

    ``data_info``: ``img_id`` (str), ``img_path``, ``height`` and ``width`` (when known),
    ``image_labels`` (sorted class indices; absent when the format gives none), ``ignore_labels``
    (``difficult='ignore'`` only), ``instances`` (boxes 0-based, inclusive, original pixels),
    ``proposals`` (``bboxes`` float32 [R, 4], ``scores`` float32 [R]), ``num_classes``,
    ``test_mode``.

    Args:
        *args: See ``mmdet.datasets.BaseDetDataset``.
        difficult: What a class means that an image has only as difficult objects. ``'exclude'``: it
            is absent (the papers). ``'include'``: it is present. ``'ignore'``: neither; the class
            is listed in ``ignore_labels`` and gets weight 0.
        unknown: A class name outside the class list: ``'error'`` or ``'ignore'`` (as if it were not
            there).
        keep_background: Keep training images without any positive class. The papers' codes drop
            them. Test images stay.
        load_boxes: Read boxes; ``None`` does so in test mode only.
        boxes_outside: A box outside the image: ``'error'``, ``'clip'``, or ``'ignore'`` (kept as it
            is). Labels never depend on it, and it has no effect where boxes are not read.
        need_size: Read the size of images from their header where the annotations do not give it.
            Batch samplers by aspect ratio need it.
        check_files: Look for every image file at start.
        proposal_file: ``.npz`` of ``tools/proposals.py``, or several. Relative to ``data_root``, or
            else to the working folder. It may hold more images than the dataset.
        **kwargs: See ``mmdet.datasets.BaseDetDataset``. ``filter_cfg`` takes ``min_size`` (of the
            image) and ``filter_empty_gt`` (the same as ``keep_background=False``).

    Raises:
        ValueError: For wrong content; the message names file, value and fix.
        FileNotFoundError: For missing files, likewise.
    """

    def __init__(
        self,
        *args: Any,
        difficult: str = 'exclude',
        unknown: str = 'error',
        keep_background: bool = True,
        load_boxes: bool | None = None,
        boxes_outside: str = 'error',
        need_size: bool = True,
        check_files: bool = True,
        proposal_file: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        require_one_of('difficult', difficult, ('include', 'exclude', 'ignore'))
        require_one_of('unknown', unknown, ('error', 'ignore'))
        require_one_of('boxes_outside', boxes_outside, BOX_POLICIES)
        filter_cfg = kwargs.get('filter_cfg') or {}
        odd = set(filter_cfg) - {'min_size', 'filter_empty_gt'}
        if odd:
            raise ValueError(
                f'filter_cfg of {type(self).__name__} takes min_size and filter_empty_gt, not '
                f'{sorted(odd)}: filters on box sizes would take classes away from the image '
                'labels; remove them'
            )
        self.difficult = difficult
        self.unknown = unknown
        self.keep_background = keep_background and not filter_cfg.get('filter_empty_gt', False)
        self.load_boxes = kwargs.get('test_mode', False) if load_boxes is None else load_boxes
        self.boxes_outside = boxes_outside
        self.need_size = need_size
        self.check_files = check_files
        self._proposals: ProposalSource | None = None
        super().__init__(*args, proposal_file=proposal_file, **kwargs)

    @abstractmethod
    def load_records(self) -> list[WeakRecord]:
        """Read the annotation files.

        Returns:
            One record per image. ``boxes`` is filled only when ``self.load_boxes`` is set.
        """

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their indices."""
        return tuple(self._metainfo['classes'])

    def load_data_list(self) -> list[dict]:
        """Turn the records into data infos.

        Returns:
            One ``data_info`` per image (see the class), without proposals.
        """
        records = self.load_records()
        self._check_classes(records)
        self._check_records(records)
        wants_size = self.need_size or (self.load_boxes and self.boxes_outside != 'ignore')
        unsized = [r for r in records if not (r.height and r.width)] if wants_size else []
        for record in tqdm(unsized, desc='image headers', delay=5):
            record.height, record.width = read_image_size(record.img_path)
        return [self._data_info(record) for record in records]

    def load_proposals(self) -> None:
        """Open the proposal files; :meth:`get_data_info` takes the rows of an image from there."""
        self._proposals = ProposalSource.open(self.proposal_file, self.data_root)

    def filter_data(self) -> list[dict]:
        """Drop background and small images in training; look for proposals of all others.

        Returns:
            The kept data infos.
        """
        kept = self.data_list
        if not self.test_mode:
            min_size = (self.filter_cfg or {}).get('min_size', 0)
            kept = [info for info in kept if self.keep_background or info.get('image_labels')]
            kept = [info for info in kept if min(info.get('height', min_size), info.get('width', min_size)) >= min_size]
            if self.data_list and not kept:
                raise ValueError(
                    f'{self.ann_file or self.data_root}: none of the {len(self.data_list)} images '
                    'is left after dropping those without labels '
                    f'(keep_background={self.keep_background}) and those smaller than {min_size} '
                    f'px; check metainfo classes, difficult={self.difficult!r} and filter_cfg'
                )
        if self._proposals is not None:
            self._proposals.check(kept)
        return kept

    def get_data_info(self, idx: int) -> dict:
        """Data info of an image, with its proposals.

        Args:
            idx: Index.

        Returns:
            See the class.
        """
        info = super().get_data_info(idx)
        info['num_classes'] = len(self.classes)
        info['test_mode'] = self.test_mode
        if self._proposals is not None:
            boxes, scores = self._proposals.get(info['img_id'])
            info['proposals'] = dict(bboxes=boxes, scores=scores)
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """Class indices of an image, for samplers that balance classes."""
        return list(super().get_data_info(idx).get('image_labels', []))

    def _data_info(self, record: WeakRecord) -> dict:
        info: dict[str, Any] = dict(img_id=record.img_id, img_path=record.img_path)
        if record.height and record.width:
            info.update(height=record.height, width=record.width)
        if record.labels is not None:
            positive = self._indices_of(record.labels, record.source)
            only_difficult = self._indices_of(record.difficult, record.source) - positive
            if self.difficult == 'include':
                positive |= only_difficult
            elif self.difficult == 'ignore' and only_difficult:
                info['ignore_labels'] = sorted(only_difficult)
            info['image_labels'] = sorted(positive)
        if self.load_boxes and record.boxes is not None:
            boxes = [box for box in record.boxes if self._indices_of([box.name], record.source)]
            info['instances'] = instances_of(boxes, record, self._class_index, self.boxes_outside)
        return info

    def _indices_of(self, names: Iterable[str], source: str) -> set[int]:
        unknown = [name for name in names if name not in self._class_index]
        if unknown and self.unknown == 'error':
            raise ValueError(
                f'{source}: class {unknown[0]!r} is not among the {len(self._class_index)} classes '
                f'{list(self._class_index)[:20]}; add it to metainfo=dict(classes=...), correct '
                'the file, or set '
                "unknown='ignore' to leave such objects out"
            )
        return {self._class_index[name] for name in names if name in self._class_index}

    def _check_classes(self, records: list[WeakRecord]) -> None:
        if not self._metainfo.get('classes'):
            found = sorted({name for record in records for name in (record.labels or ())})
            raise ValueError(
                f'{type(self).__name__} needs metainfo=dict(classes=(...)): the order of the '
                f'names is that of the outputs. {self.ann_file or self.data_root} has {found[:50]}'
            )
        doubles = [name for name, count in Counter(self.classes).items() if count > 1]
        if doubles:
            raise ValueError(f'metainfo classes hold {doubles} more than once; give every class once')
        self._class_index = {name: i for i, name in enumerate(self.classes)}

    def _check_records(self, records: list[WeakRecord]) -> None:
        where = self.ann_file or self.data_root
        if not records:
            raise ValueError(f'{where} lists no images; check ann_file and data_root')
        first: dict[str, WeakRecord] = {}
        for record in records:
            other = first.setdefault(record.img_id, record)
            if other is not record:
                raise ValueError(
                    f'image id {record.img_id!r} occurs twice: {other.source} and '
                    f'{record.source}; ids are keys of proposals and predictions, so they must be '
                    f'unique: {self._mend_duplicates()}'
                )
        if self.check_files and not self.backend_args:
            absent = [r for r in records if not os.path.isfile(r.img_path)]
            if absent:
                names = ', '.join(r.img_path for r in absent[:5])
                raise FileNotFoundError(
                    f'{len(absent)} of {len(records)} images listed in {where} do not exist: '
                    f'{names}{", ..." if len(absent) > 5 else ""}; check data_root and '
                    'data_prefix, or take them out of the list'
                )

    def _mend_duplicates(self) -> str:
        return 'rename one or take it out of the list'
