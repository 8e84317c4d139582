"""Losses as modules."""

from .mil_bce_loss import MILBCELoss
from .oicr_loss import OICRLoss

__all__ = ['MILBCELoss', 'OICRLoss']
