"""Datasets with image-level labels."""

from .base_weak_dataset import BaseWeakDataset
from .weak_coco_dataset import WeakCocoDataset
from .weak_csv_dataset import WeakCSVDataset
from .weak_folder_dataset import WeakFolderDataset
from .weak_json_dataset import WeakJSONDataset
from .weak_voc_dataset import WeakVOCDataset

__all__ = [
    'BaseWeakDataset',
    'WeakCSVDataset',
    'WeakCocoDataset',
    'WeakFolderDataset',
    'WeakJSONDataset',
    'WeakVOCDataset',
]
