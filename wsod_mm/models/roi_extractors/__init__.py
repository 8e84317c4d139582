"""RoI feature extractors."""

from .weak_roi_extractor import WeakRoIExtractor

__all__ = ['WeakRoIExtractor']
