"""Everything that is built through the ``MODELS`` registry; importing this package registers it."""

from . import (
    backbones,
    bbox_heads,
    classifiers,
    losses,
    miners,
    roi_extractors,
    roi_heads,
    shared_heads,
    test_time_augs,
)

__all__ = [
    'backbones',
    'bbox_heads',
    'classifiers',
    'losses',
    'miners',
    'roi_extractors',
    'roi_heads',
    'shared_heads',
    'test_time_augs',
]
