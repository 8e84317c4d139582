"""Test-time augmentation."""

from .weak_tta import WeakTTAModel

__all__ = ['WeakTTAModel']
