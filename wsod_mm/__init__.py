"""wsod_mm: detectors and segmenters from image-level labels, as an MMDetection 3.x plugin."""

import warnings

from .utils.versions import warn_if_untested

__version__ = '0.1.0'

__all__ = ['__version__']

warn_if_untested()
try:
    from .utils import compat
except (ImportError, OSError) as error:
    # torch or MMEngine is absent or broken; `python -m wsod_mm.doctor` must start even so
    warnings.warn(
        f'wsod_mm is not usable here ({error}); "python -m wsod_mm.doctor" says what is missing.',
        stacklevel=2,
    )
else:
    compat.apply()
