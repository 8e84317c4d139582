"""Pictures of what a model looks at in image files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from PIL import Image
from torch import Tensor

from wsod_mm.apis.image_pipeline import ImagePipeline
from wsod_mm.datasets.image_file import read_image_size
from wsod_mm.functional.box_cams import cams_in_boxes
from wsod_mm.functional.cam_localization import normalize_cam
from wsod_mm.functional.cam_placement import cam_placement, place_score_map
from wsod_mm.proposals.baselines import grid_proposals
from wsod_mm.proposals.store import ProposalStore
from wsod_mm.utils.io import atomic_write

from .class_target import ClassTarget
from .detection_target import DetectionTarget
from .draw import draw_cam
from .grad_cam_package import GradCAMPackage
from .methods import make_cam
from .scorers import ModelScorer
from .targets import Targets
from .token_reshape import TokenReshape

__all__ = ['Picture', 'PictureMaker']

PACKAGE = 'grad-cam:'


class Picture(NamedTuple):
    """A picture.

    Attributes:
        name: File name that says image, method and class.
        text: What is explained.
        pixels: ``[H, W, 3]`` uint8 RGB.
        cam: ``[h, w]`` float32 in [0, 1], the map of the original image.
    """

    name: str
    text: str
    pixels: np.ndarray
    cam: np.ndarray

    def save(self, path: str | os.PathLike) -> None:
        """Write the picture, atomically."""
        with atomic_write(path, Path(path).suffix or '.jpg') as temporary:
            Image.fromarray(self.pixels).save(temporary, quality=92)


class PictureMaker:
    """Explains image files and draws the maps over them.

    Of a detector, the boxes that it finds are explained together and drawn, with the map brought to [0, 1] anew in each
    of them; where it finds none, its best class.

    Args:
        scorer: Of the model.
        config: Of the model, with a test pipeline.
        classes: Names of the classes, if known.
        method: A name of ``CAM_METHODS``, or ``'grad-cam:'`` and a class of that package.
        target_layers: See :class:`.base_cam.BaseCAM`.
        categories: 0-based classes, one picture each; ``None``: the best class, or all boxes.
        aug_smooth: See ``BaseCAM``.
        eigen_smooth: Likewise.
        fusion: Likewise.
        max_shape: Likewise.
        num_extra_tokens: The layers put out tokens with so many extra ones; ``None``: maps.
        topk: At most so many boxes.
        score_thr: Boxes below are left out.
        norm_in_boxes: Zero outside of the boxes, and [0, 1] in each.
        proposals: File of ``tools/proposals.py`` with the images' names as ids; ``None``: a grid of windows.
        batch_size: Of ScoreCAM and AblationCAM.

    Raises:
        ValueError: A setting is wrong.
    """

    def __init__(
        self,
        scorer: ModelScorer,
        config: Config,
        classes: Sequence[str] | None = None,
        method: str = 'GradCAM',
        target_layers: Sequence[str] | None = None,
        categories: Sequence[int] | None = None,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
        fusion: str = 'mean',
        max_shape: int | None = None,
        num_extra_tokens: int | None = None,
        topk: int = 10,
        score_thr: float = 0.3,
        norm_in_boxes: bool = True,
        proposals: str | os.PathLike | None = None,
        batch_size: int = 32,
    ) -> None:
        if topk < 1:
            raise ValueError(f'topk={topk}: must be at least 1')
        self.scorer = scorer
        self.classes = classes
        self.method = method.removeprefix(PACKAGE)
        self.categories = categories
        self.smoothing = dict(aug_smooth=aug_smooth, eigen_smooth=eigen_smooth)
        self.topk, self.score_thr, self.norm_in_boxes = topk, score_thr, norm_in_boxes
        reshape = None if num_extra_tokens is None else TokenReshape(num_extra_tokens)
        if method.startswith(PACKAGE):
            self.cam: Any = GradCAMPackage(self.method, scorer, target_layers, reshape)
        else:
            self.cam = make_cam(
                method,
                scorer,
                target_layers,
                batch_size=batch_size,
                reshape=reshape,
                fusion=fusion,
                max_shape=max_shape,
            )
        self.pipeline = ImagePipeline(config)
        self.store = None if proposals is None else ProposalStore.load(proposals)

    def __call__(self, path: str | os.PathLike) -> list[Picture]:
        """Pictures of an image.

        Args:
            path: The file.

        Returns:
            One per category, or one.

        Raises:
            ValueError: The file is broken, a class does not exist, or the image has no proposals in the file.
        """
        loaded = self.pipeline(path, proposals=self._proposals(path) if self.pipeline.needs_proposals else None)
        inputs, samples = self.pipeline.batch(self.scorer.model, [loaded])
        fixed = self.scorer.prepare(inputs, samples)
        found = self._detections(inputs, fixed)
        pictures = []
        for category in self.categories or [None]:
            boxes = found if category is None or found is None else found[found.labels == category]
            target, text = self._target(category, boxes)
            cam = self.cam(inputs, target, fixed, **self.smoothing)[0]
            if text is None:
                text = self._name(self._explained(target))
            cam = self._on_original(cam, samples[0], tuple(inputs.shape[-2:]))
            pictures.append(self._picture(Path(path), category, text, loaded.pixels, cam, boxes, samples[0]))
        return pictures

    def _detections(self, inputs: Tensor, fixed: list[Any]) -> InstanceData | None:
        if not self.scorer.detects:
            return None
        found = self.scorer.detect(inputs, fixed)[0]
        found = found[found.scores >= self.score_thr]
        if self.categories:
            found = found[(found.labels[:, None] == found.labels.new_tensor(self.categories)).any(dim=1)]
        return found[found.scores.sort(descending=True, stable=True).indices[: self.topk]]

    def _target(self, category: int | None, boxes: InstanceData | None) -> tuple[Targets, str | None]:
        if boxes is not None and len(boxes):
            return DetectionTarget(boxes.bboxes, boxes.labels), ', '.join(self._texts(boxes))
        if category is None:
            return None, None
        return ClassTarget(category), self._name(category)

    def _explained(self, target: Targets) -> int | None:
        chosen = target if target is not None else (getattr(self.cam, 'targets', None) or [None])[0]
        return getattr(chosen, 'category', None)

    def _texts(self, boxes: InstanceData) -> list[str]:
        rows = zip(boxes.labels.tolist(), boxes.scores.tolist(), strict=True)
        return [f'{self._name(category)} {score:.2f}' for category, score in rows]

    def _name(self, category: int | None) -> str:
        if category is None:
            return 'best class'
        known = self.classes is not None and 0 <= category < len(self.classes)
        return self.classes[category] if known else f'class {category}'

    def _on_original(self, cam: Tensor, sample: Any, input_size: tuple[int, int]) -> Tensor:
        """``[H, W]`` in [0, 1] of the original image."""
        size = tuple(sample.ori_shape[:2])
        placement = cam_placement(
            input_size, input_size, tuple(sample.img_shape[:2]), size, size, sample.metainfo.get('homography_matrix')
        )
        return place_score_map(cam[None], placement, size, 'max')[0].float().cpu()

    def _picture(
        self,
        path: Path,
        category: int | None,
        text: str,
        pixels: np.ndarray,
        cam: Tensor,
        boxes: InstanceData | None,
        sample: Any,
    ) -> Picture:
        drawn = dict()
        if boxes is not None and len(boxes):
            factors = boxes.bboxes.new_tensor(sample.metainfo.get('scale_factor', (1.0, 1.0))).repeat(2)
            corners = (boxes.bboxes / factors).cpu()
            if self.norm_in_boxes:
                cam = normalize_cam(cams_in_boxes(cam, corners), 'max')
            texts = self._texts(boxes)
            drawn = dict(boxes=corners.numpy(), labels=boxes.labels.cpu().numpy(), texts=texts)
        picture = draw_cam(pixels, cam, **drawn)
        suffix = '' if category is None else f'_{category}'
        name = f'{path.stem}_{self.method.lower()}{suffix}.jpg'
        return Picture(name, text, picture, torch.as_tensor(cam).numpy())

    def _proposals(self, path: str | os.PathLike) -> dict[str, np.ndarray]:
        if self.store is None:
            height, width = read_image_size(path)
            boxes = grid_proposals(width, height)
            return dict(bboxes=boxes, scores=np.ones(len(boxes), np.float32))
        try:
            boxes, scores = self.store.get(Path(path).stem)
        except KeyError as error:
            raise ValueError(f'{path}: {error.args[0]}') from error
        return dict(bboxes=boxes, scores=scores)
