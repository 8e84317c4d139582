"""Average precision of instance masks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from wsod_mm.functional.mask_ap import ImageOverlaps, instance_ap_voc, overlaps_of_image
from wsod_mm.registry import METRICS
from wsod_mm.utils.io import write_json

from .tables import format_table

__all__ = ['MaskAPMetric', 'mask_ap_details']


@METRICS.register_module()
class MaskAPMetric(BaseMetric):
    """VOC AP of instance masks at one or more overlaps (area under the curve, not 11 points).

    Reads ``pred_instances`` (``masks`` [N, H, W] bool, ``labels``, ``scores``) and ``gt_instances`` (``masks``,
    ``labels``). Only overlaps are kept, not masks. Classes without objects are left out of the means
    (specs/affinity.md 10.9).

    After :meth:`compute_metrics`, ``details`` holds every number as plain data, see :func:`mask_ap_details`.

    Args:
        iou_thrs: Overlaps that make a hit.
        print_classes: Whether the log gets the table of classes.
        dump_path: Write ``details`` to this ``.json``.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'mask'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: If an overlap is outside (0, 1] or ``dump_path`` is no ``.json``.
    """

    default_prefix = 'mask'

    def __init__(
        self,
        iou_thrs: Sequence[float] = (0.5, 0.7),
        print_classes: bool = True,
        dump_path: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if not iou_thrs or not all(0 < thr <= 1 for thr in iou_thrs):
            raise ValueError(f'iou_thrs={iou_thrs!r} must be overlaps above 0 and up to 1')
        if dump_path is not None and not str(dump_path).endswith('.json'):
            raise ValueError(f'dump_path={dump_path!r} must end in .json')
        self.iou_thrs = tuple(iou_thrs)
        self.print_classes = print_classes
        self.dump_path = dump_path
        self.details: dict[str, Any] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Compare the masks of a batch.

        Args:
            data_batch: Not used.
            data_samples: One dict per image, as MMEngine's evaluator makes them.

        Raises:
            KeyError: If an image has no masks.
            ValueError: If the masks disagree in number or size; the message names the image.
        """
        for sample in data_samples:
            name = sample.get('img_path') or sample.get('img_id')
            for needed in ('pred_instances', 'gt_instances'):
                if needed not in sample or 'masks' not in sample[needed]:
                    raise KeyError(f'image {name} has no masks in {needed!r}, which MaskAPMetric compares')
            pred, truth = sample['pred_instances'], sample['gt_instances']
            try:
                overlaps = overlaps_of_image(
                    *(_numpy(pred[key]) for key in ('masks', 'labels', 'scores')),
                    *(_numpy(truth[key]) for key in ('masks', 'labels')),
                )
            except ValueError as error:
                raise ValueError(f'image {name}: {error}') from None
            self.results.append(overlaps)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers from what all ranks collected.

        Args:
            results: Entries of :meth:`process`.

        Returns:
            ``AP50`` and so on, in percent, 0-100; NaN when no class has an object.
        """
        classes = list((self.dataset_meta or {}).get('classes') or ())
        self.details = mask_ap_details([ImageOverlaps(*result) for result in results], classes, self.iou_thrs)
        if self.dump_path is not None:
            write_json(self.details, self.dump_path)
        names = [_ap_name(thr) for thr in self.iou_thrs]
        columns = ('classes', 'num_positive', 'num_predictions', *(f'{name}_classes' for name in names))
        rows = [list(row) for row in zip(*(self.details[key] for key in columns), strict=True)]
        counts = [sum(self.details[key]) for key in columns[1:3]]
        means = [['mean', *counts, *(self.details[name] for name in names)]]
        print_log(
            '\n' + format_table(['class', 'objects', 'masks', *names], rows * self.print_classes + means),
            logger='current',
        )
        return {name: self.details[name] for name in names}


def mask_ap_details(
    images: Sequence[ImageOverlaps], classes: Sequence[str] = (), iou_thrs: Sequence[float] = (0.5, 0.7)
) -> dict[str, Any]:
    """Every number of :class:`MaskAPMetric`.

    Args:
        images: Overlaps of every image.
        classes: C names; empty to number the classes up to the largest label.
        iou_thrs: Overlaps that make a hit.

    Returns:
        Plain data: for every threshold ``AP50`` (the mean in percent, NaN classes skipped) and ``AP50_classes`` (one
        per class); the lists ``num_positive``, ``num_predictions``; ``classes``; ``num_images``.
    """
    details: dict[str, Any] = {}
    for thr in iou_thrs:
        result = instance_ap_voc(images, thr, len(classes) or None)
        ap = 100 * result['ap']
        details[_ap_name(thr)] = float(np.nanmean(ap)) if np.isfinite(ap).any() else float('nan')
        details[f'{_ap_name(thr)}_classes'] = ap.tolist()
        details.update({key: result[key].tolist() for key in ('num_positive', 'num_predictions')})
    details['classes'] = list(classes) or list(map(str, range(len(details['num_positive']))))
    details['num_images'] = len(images)
    return details


def _ap_name(thr: float) -> str:
    return f'AP{100 * thr:g}'


def _numpy(value: Any) -> np.ndarray:
    if hasattr(value, 'to_ndarray'):  # MMDetection's mask classes
        return value.to_ndarray()
    return value.detach().cpu().numpy() if hasattr(value, 'detach') else np.asarray(value)
