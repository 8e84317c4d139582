"""RoI heads."""

from .collaborative_roi_head import CollaborativeRoIHead
from .weak_roi_head import WeakRoIHead

__all__ = ['CollaborativeRoIHead', 'WeakRoIHead']
