"""Data transforms for image-level labels, proposals and label maps."""

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
from .random_mirror import RandomMirror
from .random_rescale import RandomRescale
from .random_resize_long import RandomResizeLong
from .resize_long import ResizeLong
from .short_side_resize import ShortSideResize
from .soft_labels_to_map import SoftLabelsToMap
from .ssd_photometric_distortion import SSDPhotometricDistortion
from .weak_views import WeakViews

__all__ = [
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
    'PackWeakInputs',
    'RandomMirror',
    'RandomRescale',
    'RandomResizeLong',
    'ResizeLong',
    'SSDPhotometricDistortion',
    'ShortSideResize',
    'SoftLabelsToMap',
    'WeakViews',
]
