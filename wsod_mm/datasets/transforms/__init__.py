"""Data transforms for image-level labels and proposals."""

from .dedup_proposals import DedupProposals
from .inclusive_random_flip import InclusiveRandomFlip
from .load_weak_image import LoadWeakImage
from .load_weak_proposals import LoadWeakProposals
from .pack_weak_inputs import PackWeakInputs
from .short_side_resize import ShortSideResize
from .ssd_photometric_distortion import SSDPhotometricDistortion
from .weak_views import WeakViews

__all__ = [
    'DedupProposals',
    'InclusiveRandomFlip',
    'LoadWeakImage',
    'LoadWeakProposals',
    'PackWeakInputs',
    'SSDPhotometricDistortion',
    'ShortSideResize',
    'WeakViews',
]
