"""Models of maps: affinities (AffinityNet), and boundaries and displacements (IRN)."""

from .affinity_head import AffinityHead
from .affinity_net import AffinityNet
from .irn_head import IRNHead
from .irnet import IRNet
from .mean_shift import MeanShift

__all__ = ['AffinityHead', 'AffinityNet', 'IRNHead', 'IRNet', 'MeanShift']
