"""Losses as modules."""

from .bbox_losses import CASDBBoxLoss, FastRCNNBBoxLoss, MISTBBoxLoss
from .mil_bce_loss import MILBCELoss
from .mil_hinge_loss import MILHingeLoss
from .oicr_loss import OICRLoss
from .pcl_loss import PCLLoss
from .sampled_ce_loss import SampledCELoss

__all__ = [
    'CASDBBoxLoss',
    'FastRCNNBBoxLoss',
    'MILBCELoss',
    'MILHingeLoss',
    'MISTBBoxLoss',
    'OICRLoss',
    'PCLLoss',
    'SampledCELoss',
]
