"""Image-level average precision of a classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from wsod_mm.functional.detection_metrics import image_level_average_precision
from wsod_mm.registry import METRICS
from wsod_mm.utils.io import atomic_write

from .tables import format_table

__all__ = ['MultiLabelMetric']


@METRICS.register_module()
class MultiLabelMetric(BaseMetric):
    """Mean over classes of the average precision with which images are ranked.

    Reads ``pred_label.score`` and ``gt_label.score``, both ``[C]``. AP is the mean of the precision at every positive
    image (not interpolated). Classes without a positive image are left out of the mean.

    Args:
        print_classes: Whether the log gets the table of classes.
        dump_path: Write ``ids`` [N], ``scores`` [N, C] and ``targets`` [N, C] to this ``.npz``.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'cls'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: If ``dump_path`` is no ``.npz``.
    """

    default_prefix = 'cls'

    def __init__(
        self,
        print_classes: bool = False,
        dump_path: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if dump_path is not None and not str(dump_path).endswith('.npz'):
            raise ValueError(f'dump_path={dump_path!r} must end in .npz')
        self.print_classes = print_classes
        self.dump_path = dump_path
        self.details: dict[str, Any] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores and labels of a batch.

        Args:
            data_batch: Not used.
            data_samples: One dict per image.

        Raises:
            KeyError: If an image has no ``pred_label`` or no ``gt_label``.
        """
        for sample in data_samples:
            for needed in ('pred_label', 'gt_label'):
                if needed not in sample:
                    raise KeyError(
                        f'image {sample.get("img_path", sample.get("img_id"))} has no {needed!r}: MultiLabelMetric '
                        'needs the output of a classifier and PackWeakInputs in the test pipeline'
                    )
            self.results.append(
                (
                    str(sample.get('img_id', '')),
                    *(
                        np.asarray(sample[key]['score'].detach().cpu(), np.float32)
                        for key in ('pred_label', 'gt_label')
                    ),
                )
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the numbers from what all ranks collected.

        Args:
            results: Entries of :meth:`process`.

        Returns:
            ``mAP`` in percent, 0-100; NaN when no class has a positive image.
        """
        ids, scores, targets = (np.stack(part) for part in zip(*results, strict=True))
        if self.dump_path is not None:
            with atomic_write(self.dump_path, '.npz') as temporary, open(temporary, 'wb') as handle:
                np.savez_compressed(handle, ids=ids, scores=scores, targets=targets)
        ap = 100 * image_level_average_precision(scores, targets)
        mean = float(np.nanmean(ap)) if np.isfinite(ap).any() else float('nan')
        classes = list((self.dataset_meta or {}).get('classes') or map(str, range(len(ap))))
        positives = (targets > 0).sum(0)
        self.details = {'classes': classes, 'ap': ap.tolist(), 'num_images': positives.tolist(), 'mAP': mean}
        rows = [
            [name, int(n), float(a)] for name, n, a in zip(classes, positives, ap, strict=True)
        ] * self.print_classes
        print_log(
            '\n' + format_table(['class', 'images', 'AP'], [*rows, ['mean', len(scores), mean]]), logger='current'
        )
        return {'mAP': mean}
