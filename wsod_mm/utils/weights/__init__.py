"""Conversion of ImageNet weights from local files."""

from .convert import CONVERSIONS, convert_weights
from .mapping import ConvertedWeights, WeightConversionError
from .resnet import convert_resnet, resnet_shapes
from .vgg16 import convert_vgg16, vgg16_shapes

__all__ = [
    'CONVERSIONS',
    'ConvertedWeights',
    'WeightConversionError',
    'convert_resnet',
    'convert_vgg16',
    'convert_weights',
    'resnet_shapes',
    'vgg16_shapes',
]
