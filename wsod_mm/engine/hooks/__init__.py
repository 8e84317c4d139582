"""Hooks."""

from wsod_mm.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from wsod_mm.engine.hooks.checkpoint_guard_hook import CheckpointGuardHook
from wsod_mm.engine.hooks.exact_resume_hook import ExactResumeHook
from wsod_mm.engine.hooks.latest_link_hook import LatestLinkHook
from wsod_mm.engine.hooks.legacy_log_hook import LegacyLogHook
from wsod_mm.engine.hooks.mean_shift_hook import MeanShiftHook
from wsod_mm.engine.hooks.pending_validation_hook import PendingValidationHook
from wsod_mm.engine.hooks.plain_checkpoint_hook import PlainCheckpointHook
from wsod_mm.engine.hooks.reduce_loss_hook import ReduceLossHook
from wsod_mm.engine.hooks.results_hook import ResultsHook

__all__ = [
    'AtomicCheckpointHook',
    'CheckpointGuardHook',
    'ExactResumeHook',
    'LatestLinkHook',
    'LegacyLogHook',
    'MeanShiftHook',
    'PendingValidationHook',
    'PlainCheckpointHook',
    'ReduceLossHook',
    'ResultsHook',
]
