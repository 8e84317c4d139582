"""The ladder from generated images to evaluated detectors, as a pipeline of named stages."""

from .pipeline import Pipeline
from .run import StageError, StageRun
from .stage import Stage

__all__ = ['Pipeline', 'Stage', 'StageError', 'StageRun']
