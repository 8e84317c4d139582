"""Miners: which proposals are believed to be objects."""

from .top1_miner import Top1Miner

__all__ = ['Top1Miner']
