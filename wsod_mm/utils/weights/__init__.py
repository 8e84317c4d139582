"""Conversion of ImageNet weights, and of published ones, from local files."""

from .caffemodel import read_caffemodel
from .collaborative import convert_collaborative, export_collaborative
from .convert import CONVERSIONS, convert_weights
from .irn import convert_irn, irn_shapes
from .mapping import ConvertedWeights, WeightConversionError
from .mxnet_params import read_mxnet_params
from .psa import convert_psa, psa_shapes
from .read import read_weights
from .resnet import convert_resnet, resnet_shapes
from .vgg16 import convert_vgg16, vgg16_shapes
from .wsol import convert_wsol_resnet, convert_wsol_vgg16, wsol_shapes

__all__ = [
    'CONVERSIONS',
    'ConvertedWeights',
    'WeightConversionError',
    'convert_collaborative',
    'convert_irn',
    'convert_psa',
    'convert_resnet',
    'convert_vgg16',
    'convert_weights',
    'convert_wsol_resnet',
    'convert_wsol_vgg16',
    'export_collaborative',
    'irn_shapes',
    'psa_shapes',
    'read_caffemodel',
    'read_mxnet_params',
    'read_weights',
    'resnet_shapes',
    'vgg16_shapes',
    'wsol_shapes',
]
