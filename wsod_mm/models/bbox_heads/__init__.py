"""Predictors: RoI features in, scores out."""

from .refine_heads import RefineHeads
from .wsddn_head import MILOutput, WSDDNHead

__all__ = ['MILOutput', 'RefineHeads', 'WSDDNHead']
