"""The right way to run a model."""

from typing import Any

from mmdet.models.detectors import BaseDetector, DetectionTransformer, SingleStageDetector, TwoStageDetector
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from torch import nn

from wsod_mm.models.roi_heads import WeakRoIHead

from .dense_scorer import DenseScorer
from .mil_scorer import MILScorer
from .model_scorer import ModelScorer
from .query_scorer import QueryScorer
from .roi_scorer import RoIScorer

__all__ = ['make_scorer']


def make_scorer(model: nn.Module | ModelScorer, **options: Any) -> ModelScorer:
    """How to get scores with gradients from a model.

    Args:
        model: A classifier, a detector, or a scorer (returned as it is).
        **options: Of the scorer's class: ``num_proposals`` (two stages), ``rows_per_level`` (one stage), ``stream``
            (weakly supervised).

    Returns:
        The scorer.

    Raises:
        TypeError: Detectors of this kind are not supported, or an option is not one of its scorer.
    """
    if isinstance(model, ModelScorer):
        return model
    kind: type[ModelScorer] = ModelScorer
    head = getattr(model, 'roi_head', None)
    if isinstance(head, WeakRoIHead):
        kind = MILScorer
    elif isinstance(model, DetectionTransformer):
        kind = QueryScorer
    elif isinstance(model, TwoStageDetector) and _classifies_rois(head):
        kind = RoIScorer
    elif isinstance(model, SingleStageDetector) and hasattr(model, 'bbox_head'):
        kind = DenseScorer
    elif isinstance(model, BaseDetector) and (head is not None or hasattr(model, 'bbox_head')):
        raise TypeError(
            f'{type(model).__name__} with {type(head or model.bbox_head).__name__} is not supported; there are '
            'two-stage detectors with a StandardRoIHead or CascadeRoIHead, single-stage detectors, DETR and '
            'its relatives, and detectors with a WeakRoIHead'
        )
    return kind(model, **options)


def _classifies_rois(head: nn.Module) -> bool:
    # subclasses of the cascade classify with more than maps and regions
    cascade = isinstance(head, CascadeRoIHead) and type(head)._bbox_forward is CascadeRoIHead._bbox_forward
    return cascade or isinstance(head, StandardRoIHead)
