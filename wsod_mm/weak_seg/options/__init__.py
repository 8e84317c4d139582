"""The parts of ``weak_seg`` in a config, checked."""

from .affinity_options import AffinityOptions
from .build import build_options
from .cam_options import CamOptions
from .crf_options import CRFOptions
from .irn_options import IRNOptions
from .label_options import LabelOptions
from .truth_options import TruthOptions

__all__ = [
    'AffinityOptions',
    'CRFOptions',
    'CamOptions',
    'IRNOptions',
    'LabelOptions',
    'TruthOptions',
    'build_options',
]
