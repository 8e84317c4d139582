"""Boxes, masks and heat maps from a classifier, for users of Python."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from wsod_mm.apis.config import UsageError
from wsod_mm.apis.image_paths import find_images
from wsod_mm.apis.image_pipeline import ImagePipeline
from wsod_mm.apis.model_loading import load_model
from wsod_mm.explain.layer_hooks import LayerHooks
from wsod_mm.explain.layers import TargetLayer
from wsod_mm.functional.box_rule import BoxRule, box_rule
from wsod_mm.functional.cam_placement import cam_placement, place_score_map
from wsod_mm.functional.scoremap_boxes import boxes_from_scoremap, mask_from_scoremap
from wsod_mm.models.detectors.cam_test_options import CAMTestOptions

__all__ = ['CAMInferencer', 'CAMResult']

OUTPUTS = ('boxes', 'masks', 'heatmap')

Image = str | os.PathLike | np.ndarray


class CAMResult(NamedTuple):
    """What was found in an image, on the CPU; what was not asked for is ``None``.

    Attributes:
        labels: ``[n]`` int64: the class of every box, mask or map; a class can have several boxes.
        scores: ``[n]`` float32: its probability.
        bboxes: ``[n, 4]`` float32, 0-based inclusive corners in pixels of the original image.
        cam_scores: ``[n]`` float32: what the rule reads off the map in the box, by default its mean.
        masks: ``[n, H, W]`` bool, of the original image.
        heatmaps: ``[n, H, W]`` float32 in [0, 1], of the original image.
    """

    labels: Tensor
    scores: Tensor
    bboxes: Tensor | None = None
    cam_scores: Tensor | None = None
    masks: Tensor | None = None
    heatmaps: Tensor | None = None


class CAMInferencer:
    """Says where the classes of an image are, from class activation maps.

    Works with :class:`~wsod_mm.models.classifiers.ImageClassifier` and
    :class:`~wsod_mm.models.detectors.CAMLocalizer`; of the latter, ``test_cfg`` gives the defaults below. Resizing,
    crops and padding of the test pipeline are undone. Gradients are neither needed nor made.

    Args:
        config: That of the model, or its path.
        checkpoint: Its weights.
        device: For instance ``'cuda:1'``; ``None``: the GPU if there is one.
        classes: Which classes: ``'pred'``: the best; ``'topk:5'``; ``'all_above:0.5'``; or class ids. ``None``: as in
            ``test_cfg``; of a classifier ``'all_above:0.5'`` with several labels per image, else ``'pred'``.
        rule: How boxes and masks are read off a map, a preset or a rule; ``None``: as in ``test_cfg``, or
            ``'default'``.
        options: Overrides of settings of the config, dotted key -> value.

    Raises:
        FileNotFoundError: A file is missing.
        CheckpointError: The checkpoint is damaged or another model's.
        UsageError: The model has no class activation maps, or the config no test pipeline.
        ValueError: ``classes`` or ``rule`` is unknown.
    """

    def __init__(
        self,
        config: str | os.PathLike | Config,
        checkpoint: str | os.PathLike,
        device: str | None = None,
        classes: str | Sequence[int] | None = None,
        rule: str | BoxRule | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.model, self.config, self.classes = load_model(config, checkpoint, device, options)
        self.head = getattr(self.model, 'cam_head', None) or getattr(self.model, 'head', None)
        if self.head is None or not hasattr(self.model, 'class_activation_maps'):
            raise UsageError(
                f'{type(self.model).__name__} has no class activation maps; give an ImageClassifier or a CAMLocalizer '
                '(tools/vis_cam.py explains detectors)'
            )
        self.options = self._options(classes, rule)
        self.pipeline = ImagePipeline(self.config)

    def __call__(
        self,
        images: Image | Sequence[Image],
        to: str = 'boxes',
        batch_size: int = 8,
        bgr: bool = False,
        **changes: Any,
    ) -> list[CAMResult]:
        """Look at images.

        Args:
            images: Files, folders, or uint8 arrays ``[H, W, 3]`` (or ``[H, W]``), one or several.
            to: ``'boxes'``, ``'masks'`` or ``'heatmap'``.
            batch_size: Images in a forward pass.
            bgr: Whether arrays are BGR instead of RGB.
            **changes: Settings of the rule, such as ``threshold=0.3``.

        Returns:
            A result per image.

        Raises:
            FileNotFoundError: An image does not exist.
            ValueError: An image is broken, or an argument is wrong.
        """
        if to not in OUTPUTS:
            raise ValueError(f'to={to!r}: must be one of {", ".join(map(repr, OUTPUTS))}')
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}: must be at least 1')
        rule = box_rule(self.options.rule, **changes)
        given = [images] if isinstance(images, str | os.PathLike | np.ndarray) else list(images)
        every: list[Image] = []
        for image in given:
            every += [image] if isinstance(image, np.ndarray) else find_images(image)
        results: list[CAMResult] = []
        for first in range(0, len(every), batch_size):
            results += self._batch(every[first : first + batch_size], first, to, rule, bgr)
        return results

    @torch.no_grad()
    def _batch(self, images: list[Image], first: int, to: str, rule: BoxRule, bgr: bool) -> list[CAMResult]:
        loaded = [self.pipeline(image, first + i, bgr) for i, image in enumerate(images)]
        inputs, samples = self.pipeline.batch(self.model, loaded)
        feature, logits = self._features(inputs, samples)
        scores = self.head.scores(logits)
        results = []
        for k, wanted in enumerate(self.options.choose(scores, [None] * len(scores))):
            cams = self._cams(feature[k : k + 1], wanted)
            maps = self._placed(cams, (inputs.shape[2], inputs.shape[3]), samples[k], rule)
            results.append(self._result(maps.cpu(), wanted, scores[k].cpu(), to, rule))
        return results

    def _features(self, inputs: Tensor, samples: list[Any]) -> tuple[Tensor, Tensor]:
        """Features ``[B, D, h, w]`` and logits ``[B, C]`` from one forward pass."""
        kept: list[Tensor] = []
        with LayerHooks([TargetLayer('backbone', self.model.backbone, -1)], lambda i, tensor: kept.append(tensor)):
            logits = self.model(inputs, samples)
        return kept[-1], logits

    def _cams(self, feature: Tensor, wanted: list[int]) -> Tensor:
        """Raw maps ``[n, h, w]`` of an image."""
        if hasattr(self.head, 'class_cams') and wanted:
            return self.head.class_cams(feature, torch.tensor([wanted], device=feature.device))[0]
        return self.head.activation_maps(feature)[0, wanted]

    def _placed(self, cams: Tensor, input_size: tuple[int, int], sample: Any, rule: BoxRule) -> Tensor:
        """Score maps ``[n, H, W]`` of the original image."""
        size, shape = tuple(sample.ori_shape[:2]), tuple(sample.img_shape[:2])
        if sample.metainfo.get('flip'):
            raise UsageError('the test pipeline flips images; take the flip out')
        homography = None if self.options.stretch else sample.metainfo.get('homography_matrix')
        placement = cam_placement(tuple(cams.shape[1:]), input_size, shape, size, size, homography)
        return place_score_map(cams, placement, size, rule.dialect)

    def _result(self, maps: Tensor, wanted: list[int], scores: Tensor, to: str, rule: BoxRule) -> CAMResult:
        labels = torch.tensor(wanted, dtype=torch.long)
        probabilities = scores[labels].float()
        if to == 'heatmap':
            heat = maps.float() / 255 if maps.dtype == torch.uint8 else maps.float()
            return CAMResult(labels, probabilities, heatmaps=heat)
        if to == 'masks':
            masks = torch.zeros(maps.shape, dtype=torch.bool)
            for mask, each in zip(masks, maps, strict=True):
                mask[:] = torch.from_numpy(mask_from_scoremap(each, rule))
            return CAMResult(labels, probabilities, masks=masks)
        found = [boxes_from_scoremap(each, rule) for each in maps]
        counts = torch.tensor([len(each.bboxes) for each in found], dtype=torch.long)
        boxes = torch.cat([each.bboxes for each in found]) if found else torch.zeros(0, 4)
        if rule.corners == 'outer':
            boxes = boxes - boxes.new_tensor([0, 0, 1, 1])  # from edges of pixels to inclusive corners
        inside = torch.cat([each.scores for each in found]) if found else torch.zeros(0)
        scores = probabilities.repeat_interleave(counts)
        if self.options.box_score == 'product':
            scores = scores * inside
        return CAMResult(labels.repeat_interleave(counts), scores, boxes, inside)

    def _options(self, classes: str | Sequence[int] | None, rule: str | BoxRule | None) -> CAMTestOptions:
        options = getattr(self.model, 'test_options', None)
        if options is None:
            several = getattr(self.head, 'loss_type', 'ce') == 'bce'
            options = CAMTestOptions.read(dict(cam_class='all_above:0.5' if several else 'pred'))
        elif options.cam_class == 'gt':
            options = replace(options, cam_class='topk:1')  # images alone have no labels
        if classes is not None:
            cam_class = classes if isinstance(classes, str) else list(classes)
            if cam_class == 'gt':
                raise ValueError("classes='gt': images alone have no labels; give class ids")
            options = replace(options, cam_class=CAMTestOptions.read(dict(cam_class=cam_class)).cam_class)
        if rule is not None:
            options = replace(options, rule=box_rule(rule, score='mean', empty_box=False))
        return options
