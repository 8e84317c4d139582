"""Dense heads."""

from .bootstrap_rpn_head import BootstrapRPNHead
from .loss_prediction_head import LossPredictionHead
from .miaod_mixin import MIAODHeadMixin
from .miaod_retina_head import MIAODRetinaHead
from .miaod_ssd_head import MIAODSSDHead

__all__ = ['BootstrapRPNHead', 'LossPredictionHead', 'MIAODHeadMixin', 'MIAODRetinaHead', 'MIAODSSDHead']
