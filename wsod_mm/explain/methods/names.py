"""The methods by name."""

from typing import Any

from torch import nn

from ..base_cam import BaseCAM
from ..rescoring_cam import RescoringCAM
from ..scorers import ModelScorer
from .ablation_cam import AblationCAM
from .cam import CAM
from .eigen_cam import EigenCAM
from .eigen_grad_cam import EigenGradCAM
from .elementwise_cam import GradCAMElementWise
from .featmap_am import FeatmapAM
from .grad_cam import GradCAM
from .grad_cam_plusplus import GradCAMPlusPlus
from .hires_cam import HiResCAM
from .layer_cam import LayerCAM
from .score_cam import ScoreCAM
from .xgrad_cam import XGradCAM

__all__ = ['CAM_METHODS', 'cam_method', 'make_cam']

#: Names as users of mmpretrain and MMDetection know them; case, hyphens and underscores do not matter.
CAM_METHODS: dict[str, type[BaseCAM]] = {
    'CAM': CAM,
    'GradCAM': GradCAM,
    'GradCAM++': GradCAMPlusPlus,
    'XGradCAM': XGradCAM,
    'LayerCAM': LayerCAM,
    'HiResCAM': HiResCAM,
    'GradCAMElementWise': GradCAMElementWise,
    'EigenCAM': EigenCAM,
    'EigenGradCAM': EigenGradCAM,
    'ScoreCAM': ScoreCAM,
    'AblationCAM': AblationCAM,
    'FeatmapAM': FeatmapAM,
}


def cam_method(name: str) -> type[BaseCAM]:
    """The class of a method.

    Raises:
        ValueError: There is none of this name.
    """
    for known, method in CAM_METHODS.items():
        if _plain(name) in (_plain(known), _plain(method.__name__)):
            return method
    raise ValueError(f'method={name!r}: must be one of {", ".join(CAM_METHODS)}')


def make_cam(name: str, model: nn.Module | ModelScorer, *args: Any, batch_size: int = 32, **kwargs: Any) -> BaseCAM:
    """An object of a method.

    Args:
        name: Of the method.
        model: See :class:`~wsod_mm.explain.base_cam.BaseCAM`.
        *args: See there.
        batch_size: For the methods that ask the model about many images.
        **kwargs: Of the method.

    Raises:
        ValueError: There is no such method, or a setting is wrong.
    """
    method = cam_method(name)
    if issubclass(method, RescoringCAM):
        kwargs['batch_size'] = batch_size
    return method(model, *args, **kwargs)


def _plain(name: str) -> str:
    return name.lower().replace('-', '').replace('_', '')
