"""Why a model says what it says: heat maps of scores of classifiers and detectors."""

from .base_cam import BaseCAM
from .class_target import ClassTarget
from .detection_target import DetectionTarget
from .draw import draw_cam
from .grad_cam_package import GradCAMPackage
from .layers import find_layer, layer_names
from .mask_target import MaskTarget
from .methods import (
    CAM,
    CAM_METHODS,
    AblationCAM,
    EigenCAM,
    EigenGradCAM,
    FeatmapAM,
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
    cam_method,
    make_cam,
)
from .raw_detections import RawDetections
from .scorers import DetSample, MILScorer, ModelScorer, make_scorer
from .token_reshape import TokenReshape

__all__ = [
    'CAM',
    'CAM_METHODS',
    'AblationCAM',
    'BaseCAM',
    'ClassTarget',
    'DetSample',
    'DetectionTarget',
    'EigenCAM',
    'EigenGradCAM',
    'FeatmapAM',
    'GradCAM',
    'GradCAMElementWise',
    'GradCAMPackage',
    'GradCAMPlusPlus',
    'HiResCAM',
    'LayerCAM',
    'MILScorer',
    'MaskTarget',
    'ModelScorer',
    'RawDetections',
    'ScoreCAM',
    'TokenReshape',
    'XGradCAM',
    'cam_method',
    'draw_cam',
    'find_layer',
    'layer_names',
    'make_cam',
    'make_scorer',
]
