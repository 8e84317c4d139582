"""What the stages of a pipeline have written, finished or not."""

import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wsod_mm.datasets.cam_file import CamMaps, read_cams
from wsod_mm.datasets.instance_file import InstanceArrays, read_instances
from wsod_mm.functional.cam_maps import predict_labels
from wsod_mm.functional.confusion import confusion_matrix, iou_from_confusion, label_table, mean_iou
from wsod_mm.utils.label_png import read_label_png

from .image_lists import ImageLists
from .label_sources import LABEL_MAPS

__all__ = ['ImageIoU', 'WeakSegResults']


class ImageIoU(NamedTuple):
    """How good one label map is, in percent.

    Attributes:
        mean: Over the labels that the truth has, with the background. (A single image often lacks one: what is falsely
            there takes pixels from the others, and is not a zero of its own.) NaN when no pixel counts.
        labels: Of each label that the truth or the map has: label (0 background, class id + 1) -> IoU.
    """

    mean: float
    labels: dict[int, float]


class WeakSegResults:
    """Reads the folder of a pipeline; every stage but ``images`` may be missing or half done.

    Attributes:
        root: The folder.
        images: Lists and classes.
        metrics: ``evaluate/metrics.json``; empty where nothing was evaluated.

    Args:
        root: The folder.

    Raises:
        FileNotFoundError: If the stage ``images`` is not done.
        ValueError: If a JSON file is damaged.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)
        path = self.root / 'images' / 'images.json'
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} is not there: give the folder of a pipeline, or make it with '
                f'tools/weak_seg.py CONFIG --work-dir {root}'
            )
        self.images = ImageLists.read(path)
        self.metrics = self.json('evaluate/metrics.json')

    def json(self, name: str) -> dict[str, Any]:
        """A file below the folder; empty where it is missing.

        Raises:
            ValueError: If it is no JSON.
        """
        path = self.root / name
        try:
            return json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ValueError(f'{path} is not JSON ({error}); delete it, and its stage makes it again') from None

    @functools.cached_property
    def label_maps(self) -> dict[str, str]:
        """Stages that have made label maps -> name of these maps."""
        return {key: name for key, name in LABEL_MAPS.items() if next(self._folder(key).glob('**/*.png'), None)}

    @property
    def ids(self) -> tuple[str, ...]:
        """Images worth looking at: those evaluated, or else all that get masks."""
        return self.images.lists['eval' if 'truth' in self.metrics else 'infer']

    def check_ids(self, names: Sequence[str]) -> list[str]:
        """Refuse images that the pipeline does not have.

        Raises:
            ValueError: If there is one.
        """
        for name in names:
            if name not in self.images.records:
                raise ValueError(
                    f'{self.root} has no image {name!r}; names are ids of images.json, such as '
                    f'{next(iter(self.images.records), "none")!r}'
                )
        return list(names)

    def cams(self, img_id: str) -> CamMaps | None:
        """CAMs of an image; ``None`` where they are not made."""
        path = self.root / 'cam' / 'maps' / f'{img_id}.npz'
        return read_cams(path) if path.is_file() else None

    def label_map(self, key: str, img_id: str) -> np.ndarray | None:
        """Label map of a stage, ``[H, W]`` uint8; ``None`` where it is not made.

        ``'cam'`` has one too: that of the fixed background of the evaluation.
        """
        if key == 'cam':
            maps, background = self.cams(img_id), self.cam_background
            if maps is None or background is None:
                return None
            cams, keys = torch.from_numpy(maps.cams), torch.from_numpy(maps.keys)
            return predict_labels(cams, keys, background).numpy().astype(np.uint8)
        path = self._folder(key) / f'{img_id}.png'
        return read_label_png(path) if path.is_file() else None

    def instances(self, img_id: str) -> InstanceArrays | None:
        """Instances of an image; ``None`` where they are not made."""
        path = self.root / 'ins_seg' / 'instances' / f'{img_id}.npz'
        return read_instances(path) if path.is_file() else None

    def boundary(self, img_id: str) -> np.ndarray | None:
        """IRN's boundary map of an image, ``[h, w]`` in [0, 1] in steps of 1/255; ``None`` where it is not made."""
        path = self.root / 'sem_seg' / 'boundary' / f'{img_id}.png'
        if not path.is_file():
            return None
        with Image.open(path) as picture:
            return np.asarray(picture.convert('L'), np.float32) / 255

    @property
    def cam_background(self) -> float | None:
        """Fixed background with which CAMs were evaluated."""
        found = [entry.get('threshold') for entry in self.metrics.get('sources', ()) if entry['key'] == 'cam']
        return found[0] if found else None

    def truth(self, img_id: str) -> np.ndarray | None:
        """True label map in the labels of the pipeline, ``[H, W]`` uint8; ``None`` without."""
        found = self.metrics.get('truth')
        path = Path(found['gt_dir'], f'{img_id}.png') if found else None
        if path is None or not path.is_file():
            return None
        label, table = read_label_png(path), self._truth_table
        return label if table is None else table[torch.from_numpy(label).long()].clamp(max=255).numpy().astype(np.uint8)

    def iou(self, img_id: str, label: np.ndarray, truth: np.ndarray) -> ImageIoU:
        """Compare a label map of an image with its truth.

        Args:
            img_id: The image, for messages.
            label: ``[H, W]`` uint8.
            truth: The same.

        Raises:
            ValueError: If their sizes differ, or a label is no class.
        """
        try:
            confusion = confusion_matrix(torch.from_numpy(label), torch.from_numpy(truth), len(self.images.classes) + 1)
        except ValueError as error:
            raise ValueError(f'image {img_id!r} of {self.root}: {error}') from None
        iou = 100 * iou_from_confusion(confusion)
        return ImageIoU(
            float(mean_iou(iou[confusion.sum(dim=1) > 0])), {i: float(v) for i, v in enumerate(iou) if not v.isnan()}
        )

    def ranked(self, key: str) -> list[tuple[float, str]]:
        """Images of the evaluation from the worst to the best label map, with their mean IoU; ties by id.

        Args:
            key: Stage of the label maps.
        """
        found = []
        for img_id in self.ids:
            truth, label = self.truth(img_id), self.label_map(key, img_id)
            if truth is not None and label is not None:
                found.append((self.iou(img_id, label, truth).mean, img_id))
        return sorted(entry for entry in found if entry[0] == entry[0])

    def _folder(self, key: str) -> Path:
        return self.root / key / 'masks'

    @functools.cached_property
    def _truth_table(self) -> Tensor | None:
        found = self.metrics['truth']
        if found.get('gt_classes') is None:
            return None
        return label_table(found['gt_classes'], self.images.classes, found['gt_other'])
