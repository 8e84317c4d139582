"""The label maps that a pipeline makes, by name."""

from typing import NamedTuple

from .config import WeakSegConfig

__all__ = ['LABEL_MAPS', 'LabelSource', 'label_sources']

#: Stage -> what its label maps are called, from the simplest to the last.
LABEL_MAPS = {'cam_crf': 'CAM + CRF', 'walk': 'AffinityNet', 'sem_seg': 'IRN'}


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
    made = {'cam_crf': config.cam_crf, 'walk': config.affinitynet, 'sem_seg': config.irn}
    return [LabelSource(key, name, f'{key}/masks') for key, name in LABEL_MAPS.items() if made[key] is not None]
