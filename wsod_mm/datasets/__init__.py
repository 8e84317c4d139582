"""Datasets with image-level labels, and pools of active learning."""

from .base_weak_dataset import BaseWeakDataset
from .pool_subset import POOL_META_KEYS, PoolSubset
from .pools import BasePool, CocoPool, DatasetPool, PoolPart, VOCPool, class_counts
from .weak_coco_dataset import WeakCocoDataset
from .weak_csv_dataset import WeakCSVDataset
from .weak_folder_dataset import WeakFolderDataset
from .weak_json_dataset import WeakJSONDataset
from .weak_voc_dataset import WeakVOCDataset

__all__ = [
    'POOL_META_KEYS',
    'BasePool',
    'BaseWeakDataset',
    'CocoPool',
    'DatasetPool',
    'PoolPart',
    'PoolSubset',
    'VOCPool',
    'WeakCSVDataset',
    'WeakCocoDataset',
    'WeakFolderDataset',
    'WeakJSONDataset',
    'WeakVOCDataset',
    'class_counts',
]
