"""Detectors whose forward pass is not MMDetection's."""

from .miaod_detector import MIAODDetector
from .multi_view_fast_rcnn import MultiViewFastRCNN

__all__ = ['MIAODDetector', 'MultiViewFastRCNN']
