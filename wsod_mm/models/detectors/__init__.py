"""Detectors whose forward pass is not MMDetection's."""

from .multi_view_fast_rcnn import MultiViewFastRCNN

__all__ = ['MultiViewFastRCNN']
