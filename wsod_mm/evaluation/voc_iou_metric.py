"""IoU of label maps over a whole data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from wsod_mm.functional.confusion import (
    confusion_matrix,
    error_fractions,
    iou_from_confusion,
    label_table,
    mean_iou,
)
from wsod_mm.registry import METRICS
from wsod_mm.utils.io import write_json
from wsod_mm.utils.label_png import read_label_png

from .tables import format_table

__all__ = ['VOCIoUMetric', 'iou_details']


@METRICS.register_module()
class VOCIoUMetric(BaseMetric):
    """IoU per class from one confusion matrix over all images, and its mean.

    Predictions are ``pred_sem_seg.sem_seg`` and the truth is ``gt_sem_seg.sem_seg`` (``[1, H, W]`` or ``[H, W]``
    integers: 0 background, class id + 1), unless a folder of label PNGs is given for either. Pixels that the truth
    ignores do not count; predictions of the ignore value count as background. Classes that neither has are left out of
    the mean (specs/affinity.md section 9).

    After :meth:`compute_metrics`, ``details`` holds every number as plain data, see :func:`iou_details`.

    Args:
        pred_dir: Read predictions from ``<pred_dir>/<img_id>.png``.
        gt_dir: Read the truth from ``<gt_dir>/<img_id>.png``.
        ignore_index: Label of pixels that do not count.
        gt_classes: Class names of the truth where it has more classes than the data set, or another order (masks of
            VOC for a data set of six classes).
        gt_other: Label of those that the data set lacks: 0, or ``ignore_index`` so that they do not count.
        print_classes: Whether the log gets the table of classes.
        dump_path: Write ``details`` to this ``.json``.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'seg'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: If ``dump_path`` is no ``.json``.
    """

    default_prefix = 'seg'

    def __init__(
        self,
        pred_dir: str | None = None,
        gt_dir: str | None = None,
        ignore_index: int = 255,
        gt_classes: Sequence[str] | None = None,
        gt_other: int = 0,
        print_classes: bool = True,
        dump_path: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if dump_path is not None and not str(dump_path).endswith('.json'):
            raise ValueError(f'dump_path={dump_path!r} must end in .json')
        self.pred_dir, self.gt_dir = pred_dir, gt_dir
        self.ignore_index = ignore_index
        self.gt_classes, self.gt_other = gt_classes, gt_other
        self.print_classes = print_classes
        self.dump_path = dump_path
        self.details: dict[str, Any] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the confusion matrix of every image.

        Args:
            data_batch: Not used.
            data_samples: One dict per image, as MMEngine's evaluator makes them.

        Raises:
            KeyError: If an image has no prediction or no truth.
            ValueError: If the two differ in size, or a label is no class; the message names the image.
            FileNotFoundError: If a folder lacks the image.
        """
        classes = self._classes()
        num_classes = len(classes) + 1
        table = None
        if self.gt_classes is not None:
            table = label_table(self.gt_classes, classes, self.gt_other, self.ignore_index)
        for sample in data_samples:
            truth = _label_map(sample, 'gt_sem_seg', self.gt_dir)
            if table is not None:
                truth = table.to(truth.device)[truth.long()]
            pred = _label_map(sample, 'pred_sem_seg', self.pred_dir).to(truth.device)
            try:
                confusion = confusion_matrix(pred, truth, num_classes, self.ignore_index, self.ignore_index)
            except ValueError as error:
                raise ValueError(f'image {_name(sample)}: {error}') from None
            self.results.append(confusion.cpu().numpy())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers from what all ranks collected.

        Args:
            results: Entries of :meth:`process`.

        Returns:
            ``mIoU`` and ``pixel_accuracy`` in percent, 0-100; NaN without a pixel that counts.
        """
        details = iou_details(torch.from_numpy(np.sum(results, axis=0)), self._classes())
        self.details = {**details, 'num_images': len(results)}
        if self.dump_path is not None:
            write_json(self.details, self.dump_path)
        keys = ('iou', 'false_positive', 'false_negative')
        rows = [list(row) for row in zip(details['classes'], *(details[key] for key in keys), strict=True)]
        means = [['mean', *(details[key] for key in ('mIoU', 'mean_false_positive', 'mean_false_negative'))]]
        print_log(
            '\n' + format_table(['class', 'IoU', 'false pos.', 'false neg.'], rows * self.print_classes + means),
            logger='current',
        )
        return {key: details[key] for key in ('mIoU', 'pixel_accuracy')}

    def _classes(self) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ValueError('VOCIoUMetric needs the class names: give the data set metainfo=dict(classes=...)')
        return list(classes)


def iou_details(confusion: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Every number that a confusion matrix holds.

    Args:
        confusion: ``[C + 1, C + 1]`` counts, rows the truth, background first.
        classes: C names without the background.

    Returns:
        Plain data: ``mIoU``, ``pixel_accuracy``, ``mean_false_positive`` and ``mean_false_negative`` in percent; the
        lists ``iou``, ``false_positive`` and ``false_negative`` in percent per class (NaN for absent classes);
        ``classes`` with ``'background'`` first; ``confusion`` as nested lists.
    """
    iou = iou_from_confusion(confusion)
    false_positive, false_negative = error_fractions(confusion)
    return {
        'mIoU': 100 * float(mean_iou(iou)),
        'pixel_accuracy': 100 * float(confusion.diagonal().sum() / confusion.sum()),
        'mean_false_positive': 100 * float(mean_iou(false_positive)),
        'mean_false_negative': 100 * float(mean_iou(false_negative)),
        'classes': ['background', *classes],
        'iou': (100 * iou).tolist(),
        'false_positive': (100 * false_positive).tolist(),
        'false_negative': (100 * false_negative).tolist(),
        'confusion': confusion.tolist(),
    }


def _name(sample: dict) -> str:
    return str(sample.get('img_path') or sample.get('img_id'))


def _label_map(sample: dict, key: str, folder: str | None) -> Tensor:
    if folder is not None:
        return torch.from_numpy(read_label_png(Path(folder) / f'{sample["img_id"]}.png'))
    if key not in sample:
        raise KeyError(
            f'image {_name(sample)} has no {key!r}: VOCIoUMetric needs the label maps of a segmentor and of the test '
            'pipeline (LoadLabelMap, PackSegInputs), or the folders pred_dir and gt_dir'
        )
    label = torch.as_tensor(sample[key]['sem_seg'])
    return label[0] if label.dim() == 3 else label
