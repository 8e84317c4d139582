"""Reading proposal files of other programs."""

from .convert import ConversionReport, convert_proposals
from .formats import FORMATS, ProposalFormat, detect_format
from .order import check_order, outside_mask
from .unpickle import load_plain_pickle

__all__ = [
    'FORMATS',
    'ConversionReport',
    'ProposalFormat',
    'check_order',
    'convert_proposals',
    'detect_format',
    'load_plain_pickle',
    'outside_mask',
]
