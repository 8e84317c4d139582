"""Strategies that score an image by the class probabilities of its instances."""

from abc import ABC, abstractmethod

import torch
from mmdet.models.dense_heads import TOODHead, YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.functional.acquisition import IMAGE_AGGREGATES, aggregate_detections, aggregate_instances
from wsod_mm.functional.active_mil import flatten_level
from wsod_mm.functional.mean_logits import mean_logits
from wsod_mm.functional.uncertainty import number_of_instances
from wsod_mm.models.dense_heads.miaod_mixin import TESTS, MIAODHeadMixin

from .strategy import Strategy

__all__ = ['PredictionStrategy']

SOURCES = ('anchors', 'detections')

# their first outputs are no logits of a class: probabilities, and logits to be multiplied by an objectness
NOT_LOGITS = (TOODHead, YOLOXHead)


class PredictionStrategy(Strategy, ABC):
    """The image's value is an aggregate of the values of its instances.

    Args:
        source: What is an instance. ``'anchors'`` (default): each anchor or point of each level of a dense head,
            padding too. Factors besides the class score, such as the centerness of FCOS, are not looked at. Heads of
            MI-AOD give the classifiers that they test with. ``'detections'``: what the detector returns, after its
            score threshold and NMS; only the score of the detected class is known.
        aggregate: ``'topk_mean'`` (default): mean of the k largest values. ``'mean'``, ``'max'`` or ``'sum'``: of all.
            An image without detection has the value 0.
        k: For ``'topk_mean'``: 10000 by default; all instances, if there are fewer. A float in (0, 1] is a share.

    Raises:
        ValueError: For an unknown or impossible option.
    """

    def __init__(self, source: str = 'anchors', aggregate: str = 'topk_mean', k: int | float = 10000) -> None:
        for name, value, allowed in (('source', source, SOURCES), ('aggregate', aggregate, IMAGE_AGGREGATES)):
            if value not in allowed:
                raise ValueError(f'{name} must be one of {allowed}, got {value!r}')
        number_of_instances(k, 1)
        self.source, self.aggregate, self.k = source, aggregate, k

    def check(self, model: nn.Module) -> None:
        """Fail for a model that does not have the instances.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """
        name = f'{type(self).__name__}(source={self.source!r})'
        if self.source == 'detections':
            if not callable(getattr(model, 'predict', None)):
                raise ValueError(f'{name} needs a detector of MMDetection, with predict(), got {type(model).__name__}')
            return
        head = getattr(model, 'bbox_head', None)
        logits = isinstance(head, BaseDenseHead) and not isinstance(head, NOT_LOGITS)
        custom = getattr(getattr(head, 'loss_cls', None), 'custom_cls_channels', False)
        if not logits or custom or not (hasattr(head, 'use_sigmoid_cls') and hasattr(head, 'cls_out_channels')):
            what = type(model).__name__ + ('' if head is None else f' with {type(head).__name__}')
            raise ValueError(
                f'{name} needs a detector whose bbox_head is a dense head with class logits as its first output, '
                f"for instance RetinaHead, SSDHead, FCOSHead or ATSSHead, got {what}: set source='detections'"
            )

    @abstractmethod
    def of_logits(self, logits: Tensor, sigmoid: bool) -> Tensor:
        """Values of anchors.

        Args:
            logits: ``[B, A, C]`` float; for softmax the last column is background.
            sigmoid: Whether columns are independent.

        Returns:
            ``[B, A]`` float32.
        """

    @abstractmethod
    def of_scores(self, scores: Tensor) -> Tensor:
        """Values of detections.

        Args:
            scores: ``[n]`` float in [0, 1].

        Returns:
            ``[n]`` float32.
        """

    def _score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        if self.source == 'anchors':
            head = model.bbox_head
            levels = _class_logits(head, model.extract_feat(batch_inputs))
            rows = [flatten_level(level, head.cls_out_channels) for level in levels]
            values = torch.cat([self.of_logits(level, head.use_sigmoid_cls) for level in rows], dim=1)
            return aggregate_instances(values, self.aggregate, self.k)
        # copies: predict() writes its results into the samples
        results = model.predict(batch_inputs, [sample.new() for sample in batch_data_samples], rescale=False)
        values = [self.of_scores(result.pred_instances.scores) for result in results]
        return aggregate_detections(values, self.aggregate, self.k)


def _class_logits(head: nn.Module, x: tuple[Tensor, ...]) -> list[Tensor]:
    """Class logits per level, ``[B, N * C, H, W]``."""
    if not isinstance(head, MIAODHeadMixin):
        return head(x)[0]
    classifiers = head(x, TESTS[head.test_with])
    if len(classifiers) == 1:
        return classifiers[0]
    return [mean_logits(*z, head.cls_out_channels, head.activation) for z in zip(*classifiers, strict=True)]
