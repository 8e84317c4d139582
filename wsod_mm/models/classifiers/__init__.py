"""Image classifiers."""

from .gap_cls_head import GAPClsHead
from .image_classifier import ImageClassifier

__all__ = ['GAPClsHead', 'ImageClassifier']
