"""Acquisition strategies: how images are scored, and which ones to label next."""

from .core_set_strategy import CoreSetStrategy
from .entropy_strategy import EntropyStrategy
from .learning_loss_strategy import LearningLossStrategy
from .least_confidence_strategy import LeastConfidenceStrategy
from .margin_strategy import MarginStrategy
from .miaod_strategy import MIAODStrategy
from .prediction_strategy import PredictionStrategy
from .random_strategy import RandomStrategy
from .strategy import Strategy

__all__ = [
    'CoreSetStrategy',
    'EntropyStrategy',
    'LearningLossStrategy',
    'LeastConfidenceStrategy',
    'MIAODStrategy',
    'MarginStrategy',
    'PredictionStrategy',
    'RandomStrategy',
    'Strategy',
]
