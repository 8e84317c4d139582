"""Pools: all images of an experiment in active learning, with ids that never shift."""

from .base_pool import BasePool
from .coco_pool import CocoPool
from .counts import class_counts
from .dataset_pool import DatasetPool
from .pool_part import PoolPart
from .voc_pool import VOCPool

__all__ = ['BasePool', 'CocoPool', 'DatasetPool', 'PoolPart', 'VOCPool', 'class_counts']
