"""Dense heads."""

from .miaod_mixin import MIAODHeadMixin
from .miaod_retina_head import MIAODRetinaHead
from .miaod_ssd_head import MIAODSSDHead

__all__ = ['MIAODHeadMixin', 'MIAODRetinaHead', 'MIAODSSDHead']
