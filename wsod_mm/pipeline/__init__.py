"""Stages with records: run in parallel, skipped when done, gone on with when they were killed."""

from .pipeline import Pipeline, available_cores
from .run import StageError, StageRun, StageStopped
from .stage import Stage, StageFolder

__all__ = ['Pipeline', 'Stage', 'StageError', 'StageFolder', 'StageRun', 'StageStopped', 'available_cores']
