"""Engine: runners, loops, hooks, optimiser pieces, repeatable data loading."""

from wsod_mm.engine.hooks import (
    AtomicCheckpointHook,
    CheckpointGuardHook,
    ExactResumeHook,
    LatestLinkHook,
    LegacyLogHook,
    PendingValidationHook,
    PlainCheckpointHook,
    ReduceLossHook,
    ResultsHook,
)
from wsod_mm.engine.loops import MIAODTrainLoop
from wsod_mm.engine.optim import AmpOptimWrapper, CaffeOptimWrapperConstructor, OptimWrapper
from wsod_mm.engine.runners import ActiveLearningRunner

__all__ = [
    'ActiveLearningRunner',
    'AmpOptimWrapper',
    'AtomicCheckpointHook',
    'CaffeOptimWrapperConstructor',
    'CheckpointGuardHook',
    'ExactResumeHook',
    'LatestLinkHook',
    'LegacyLogHook',
    'MIAODTrainLoop',
    'OptimWrapper',
    'PendingValidationHook',
    'PlainCheckpointHook',
    'ReduceLossHook',
    'ResultsHook',
]
