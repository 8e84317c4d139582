"""Pixel average precision of score maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsod_mm.functional.pxap import IGNORED, pxap, pxap_gt_mask, pxap_histograms
from wsod_mm.functional.wsol_metrics import centre_scoremap
from wsod_mm.registry import METRICS
from wsod_mm.utils.io import write_json
from wsod_mm.utils.label_png import read_label_png

from .cam_items import cam_items, image_name, top_contains
from .count_table_metric import CountTableMetric

__all__ = ['PxAPMetric', 'read_mask']


@METRICS.register_module()
class PxAPMetric(CountTableMetric):
    """Average precision of all pixels of the data set, from histograms.

    Reads ``pred_cam`` and ``gt_label`` as :class:`.MaxBoxAccMetric` does, and the truth from files: the masks of the
    objects that ``WSOLMetaDataset`` and ``PackWSOLInputs`` name (``mask_paths``, ``ignore_path``), or label PNGs as of
    VOC (``label_dir``), where the object is all pixels of the item's class. Beside it the number of the centre's map.

    Source: specs/cam.md 4.2.

    Args:
        cam_interval: Between thresholds.
        label: As of ``MaxBoxAccMetric``; ``'pred'``: a wrongly classified image's map is all zeros.
        label_dir: Folder of ``<img_id>.png``: 0 background, class id + 1, 255 ignored. Images without file do not
            count.
        label_classes: Names of the labels in those files where they are not the classes of the data set.
        baseline: Whether the centre's number is computed.
        dump_path: Write ``details`` to this ``.json``.
        collect_device: ``'cpu'`` or ``'gpu'``.
        prefix: Replaces ``'wsol'``.
        collect_dir: Folder shared by the ranks, for ``collect_device='cpu'``.

    Raises:
        ValueError: A setting is unknown.
    """

    default_prefix = 'wsol'

    def __init__(
        self,
        cam_interval: float = 0.001,
        label: str = 'gt',
        label_dir: str | None = None,
        label_classes: Sequence[str] | None = None,
        baseline: bool = True,
        dump_path: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if label not in ('gt', 'pred'):
            raise ValueError(f"label={label!r}: must be 'gt' or 'pred'")
        if dump_path is not None and not str(dump_path).endswith('.json'):
            raise ValueError(f'dump_path={dump_path!r} must end in .json')
        self.cam_interval = cam_interval
        self.label = label
        self.label_dir = label_dir
        self.label_classes = None if label_classes is None else list(label_classes)
        self.baseline = baseline
        self.dump_path = dump_path
        self.details: dict[str, Any] = {}

    def count(self, sample: dict) -> dict[str, Any]:
        """Histograms over object and background, of the map and of the centre, and the number of items."""
        table: dict[str, Any] = dict(items=0)
        for item in cam_items(sample):
            truth = self._truth(sample, item.label, item.scoremap.shape)
            if truth is None:
                continue
            scoremap = item.scoremap
            if self.label == 'pred' and not top_contains(sample, item.label, 1):
                scoremap = np.zeros_like(scoremap)
            found = dict(model=scoremap)
            if self.baseline:
                found['centre'] = centre_scoremap(*scoremap.shape)
            for name, each in found.items():
                pair = pxap_histograms(each, truth, self.cam_interval, item.name)
                table[name] = table.get(name, 0) + np.stack(pair)
            table['items'] += 1
        return table if table['items'] else dict(items=0, **self._nothing())

    def summarise(self, table: dict[str, Any]) -> dict[str, float]:
        """``PxAP`` and ``centre_PxAP`` in percent.

        Raises:
            ValueError: No image has a mask.
        """
        if not table['items']:
            raise ValueError(f'no image of the evaluated set has a mask (label_dir={self.label_dir!r})')
        results = {name: pxap(*table[name]) for name in ('model', 'centre') if name in table}
        self.details = {
            'items': int(table['items']),
            **{
                name: dict(PxAP=result.score, precision=result.precision.tolist(), recall=result.recall.tolist())
                for name, result in results.items()
            },
        }
        if self.dump_path is not None:
            write_json(self.details, self.dump_path)
        return {{'model': 'PxAP', 'centre': 'centre_PxAP'}[name]: result.score for name, result in results.items()}

    def _nothing(self) -> dict[str, np.ndarray]:
        zeros = np.stack(pxap_histograms(np.zeros((1, 1)), np.full((1, 1), IGNORED), self.cam_interval))
        return {name: zeros for name in ('model', *(('centre',) * self.baseline))}

    def _truth(self, sample: dict, label: int, size: tuple[int, int]) -> np.ndarray | None:
        if self.label_dir is None:
            paths = sample.get('mask_paths')
            if not paths:
                raise KeyError(
                    f'{image_name(sample)} has no mask_paths: use WSOLMetaDataset with masks and PackWSOLInputs, or '
                    'give PxAPMetric a label_dir'
                )
            masks = [read_mask(path) for path in paths]
            ignore = read_mask(sample['ignore_path']) if sample.get('ignore_path') else None
        else:
            path = Path(self.label_dir) / f'{sample["img_id"]}.png'
            if not path.is_file():
                if not Path(self.label_dir).is_dir():
                    raise FileNotFoundError(f'no folder {self.label_dir}; correct label_dir')
                return None
            labels = read_label_png(path)
            masks, ignore = [labels == self._number(label)], labels == IGNORED
        return pxap_gt_mask(masks, ignore, (size[1], size[0]))

    def _number(self, label: int) -> int:
        """What a class is called in the label PNGs."""
        if self.label_classes is None:
            return label + 1
        name = self.dataset_meta['classes'][label]
        if name not in self.label_classes:
            raise ValueError(f'class {name!r} of the data set is not among label_classes={self.label_classes}')
        return self.label_classes.index(name) + 1


def read_mask(path: str) -> np.ndarray:
    """Mask of an object: ``[H, W]`` uint8, above 0 inside.

    Raises:
        FileNotFoundError: There is no such file.
    """
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert('L'))
    except FileNotFoundError:
        raise FileNotFoundError(f'no mask {path}; correct mask_root or localization.txt') from None
