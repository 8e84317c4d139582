"""RoI feature extractors."""

from .ring_roi_extractor import RingRoIExtractor
from .weak_roi_extractor import WeakRoIExtractor

__all__ = ['RingRoIExtractor', 'WeakRoIExtractor']
