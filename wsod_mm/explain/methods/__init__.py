"""The CAM family, one class per method."""

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
from .names import CAM_METHODS, cam_method, make_cam
from .score_cam import ScoreCAM
from .xgrad_cam import XGradCAM

__all__ = [
    'CAM',
    'CAM_METHODS',
    'AblationCAM',
    'EigenCAM',
    'EigenGradCAM',
    'FeatmapAM',
    'GradCAM',
    'GradCAMElementWise',
    'GradCAMPlusPlus',
    'HiResCAM',
    'LayerCAM',
    'ScoreCAM',
    'XGradCAM',
    'cam_method',
    'make_cam',
]
