"""RoI heads."""

from .weak_roi_head import WeakRoIHead

__all__ = ['WeakRoIHead']
