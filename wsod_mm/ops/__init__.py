"""ops."""

from .rect_argmax import rect_argmax
from .roi_bins import ROI_POOL_MODES, roi_bins
from .roi_pool import RoIMaxPool, roi_max_pool

__all__ = ['ROI_POOL_MODES', 'RoIMaxPool', 'rect_argmax', 'roi_bins', 'roi_max_pool']
