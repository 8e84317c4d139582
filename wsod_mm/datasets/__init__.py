"""Datasets with image-level labels, and pools of active learning."""

from .base_weak_dataset import BaseWeakDataset
from .image_subset import image_subset
from .pool_subset import POOL_META_KEYS, PoolSubset
from .pools import BasePool, CocoPool, DatasetPool, PoolPart, VOCPool, class_counts
from .weak_coco_dataset import WeakCocoDataset
from .weak_csv_dataset import WeakCSVDataset
from .weak_folder_dataset import WeakFolderDataset
from .weak_json_dataset import WeakJSONDataset
from .weak_voc_dataset import WeakVOCDataset
from .wsol_meta_dataset import WSOLMetaDataset
from .wsol_metadata import WSOLMetadata, read_wsol_metadata

__all__ = [
    'POOL_META_KEYS',
    'BasePool',
    'BaseWeakDataset',
    'CocoPool',
    'DatasetPool',
    'PoolPart',
    'PoolSubset',
    'VOCPool',
    'WSOLMetaDataset',
    'WSOLMetadata',
    'WeakCSVDataset',
    'WeakCocoDataset',
    'WeakFolderDataset',
    'WeakJSONDataset',
    'WeakVOCDataset',
    'class_counts',
    'image_subset',
    'read_wsol_metadata',
]
