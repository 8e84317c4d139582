"""Layers between pooled features and predictors."""

from .fc67_head import SharedFC67Head
from .res5_head import SharedRes5Head

__all__ = ['SharedFC67Head', 'SharedRes5Head']
