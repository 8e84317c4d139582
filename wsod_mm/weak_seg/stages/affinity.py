"""Stage ``affinity``: AffinityNet learns which cells belong together."""

from pathlib import Path

from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..training import network_stage

__all__ = ['affinity_stage']


def affinity_stage(config: WeakSegConfig, threads: int = 1) -> Stage:
    """Train AffinityNet on the soft labels of the list ``train`` with ``tools/train.py``.

    Args:
        config: The pipeline.
        threads: Threads of the training.
    """
    options = config.affinitynet
    folders = {'LoadSoftLabels': 'crf_labels/maps'}
    from_classifier = options.init == 'classifier'
    return network_stage('affinity', Path(options.config), config, ('crf_labels',), from_classifier, folders, threads)
