"""Stage ``irn``: IRN learns boundaries and displacements."""

from pathlib import Path

from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..training import network_stage

__all__ = ['irn_stage']


def irn_stage(config: WeakSegConfig, threads: int = 1) -> Stage:
    """Train IRN on the label maps of the list ``train`` with ``tools/train.py``.

    The mean displacement is taken over the list ``mean``; in the public code that is VOC's train, of which masks are
    made there, too.

    Args:
        config: The pipeline.
        threads: Threads of the training.
    """
    options = config.irn
    folders = {'LoadLabelMap': 'ir_labels/masks'}
    from_classifier = options.init == 'classifier'
    return network_stage('irn', Path(options.config), config, ('ir_labels',), from_classifier, folders, threads)
