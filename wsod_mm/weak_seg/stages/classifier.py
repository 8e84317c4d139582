"""Stage ``classifier``: learn from image labels."""

from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..training import network_stage

__all__ = ['classifier_stage']


def classifier_stage(config: WeakSegConfig, threads: int = 1) -> Stage:
    """Train the classifier on the list ``train`` with ``tools/train.py``.

    Args:
        config: The pipeline.
        threads: Threads of the training.
    """
    return network_stage('classifier', config.classifier, config, threads=threads)
