"""The label maps that a pipeline makes, by name."""

from typing import NamedTuple

from .config import WeakSegConfig

__all__ = ['LabelSource', 'label_sources']


class LabelSource(NamedTuple):
    """Label maps of the list ``infer``.

    Attributes:
        key: Name of the stage.
        name: For tables and pictures.
        folder: Folder of ``<id>.png``, relative to the pipeline's.
    """

    key: str
    name: str
    folder: str


def label_sources(config: WeakSegConfig) -> list[LabelSource]:
    """Label maps that the stages of a config make, from the simplest to the last."""
    chosen = [
        (config.cam_crf, LabelSource('cam_crf', 'CAM + CRF', 'cam_crf/masks')),
        (config.affinitynet, LabelSource('walk', 'AffinityNet', 'walk/masks')),
        (config.irn, LabelSource('sem_seg', 'IRN', 'sem_seg/masks')),
    ]
    return [source for options, source in chosen if options is not None]
