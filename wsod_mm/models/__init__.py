"""Everything that is built through the ``MODELS`` registry; importing this package registers it."""

from . import (
    attention,
    backbones,
    batch_augments,
    bbox_heads,
    cam_heads,
    classifiers,
    data_preprocessors,
    dense_heads,
    detectors,
    losses,
    miners,
    roi_extractors,
    roi_heads,
    segmentors,
    shared_heads,
    test_time_augs,
)

__all__ = [
    'attention',
    'backbones',
    'batch_augments',
    'bbox_heads',
    'cam_heads',
    'classifiers',
    'data_preprocessors',
    'dense_heads',
    'detectors',
    'losses',
    'miners',
    'roi_extractors',
    'roi_heads',
    'segmentors',
    'shared_heads',
    'test_time_augs',
]
