"""How to get scores with gradients from a model of any kind."""

from .dense_scorer import DenseScorer
from .det_sample import DetSample
from .detector_scorer import DetectorScorer
from .make_scorer import make_scorer
from .mil_scorer import MILScorer
from .model_scorer import ModelScorer
from .query_scorer import QueryScorer
from .roi_scorer import RoIScorer

__all__ = [
    'DenseScorer',
    'DetSample',
    'DetectorScorer',
    'MILScorer',
    'ModelScorer',
    'QueryScorer',
    'RoIScorer',
    'make_scorer',
]
