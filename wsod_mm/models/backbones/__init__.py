"""Backbones."""

from .mini_cnn import MiniCNN
from .resnet38 import ResNet38
from .resnet_with_stem import ResNetWithStem
from .vgg16 import VGG16
from .vgg16_largefov import VGG16LargeFOV

__all__ = ['MiniCNN', 'ResNet38', 'ResNetWithStem', 'VGG16', 'VGG16LargeFOV']
