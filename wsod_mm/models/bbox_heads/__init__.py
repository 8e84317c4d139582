"""Predictors: RoI features in, scores out."""

from .branch_bbox_heads import BranchBBoxHeads
from .contrastive_head import ContrastiveHead
from .fast_rcnn_branch import FastRCNNBranch
from .refine_heads import RefineHeads
from .strong_bbox_head import StrongBBoxHead
from .wsddn_head import MILOutput, WSDDNHead

__all__ = [
    'BranchBBoxHeads',
    'ContrastiveHead',
    'FastRCNNBranch',
    'MILOutput',
    'RefineHeads',
    'StrongBBoxHead',
    'WSDDNHead',
]
