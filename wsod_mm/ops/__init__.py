"""Operators: pooling of regions, and the dense CRF."""

from .dense_crf import CRF_BACKENDS, DenseCRFParams, dense_crf, resolve_crf_backend
from .rect_argmax import rect_argmax
from .ring_pool import RING_ROUNDINGS, RingMaxPool, ring_max_pool
from .roi_bins import ROI_POOL_MODES, roi_bins
from .roi_pool import RoIMaxPool, roi_max_pool

__all__ = [
    'CRF_BACKENDS',
    'RING_ROUNDINGS',
    'ROI_POOL_MODES',
    'DenseCRFParams',
    'RingMaxPool',
    'RoIMaxPool',
    'dense_crf',
    'rect_argmax',
    'resolve_crf_backend',
    'ring_max_pool',
    'roi_bins',
    'roi_max_pool',
]
