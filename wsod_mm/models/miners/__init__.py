"""Miners: which proposals are believed to be objects."""

from .mist_miner import MISTMiner
from .pcl_miner import PCLMiner
from .top1_miner import Top1Miner

__all__ = ['MISTMiner', 'PCLMiner', 'Top1Miner']
