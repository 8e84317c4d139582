"""Backbones."""

from .mini_cnn import MiniCNN
from .vgg16 import VGG16

__all__ = ['MiniCNN', 'VGG16']
