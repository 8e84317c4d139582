"""VOC mAP in both modes, and CorLoc, in one pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from wsod_mm.functional.detection_metrics import (
    BoxTable,
    correct_localisation,
    round_like_devkit,
    voc_average_precision,
)
from wsod_mm.registry import METRICS

from .detection_file import DetectionFile, stack_tables
from .tables import format_table

__all__ = ['WeakVOCMetric']


@METRICS.register_module()
class WeakVOCMetric(BaseMetric):
    """Mean average precision (VOC07 11 points and VOC10+ area) and CorLoc of a weakly supervised detector.

    Reads ``pred_instances`` for mAP and ``top1_instances`` for CorLoc; a detector without the latter is judged by its
    best detection of each class. A detector with two branches is judged by two of these metrics, see ``branch``. Ground
    truth are ``gt_instances`` plus ``ignored_instances`` (the difficult ones). All boxes are 0-based pixels of the
    original image with inclusive corners, and overlaps have the devkit's ``+1`` widths.

    mAP ignores difficult objects, CorLoc counts them (specs of VOC and of Deselaers et al. 2012). The papers report
    mAP on test images and CorLoc on the training images: run on either, both numbers are given, and which of them
    means something is the reader's choice. Classes without objects are left out of the means.

    After :meth:`compute_metrics`, ``details`` holds per class what the means are made of, as plain lists.

    Args:
        iou_thr: Overlap that makes a hit.
        strict: Whether the IoU must exceed the threshold (devkit) or may equal it (MMDetection's ``VOCMetric``).
        round_like_devkit: Round scores to %.3f and boxes to %.1f first, as the reference codes do through their text
            files.
        dump_path: Write a :class:`DetectionFile` (``.npz``) there, for the report and for later analysis.
        branch: Whose predictions to read: ``''`` those above; ``'weak'`` reads ``weak_pred_instances`` and
            ``weak_top1_instances``, and so on. It also replaces ``'voc'`` before the names of the numbers.
        print_classes: Whether the log gets the table of classes, and not the means alone.
        collect_device: ``'cpu'`` or ``'gpu'``: how distributed results are gathered.
        prefix: Replaces ``'voc'`` or ``branch`` before the names of the numbers.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: If ``iou_thr`` is outside (0, 1) or ``dump_path`` is no ``.npz``.
    """

    default_prefix = 'voc'

    def __init__(
        self,
        iou_thr: float = 0.5,
        strict: bool = True,
        round_like_devkit: bool = False,
        dump_path: str | None = None,
        branch: str = '',
        print_classes: bool = True,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix or branch or None, collect_dir=collect_dir)
        if not 0 < iou_thr < 1:
            raise ValueError(f'iou_thr={iou_thr!r} must lie between 0 and 1')
        if dump_path is not None and not str(dump_path).endswith('.npz'):
            raise ValueError(f'dump_path={dump_path!r} must end in .npz')
        self.iou_thr = iou_thr
        self.strict = strict
        self.round_like_devkit = round_like_devkit
        self.dump_path = dump_path
        self.branch = branch
        self.print_classes = print_classes
        self.details: dict[str, Any] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the predictions and objects of a batch as numpy arrays.

        Args:
            data_batch: Not used.
            data_samples: One dict per image, as MMEngine's evaluator makes them of ``DetDataSample``.

        Raises:
            KeyError: If an image has no predictions of the branch or no ``gt_instances``.
        """
        start = f'{self.branch}_' if self.branch else ''
        found, best = f'{start}pred_instances', f'{start}top1_instances'
        for sample in data_samples:
            for needed in (found, 'gt_instances'):
                if needed not in sample:
                    raise KeyError(
                        f'image {sample.get("img_path", sample.get("img_id"))} has no {needed!r}: {self._hint(needed)}'
                    )
            prediction = _scored(sample[found])
            self.results.append(
                {
                    'img_id': str(sample.get('img_id', '')),
                    'img_path': str(sample.get('img_path', '')),
                    'detections': prediction,
                    'top': _scored(sample[best]) if best in sample else _best(prediction),
                    'truth': _truth(sample),
                }
            )

    def _hint(self, missing: str) -> str:
        if missing == 'gt_instances':
            return 'set test_mode=True on the data set and load its boxes'
        if self.branch:
            return (
                f'only a model that was told to predict with all its branches has a branch {self.branch!r}; set '
                f"model.test_cfg.branch='both', or take the metric with branch={self.branch!r} out of the evaluator"
            )
        return 'this metric is for detectors, use MultiLabelMetric for classifiers'

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers from what all ranks collected.

        Args:
            results: Entries of :meth:`process`.

        Returns:
            ``mAP_11pt``, ``mAP_area``, ``CorLoc``: percent, 0-100; NaN when no class has an object.
        """
        classes = list(self.dataset_meta['classes'])
        detections = stack_tables([result['detections'] for result in results], 'scores')
        top = stack_tables([result['top'] for result in results], 'scores')
        truth = stack_tables([result['truth'] for result in results], 'difficult')
        if self.dump_path is not None:
            DetectionFile(
                tuple(classes),
                tuple(result['img_id'] for result in results),
                tuple(result['img_path'] for result in results),
                detections,
                top,
                truth,
            ).save(self.dump_path)
        self.details = evaluate_tables(
            detections, top, truth, classes, self.iou_thr, self.strict, self.round_like_devkit
        )
        means = {key: self.details[key] for key in ('mAP_11pt', 'mAP_area', 'CorLoc')}
        rows = []
        if self.print_classes:
            rows = [
                [
                    name,
                    self.details['num_positive'][i],
                    self.details['num_images'][i],
                    self.details['num_detections'][i],
                    *(self.details[key][i] for key in ('ap_11pt', 'ap_area', 'corloc')),
                ]
                for i, name in enumerate(classes)
            ]
        rows.append(
            [
                'mean',
                sum(self.details['num_positive']),
                len(results),
                sum(self.details['num_detections']),
                *means.values(),
            ]
        )
        print_log(
            '\n' + format_table(['class', 'objects', 'images', 'boxes', 'AP 11pt', 'AP area', 'CorLoc'], rows),
            logger='current',
        )
        return means


def evaluate_tables(
    detections: BoxTable,
    top: BoxTable,
    truth: BoxTable,
    classes: Sequence[str],
    iou_thr: float = 0.5,
    strict: bool = True,
    devkit_rounding: bool = False,
) -> dict[str, Any]:
    """Compute every number of :class:`WeakVOCMetric` from tables.

    Args:
        detections: Boxes after NMS, with scores.
        top: The best box of each image and class.
        truth: All objects, with ``difficult``.
        classes: C names.
        iou_thr: Overlap that makes a hit.
        strict: Whether the IoU must exceed it.
        devkit_rounding: See ``round_like_devkit``.

    Returns:
        Plain data: the means ``mAP_11pt, mAP_area, CorLoc`` in percent (NaN classes skipped), the lists ``ap_11pt,
        ap_area, corloc, recall`` in percent per class, the counts ``num_positive, num_detections, num_images``, and
        ``classes, iou_thr, strict, devkit_rounding``.
    """
    if devkit_rounding:
        for table in (detections, top):
            boxes, scores = round_like_devkit(table.boxes, table.scores)
            if table is detections:
                detections = table._replace(boxes=boxes, scores=scores)
            else:
                top = table._replace(boxes=boxes, scores=scores)
    precision = voc_average_precision(detections, truth, len(classes), iou_thr, strict)
    located = correct_localisation(top, truth, len(classes), iou_thr, strict)
    percent = {
        key: 100 * values
        for key, values in (
            ('ap_11pt', precision['ap_11pt']),
            ('ap_area', precision['ap_area']),
            ('corloc', located['corloc']),
            ('recall', precision['recall']),
        )
    }
    details: dict[str, Any] = {
        'mAP_11pt': _mean(percent['ap_11pt']),
        'mAP_area': _mean(percent['ap_area']),
        'CorLoc': _mean(percent['corloc']),
        'classes': list(classes),
        'iou_thr': iou_thr,
        'strict': strict,
        'devkit_rounding': devkit_rounding,
    }
    details.update({key: values.tolist() for key, values in percent.items()})
    details.update(
        num_positive=precision['num_positive'].tolist(),
        num_detections=precision['num_detections'].tolist(),
        num_images=located['num_images'].tolist(),
    )
    return details


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float('nan')


def _numpy(value: Any, dtype: type) -> np.ndarray:
    if hasattr(value, 'tensor'):  # MMDetection's box classes
        value = value.tensor
    value = value.detach().cpu().numpy() if hasattr(value, 'detach') else np.asarray(value)
    return value.astype(dtype)


def _scored(instances: dict) -> dict[str, np.ndarray]:
    return {
        'label': _numpy(instances['labels'], np.int64),
        'boxes': _numpy(instances['bboxes'], np.float32).reshape(-1, 4),
        'scores': _numpy(instances['scores'], np.float32),
    }


def _best(detections: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keep the best detection of every class (the first of equal ones)."""
    order = np.argsort(-detections['scores'], kind='stable')
    first = order[np.unique(detections['label'][order], return_index=True)[1]]
    return {key: values[first] for key, values in detections.items()}


def _truth(sample: dict) -> dict[str, np.ndarray]:
    parts = [sample['gt_instances']]
    if 'ignored_instances' in sample:
        parts.append(sample['ignored_instances'])
    labels = [_numpy(part['labels'], np.int64) for part in parts]
    return {
        'label': np.concatenate(labels),
        'boxes': np.concatenate([_numpy(part['bboxes'], np.float32).reshape(-1, 4) for part in parts]),
        'difficult': np.repeat([False, True][: len(parts)], [len(label) for label in labels]),
    }
