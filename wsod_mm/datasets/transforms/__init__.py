"""Data transforms for image-level labels, proposals and label maps."""

from .classifier_resize import ClassifierResize
from .color_jitter import ColorJitter
from .container_crop import ContainerCrop
from .dedup_proposals import DedupProposals
from .inclusive_random_flip import InclusiveRandomFlip
from .load_label_map import LoadLabelMap
from .load_rgb_image import LoadRGBImage
from .load_soft_labels import LoadSoftLabels
from .load_weak_image import LoadWeakImage
from .load_weak_proposals import LoadWeakProposals
from .normalize_image import NormalizeImage
from .pack_seg_inputs import PackSegInputs
from .pack_weak_inputs import PackWeakInputs
from .pack_wsol_inputs import PackWSOLInputs
from .random_mirror import RandomMirror
from .random_rescale import RandomRescale
from .random_resize_long import RandomResizeLong
from .random_resized_crop import RandomResizedCrop
from .resize_long import ResizeLong
from .short_side_resize import ShortSideResize
from .soft_labels_to_map import SoftLabelsToMap
from .ssd_photometric_distortion import SSDPhotometricDistortion
from .traced_center_crop import TracedCenterCrop
from .weak_views import WeakViews

__all__ = [
    'ClassifierResize',
    'ColorJitter',
    'ContainerCrop',
    'DedupProposals',
    'InclusiveRandomFlip',
    'LoadLabelMap',
    'LoadRGBImage',
    'LoadSoftLabels',
    'LoadWeakImage',
    'LoadWeakProposals',
    'NormalizeImage',
    'PackSegInputs',
    'PackWSOLInputs',
    'PackWeakInputs',
    'RandomMirror',
    'RandomRescale',
    'RandomResizeLong',
    'RandomResizedCrop',
    'ResizeLong',
    'SSDPhotometricDistortion',
    'ShortSideResize',
    'SoftLabelsToMap',
    'TracedCenterCrop',
    'WeakViews',
]
