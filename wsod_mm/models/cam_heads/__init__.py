"""Heads and layers of methods that localise with a classifier's maps: CAM, ADL, ACoL, SPG."""

from .acol_head import ACoLHead
from .adl import ADL, adl_backbone, insert_adl
from .cam_head import CAMHead
from .spg_head import SPGHead

__all__ = ['ACoLHead', 'ADL', 'CAMHead', 'SPGHead', 'adl_backbone', 'insert_adl']
