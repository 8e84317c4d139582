"""Engine: hooks, optimiser pieces, repeatable data loading."""

from wsod_mm.engine.hooks import (
    AtomicCheckpointHook,
    CheckpointGuardHook,
    ExactResumeHook,
    PendingValidationHook,
    PlainCheckpointHook,
    ReduceLossHook,
    ResultsHook,
)
from wsod_mm.engine.optim import AmpOptimWrapper, CaffeOptimWrapperConstructor, OptimWrapper

__all__ = [
    'AmpOptimWrapper',
    'AtomicCheckpointHook',
    'CaffeOptimWrapperConstructor',
    'CheckpointGuardHook',
    'ExactResumeHook',
    'OptimWrapper',
    'PendingValidationHook',
    'PlainCheckpointHook',
    'ReduceLossHook',
    'ResultsHook',
]
