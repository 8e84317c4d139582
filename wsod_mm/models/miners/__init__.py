"""Miners: which proposals are believed to be objects."""

from .mist_miner import MISTMiner
from .pcl_miner import PCLMiner
from .pseudo_gt_miner import PseudoGTMiner
from .top1_miner import Top1Miner

__all__ = ['MISTMiner', 'PCLMiner', 'PseudoGTMiner', 'Top1Miner']
