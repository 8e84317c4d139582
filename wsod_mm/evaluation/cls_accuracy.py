"""Accuracy of a classifier."""

from collections.abc import Sequence
from typing import Any

from wsod_mm.registry import METRICS

from .cam_items import present_classes, top_contains
from .count_table_metric import CountTableMetric

__all__ = ['ClsAccuracy']


@METRICS.register_module()
class ClsAccuracy(CountTableMetric):
    """Share of images with one of their classes among the k best, in percent.

    Reads ``pred_label.score`` and ``gt_label.score``. For ``save_best='accuracy/top1'``.

    Args:
        topk: Values of k; with fewer classes than k the number is 100.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'accuracy'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: A k is less than 1.
    """

    default_prefix = 'accuracy'

    def __init__(
        self,
        topk: Sequence[int] = (1,),
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if min(topk, default=0) < 1:
            raise ValueError(f'topk={tuple(topk)}: must be at least 1')
        self.topk = tuple(topk)

    def count(self, sample: dict) -> dict[str, Any]:
        """Hits per k, and 1 for the image."""
        labels = present_classes(sample)
        return {'total': 1, **{f'top{k}': int(any(top_contains(sample, c, k) for c in labels)) for k in self.topk}}

    def summarise(self, table: dict[str, Any]) -> dict[str, float]:
        """``top1`` and so on."""
        return {f'top{k}': 100.0 * float(table[f'top{k}']) / float(table['total']) for k in self.topk}
