"""Engine: runners, loops, hooks, optimiser pieces, repeatable data loading."""

from wsod_mm.engine.hooks import (
    AtomicCheckpointHook,
    CheckpointGuardHook,
    ExactResumeHook,
    LatestLinkHook,
    LegacyLogHook,
    MeanShiftHook,
    PendingValidationHook,
    PlainCheckpointHook,
    ReduceLossHook,
    ResultsHook,
)
from wsod_mm.engine.loops import MIAODTrainLoop
from wsod_mm.engine.optim import AmpOptimWrapper, CaffeOptimWrapperConstructor, OptimWrapper
from wsod_mm.engine.runners import ActiveLearningRunner
from wsod_mm.engine.schedulers import HeldPolyLR

__all__ = [
    'ActiveLearningRunner',
    'AmpOptimWrapper',
    'AtomicCheckpointHook',
    'CaffeOptimWrapperConstructor',
    'CheckpointGuardHook',
    'ExactResumeHook',
    'HeldPolyLR',
    'LatestLinkHook',
    'LegacyLogHook',
    'MIAODTrainLoop',
    'MeanShiftHook',
    'OptimWrapper',
    'PendingValidationHook',
    'PlainCheckpointHook',
    'ReduceLossHook',
    'ResultsHook',
]
