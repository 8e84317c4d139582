"""ops."""

from .rect_argmax import rect_argmax
from .ring_pool import RING_ROUNDINGS, RingMaxPool, ring_max_pool
from .roi_bins import ROI_POOL_MODES, roi_bins
from .roi_pool import RoIMaxPool, roi_max_pool

__all__ = [
    'RING_ROUNDINGS',
    'ROI_POOL_MODES',
    'RingMaxPool',
    'RoIMaxPool',
    'rect_argmax',
    'ring_max_pool',
    'roi_bins',
    'roi_max_pool',
]
