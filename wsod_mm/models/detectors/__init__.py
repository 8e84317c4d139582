"""Detectors whose forward pass is not MMDetection's."""

from .cam_localizer import CAMLocalizer
from .collaborative_rcnn import CollaborativeRCNN
from .learning_loss_detector import LearningLossDetector
from .miaod_detector import MIAODDetector
from .multi_view_fast_rcnn import MultiViewFastRCNN

__all__ = ['CAMLocalizer', 'CollaborativeRCNN', 'LearningLossDetector', 'MIAODDetector', 'MultiViewFastRCNN']
