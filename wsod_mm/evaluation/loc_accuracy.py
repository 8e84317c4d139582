"""Top-k localisation: the class is right and the box too."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes
from wsod_mm.functional.wsol_metrics import box_hits, max_box_acc
from wsod_mm.registry import METRICS

from .cam_items import cam_items, top_contains
from .count_table_metric import CountTableMetric
from .max_box_acc_metric import gt_boxes_on_map

__all__ = ['LocAccuracy']


@METRICS.register_module()
class LocAccuracy(CountTableMetric):
    """GT-known, Top-1 and Top-5 localisation in percent.

    An item counts for Top-k when its class is among the k best of ``pred_label.score`` *and* the map of that class
    localises it. Reads what :class:`.MaxBoxAccMetric` reads. Each number has its own best threshold, chosen for the
    whole set.

    Source: specs/cam.md 4.1.

    Args:
        topk: Values of k.
        iou_thr: Overlap that makes a hit.
        contours: ``'largest'`` or ``'all'``: which boxes of a map.
        cam_interval: Between thresholds.
        fixed: Report at this threshold instead.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'loc'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: A setting is unknown or out of range.
    """

    default_prefix = 'loc'

    def __init__(
        self,
        topk: Sequence[int] = (1, 5),
        iou_thr: float = 0.5,
        contours: str = 'largest',
        cam_interval: float = 0.001,
        fixed: float | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if min(topk, default=0) < 1 or not 0 < iou_thr <= 1 or contours not in ('largest', 'all'):
            raise ValueError(
                f"topk={tuple(topk)} must be at least 1, iou_thr={iou_thr} in (0, 1], contours={contours!r} 'largest' "
                "or 'all'"
            )
        self.topk = tuple(topk)
        self.iou_thr = iou_thr
        self.contours = contours
        self.thresholds = cam_thresholds(cam_interval)
        self.fixed = fixed
        max_box_acc(np.zeros((1, len(self.thresholds)), int), 1, self.thresholds, (iou_thr,), 2, fixed)

    def count(self, sample: dict) -> dict[str, Any]:
        """Hits ``[1 + K, T]``, class known first, and how many items there are."""
        table, total = np.zeros((1 + len(self.topk), len(self.thresholds)), np.int64), 0
        for item in cam_items(sample):
            boxes = gt_boxes_on_map(sample, item.label, item.scoremap.shape)
            single, multi = box_hits(sweep_boxes(item.scoremap, self.thresholds, item.name), boxes, (self.iou_thr,))
            known = [True, *(top_contains(sample, item.label, k) for k in self.topk)]
            table += np.array(known)[:, None] & (single if self.contours == 'largest' else multi)
            total += 1
        return dict(hits=table, total=total)

    def summarise(self, table: dict[str, Any]) -> dict[str, float]:
        """``gt_known_loc``, ``top1_loc`` and so on, and the threshold of the first."""
        same = (self.iou_thr,) * len(table['hits'])
        result = max_box_acc(table['hits'], int(table['total']), self.thresholds, same, 2, self.fixed)
        names = ['gt_known_loc', *(f'top{k}_loc' for k in self.topk)]
        out = dict(zip(names, result['acc'].tolist(), strict=True))
        return {**out, 'gt_known_threshold': float(result['threshold'][0])}
