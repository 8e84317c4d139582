"""MiniVOC: a generated VOC devkit on which weak detectors learn in minutes."""

from .companion import generate_companion
from .config import MiniVOCConfig
from .generate import generate_minivoc, load_parts
from .species import COMPANION_SPECIES, SPECIES

__all__ = [
    'COMPANION_SPECIES',
    'SPECIES',
    'MiniVOCConfig',
    'generate_companion',
    'generate_minivoc',
    'load_parts',
]
