"""Training loops."""

from wsod_mm.engine.loops.miaod_train_loop import MIAODTrainLoop

__all__ = ['MIAODTrainLoop']
