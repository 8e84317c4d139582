"""Box proposals: store, generation, conversion, recall and checks."""

from .baselines import centre_box, grid_proposals, image_rng, random_proposals
from .check import CheckReport, check_proposals
from .convert import FORMATS, ConversionReport, convert_proposals
from .errors import ProposalFileError
from .export import to_mmdet
from .generate import generate_proposals
from .ground_truth import GroundTruth, read_voc_boxes
from .image_source import ImageEntry, ImageSource
from .options import METHODS, GenerateOptions
from .recall import proposal_recall, random_store
from .recall_plot import plot_recall
from .selective_search import selective_search
from .store import ProposalStore

__all__ = [
    'FORMATS',
    'METHODS',
    'CheckReport',
    'ConversionReport',
    'GenerateOptions',
    'GroundTruth',
    'ImageEntry',
    'ImageSource',
    'ProposalFileError',
    'ProposalStore',
    'centre_box',
    'check_proposals',
    'convert_proposals',
    'generate_proposals',
    'grid_proposals',
    'image_rng',
    'plot_recall',
    'proposal_recall',
    'random_proposals',
    'random_store',
    'read_voc_boxes',
    'selective_search',
    'to_mmdet',
]
