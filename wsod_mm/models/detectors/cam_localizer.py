"""A classifier that says where: scores, heat maps and boxes from one forward pass."""

from typing import Any

import torch
from mmdet.models import BaseDetector
from mmdet.structures import OptSampleList, SampleList
from mmengine.structures import InstanceData, LabelData, PixelData
from torch import Tensor

from wsod_mm.functional.cam_placement import cam_placement, place_score_map
from wsod_mm.functional.scoremap_boxes import ScoremapBoxes, boxes_from_scoremaps
from wsod_mm.models.classifiers.image_classifier import valid_cells
from wsod_mm.registry import MODELS

from .cam_test_options import CAMTestOptions, positive_labels

__all__ = ['CAMLocalizer']


@MODELS.register_module()
class CAMLocalizer(BaseDetector):
    """Image classifier whose class activation maps are turned into boxes.

    Trained from image labels (``gt_label.score``, one-hot, multi-hot or shares). For the methods that need the
    features in their loss the head has ``feature_loss``. At test time every image gets

    * ``pred_label``: ``score [C]`` and ``label`` (the best class; with ``loss='bce'`` all above .5),
    * ``pred_cam``: ``cam [n, H, W]`` in [0, 1], of the classes in its meta information ``labels``; it shows the whole
      original image, whatever was cropped and resized before,
    * ``pred_instances``: ``bboxes`` (0-based inclusive corners, original pixels, as of all our weak detectors),
      ``labels``, ``scores`` (see ``box_score``) and ``cam_scores`` (mean of the map in the box),
    * ``top1_instances`` when asked for: the best box of every class.

    Source: specs/cam.md 1, 2, 3 and 7.

    Args:
        backbone: Config of the backbone.
        cam_head: Config of the head: ``CAMHead``, ``ACoLHead`` or ``SPGHead``.
        data_preprocessor: Config of the preprocessor; ``HideAndSeek`` and ``CutMix`` are its ``batch_augments``.
        train_cfg: Accepted for base configs; must be empty.
        test_cfg: See :class:`.cam_test_options.CAMTestOptions`.
        init_cfg: MMEngine initialisation.

    Raises:
        ValueError: ``train_cfg`` holds settings, or ``test_cfg`` unknown ones.
    """

    def __init__(
        self,
        backbone: dict,
        cam_head: dict,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if train_cfg:
            raise ValueError('CAMLocalizer has no train_cfg; configure its head')
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.cam_head = MODELS.build(cam_head)
        self.test_options = CAMTestOptions.read(test_cfg)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the backbone."""
        return self.backbone(batch_inputs)

    def _forward(self, batch_inputs: Tensor, batch_data_samples: OptSampleList = None) -> Tensor:
        """Logits ``[N, C]``."""
        feature = self.extract_feat(batch_inputs)[-1]
        return self.cam_head(feature, valid_cells(feature, batch_inputs, batch_data_samples))

    def class_activation_maps(self, inputs: Tensor) -> Tensor:
        """Maps of all classes ``[N, C, h, w]``, at least 0, on the grid of the backbone; as ``ImageClassifier`` has."""
        return self.cam_head.activation_maps(self.extract_feat(inputs)[-1])

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            batch_inputs: ``[N, 3, H, W]``.
            batch_data_samples: With ``gt_label.score [C]`` and, optionally, ``gt_label.weight [C]``.

        Returns:
            The head's losses; with one class per image also ``acc``, the percentage of images whose best class is
            right (of shares the largest).

        Raises:
            ValueError: Labels and head have different numbers of classes.
        """
        features = self.extract_feat(batch_inputs)
        valid = valid_cells(features[-1], batch_inputs, batch_data_samples)
        labels = [sample.gt_label for sample in batch_data_samples]
        target = torch.stack([label.score for label in labels])
        if target.shape[1] != self.cam_head.num_classes:
            raise ValueError(
                f'the data set labels {target.shape[1]} classes, the head was configured with '
                f'num_classes={self.cam_head.num_classes}'
            )
        if hasattr(self.cam_head, 'feature_loss'):
            return self.cam_head.feature_loss(features, target, valid)
        weight = None
        if any('weight' in label for label in labels):
            weight = torch.stack([label.get('weight', torch.ones_like(label.score)) for label in labels])
        logits = self.cam_head(features[-1], valid)
        losses = self.cam_head.loss(logits, target, weight)
        if not self._multi_label:
            hits = logits.detach().argmax(dim=1) == target.argmax(dim=1)
            losses['acc'] = 100 * hits.float().mean()
        return losses

    @torch.no_grad()
    def predict(self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True) -> SampleList:
        """Scores, maps and boxes of a batch.

        Args:
            batch_inputs: ``[N, 3, H, W]``.
            batch_data_samples: With ``img_shape``, ``ori_shape`` and, where the image was cropped,
                ``homography_matrix`` (see ``PackWeakInputs``).
            rescale: ``False``: maps and boxes in pixels of the network input.

        Returns:
            The data samples, see the class.

        Raises:
            ValueError: Labels are asked for and missing, or the image was flipped.
        """
        options = self.test_options
        feature = self.extract_feat(batch_inputs)[-1]
        scores = self.cam_head.scores(self.cam_head(feature, valid_cells(feature, batch_inputs, batch_data_samples)))
        wanted = options.choose(scores, positive_labels(batch_data_samples))
        every = list(range(self.cam_head.num_classes))
        computed = [every if options.top1_instances else ids for ids in wanted]
        longest = max(max(map(len, computed)), 1)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in computed], device=feature.device)
        cams = self.cam_head.class_cams(feature, ids)
        for k, sample in enumerate(batch_data_samples):
            maps = self._placed(cams[k, : len(computed[k])], tuple(batch_inputs.shape[2:]), sample, rescale)
            self._fill(sample, scores[k], wanted[k], computed[k], maps, rescale)
        return batch_data_samples

    def _fill(
        self, sample: Any, scores: Tensor, wanted: list[int], computed: list[int], maps: Tensor, rescale: bool
    ) -> None:
        """Write the results of an image from its score maps ``[len(computed), H, W]``."""
        options = self.test_options
        best = (scores > 0.5).nonzero().flatten() if self._multi_label else scores.argmax(dim=0, keepdim=True)
        sample.pred_label = LabelData(score=scores, label=best)
        rows = [computed.index(label) for label in wanted]
        cam = maps[rows].float() / 255 if maps.dtype == torch.uint8 else maps[rows]
        sample.pred_cam = PixelData(cam=cam.half() if options.half else cam, metainfo=dict(labels=tuple(wanted)))
        found = boxes_from_scoremaps(maps, options.rule)
        target = tuple((sample.ori_shape if rescale else sample.img_shape)[:2])
        factors = scores.new_tensor([target[1] / maps.shape[2], target[0] / maps.shape[1]]).repeat(2)
        parts = [self._instances(computed[row], found[row], scores, factors) for row in rows]
        sample.pred_instances = InstanceData.cat(parts) if parts else _no_instances(scores)
        if options.top1_instances:
            tops = [_largest(boxes) for boxes in found]
            sample.top1_instances = InstanceData.cat(
                [self._instances(label, boxes, scores, factors) for label, boxes in zip(computed, tops, strict=True)]
            )

    @property
    def _multi_label(self) -> bool:
        return getattr(self.cam_head, 'loss_type', 'ce') == 'bce'

    def _size(self, sample: Any, rescale: bool) -> tuple[int, int]:
        """(H, W) of the maps of an image."""
        if not rescale or self.test_options.cam_size == 'input':
            return tuple(sample.img_shape[:2])
        if self.test_options.cam_size == 'original':
            return tuple(sample.ori_shape[:2])
        return self.test_options.cam_size

    def _placed(self, cams: Tensor, input_size: tuple[int, int], sample: Any, rescale: bool) -> Tensor:
        """Score maps ``[n, H, W]`` from raw maps ``[n, h, w]`` of an image."""
        shape, size = tuple(sample.img_shape[:2]), self._size(sample, rescale)
        original = tuple(sample.ori_shape[:2]) if rescale else shape
        homography = sample.metainfo.get('homography_matrix') if rescale else None
        if homography is None and sample.metainfo.get('flip') and rescale:
            raise ValueError(f'{sample.metainfo.get("img_path")} was flipped: take flips out of the test pipeline')
        if self.test_options.stretch:
            homography = None
        placement = cam_placement(tuple(cams.shape[1:]), input_size, shape, original, size, homography)
        return place_score_map(cams, placement, size, self.test_options.rule.dialect)

    def _instances(self, label: int, boxes: ScoremapBoxes, scores: Tensor, factors: Tensor) -> InstanceData:
        """Boxes of a map as instances, enlarged by ``factors`` to original pixels."""
        bboxes = boxes.bboxes * factors
        if self.test_options.rule.corners == 'outer':
            bboxes = bboxes - bboxes.new_tensor([0, 0, 1, 1])  # from edges of pixels to inclusive corners
        score = scores[label].expand(len(bboxes))
        return InstanceData(
            bboxes=bboxes,
            labels=torch.full((len(bboxes),), label, device=bboxes.device),
            scores=score * boxes.scores if self.test_options.box_score == 'product' else score.clone(),
            cam_scores=boxes.scores,
        )


def _largest(boxes: ScoremapBoxes) -> ScoremapBoxes:
    """The box of the largest contour; none if there is none."""
    if len(boxes.areas) < 2:
        return boxes
    best = boxes.areas.argmax()[None]
    return ScoremapBoxes(*(part[best] for part in boxes))


def _no_instances(scores: Tensor) -> InstanceData:
    empty = scores.new_zeros(0)
    return InstanceData(bboxes=scores.new_zeros((0, 4)), labels=empty.long(), scores=empty, cam_scores=empty.clone())
