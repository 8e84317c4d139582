"""MaxBoxAcc and MaxBoxAccV2 of score maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes
from wsod_mm.functional.wsol_metrics import IOU_THRESHOLDS, box_hits, centre_scoremap, max_box_acc, resize_boxes
from wsod_mm.registry import METRICS
from wsod_mm.utils.io import write_json

from .cam_items import cam_items, image_name, top_contains
from .count_table_metric import CountTableMetric
from .scoremap_files import write_scoremap
from .tables import format_table

__all__ = ['MaxBoxAccMetric', 'gt_boxes_on_map']


@METRICS.register_module()
class MaxBoxAccMetric(CountTableMetric):
    """Share of images whose boxes overlap an object, at the best threshold of the whole set.

    Reads ``pred_cam`` (maps of the classes of the image: ``test_cfg.cam_class='gt'``), ``gt_label`` and
    ``gt_instances``. The map, of whatever size, shows the whole image; objects are brought to its size by the rule of
    wsolevaluation, which has maps of 224 x 224 (``test_cfg.cam_size='input'``). Where an image has several classes each
    is an item of its own, with the objects of that class.

    Beside the model's numbers stand those of a map that looks at no pixel (``centre_*``, a Gaussian in the middle).
    After evaluation ``details`` holds everything as plain data, curves included.

    Source: specs/cam.md 4.1.

    Args:
        version: 2: mean over ``iou_thrs`` of the accuracy with all contours (``MaxBoxAccV2``). 1: accuracy at IoU .5
            with the largest contour (``MaxBoxAcc``).
        iou_thrs: Overlaps; each has its own best threshold.
        cam_interval: Between thresholds: .001 in wsolevaluation's training runs, .01 in its stand-alone tool.
        label: ``'gt'``: the class is known. ``'pred'``: an item counts only if its class scores best (Top-1
            localisation).
        fixed: Report at this threshold instead of the best (.2 in the protocol of the CAM paper).
        baseline: Whether the centre's numbers are computed.
        scoremap_dir: Also write every map to ``<scoremap_dir>/<img_id>.npy``, for upstream's evaluator.
        dump_path: Write ``details`` to this ``.json``.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'wsol'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: A setting is unknown or out of range.
    """

    default_prefix = 'wsol'

    def __init__(
        self,
        version: int = 2,
        iou_thrs: Sequence[float] = IOU_THRESHOLDS,
        cam_interval: float = 0.001,
        label: str = 'gt',
        fixed: float | None = None,
        baseline: bool = True,
        scoremap_dir: str | None = None,
        dump_path: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.thresholds = cam_thresholds(cam_interval)
        if label not in ('gt', 'pred'):
            raise ValueError(f"label={label!r}: must be 'gt' or 'pred'")
        if not len(iou_thrs) or not all(0 < iou <= 1 for iou in iou_thrs):
            raise ValueError(f'iou_thrs={tuple(iou_thrs)}: must be in (0, 1], at least one')
        if dump_path is not None and not str(dump_path).endswith('.json'):
            raise ValueError(f'dump_path={dump_path!r} must end in .json')
        # with one image: are version, overlaps and the fixed threshold sound?
        empty = np.zeros((len(iou_thrs), len(self.thresholds)), np.int64)
        max_box_acc(empty, 1, self.thresholds, iou_thrs, version, fixed)
        self.version = version
        self.iou_thrs = tuple(iou_thrs)
        self.label = label
        self.fixed = fixed
        self.baseline = baseline
        self.scoremap_dir = scoremap_dir
        self.dump_path = dump_path
        self.details: dict[str, Any] = {}
        self._centres: dict[tuple[int, int], Any] = {}

    def count(self, sample: dict) -> dict[str, Any]:
        """Localised items ``[D, T]``, those of the centre, and how many there are.

        Raises:
            KeyError: A map, label or object is missing.
            ValueError: A map is not valid; the message names the image.
        """
        table = np.zeros((len(self.iou_thrs), len(self.thresholds)), np.int64)
        centre, total = table.copy(), 0
        items = list(cam_items(sample))
        if self.scoremap_dir is not None:
            if len(items) != 1:
                raise ValueError(f'{image_name(sample)} has {len(items)} classes: score-map files are for one')
            write_scoremap(self.scoremap_dir, str(sample['img_id']), items[0].scoremap)
        for item in items:
            boxes = gt_boxes_on_map(sample, item.label, item.scoremap.shape)
            hits = box_hits(sweep_boxes(item.scoremap, self.thresholds, item.name), boxes, self.iou_thrs)
            counted = self.label == 'gt' or top_contains(sample, item.label, 1)
            table += hits[self.version - 1] * counted
            total += 1
            if self.baseline:
                middle = box_hits(self._centre(item.scoremap.shape), boxes, self.iou_thrs)
                centre += middle[self.version - 1] * counted
        return dict(hits=table, centre=centre, total=total)

    def summarise(self, table: dict[str, Any]) -> dict[str, float]:
        """Accuracy in percent and the best thresholds."""
        parts = dict(model=table['hits'], **(dict(centre=table['centre']) if self.baseline else {}))
        results = {
            name: max_box_acc(counts, int(table['total']), self.thresholds, self.iou_thrs, self.version, self.fixed)
            for name, counts in parts.items()
        }
        score = 'MaxBoxAcc' if self.version == 1 else 'MaxBoxAccV2'
        self.details = {
            'version': self.version,
            'label': self.label,
            'items': int(table['total']),
            'iou_thrs': list(self.iou_thrs),
            'thresholds': self.thresholds.tolist(),
            **{
                name: {key: value.tolist() if hasattr(value, 'tolist') else value for key, value in result.items()}
                for name, result in results.items()
            },
        }
        if self.dump_path is not None:
            write_json(self.details, self.dump_path)
        names = [f'{100 * iou:g}' for iou in self.iou_thrs]
        rows = [
            [name, result['score'], *result['acc'].tolist(), ', '.join(f'{t:.3g}' for t in result['threshold'])]
            for name, result in results.items()
        ]
        print_log(
            '\n' + format_table(['map', score, *(f'IoU {name}' for name in names), 'thresholds'], rows),
            logger='current',
        )
        out = {score: results['model']['score']}
        for name, acc, threshold in zip(names, results['model']['acc'], results['model']['threshold'], strict=True):
            out[f'BoxAcc{name}'], out[f'threshold{name}'] = float(acc), float(threshold)
        if self.baseline:
            out[f'centre_{score}'] = results['centre']['score']
        return out

    def _centre(self, shape: tuple[int, int]) -> Any:
        if shape not in self._centres:
            if len(self._centres) > 64:  # maps of the size of their images
                self._centres.clear()
            self._centres[shape] = sweep_boxes(centre_scoremap(*shape), self.thresholds)
        return self._centres[shape]


def gt_boxes_on_map(sample: dict, label: int, size: tuple[int, int]) -> np.ndarray:
    """Objects of a class in pixels of a map.

    Args:
        sample: With ``gt_instances`` in pixels of the image and ``ori_shape``.
        label: Class id.
        size: (H, W) of the map.

    Returns:
        ``[m, 4]`` int64, at least one.

    Raises:
        KeyError: The image has no ``gt_instances``.
        ValueError: It has none of the class.
    """
    if 'gt_instances' not in sample:
        raise KeyError(
            f'{image_name(sample)} has no gt_instances: set test_mode=True on the data set; where it has masks instead '
            'of boxes use PxAPMetric'
        )
    boxes, labels = (sample['gt_instances'][key] for key in ('bboxes', 'labels'))
    boxes = np.asarray(getattr(boxes, 'tensor', boxes).cpu(), np.float64).reshape(-1, 4)
    boxes = boxes[np.asarray(labels.cpu()) == label]
    if not len(boxes):
        raise ValueError(f'{image_name(sample)} has the label {label} but no box of it: leave it out of the data set')
    height, width = sample['ori_shape'][:2]
    return resize_boxes(boxes.clip(min=0), (width, height), (size[1], size[0]))
