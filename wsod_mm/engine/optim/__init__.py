"""Optimiser wrappers and parameter groups."""

from wsod_mm.engine.optim.accumulation import AccumulationMixin
from wsod_mm.engine.optim.amp_optim_wrapper import AmpOptimWrapper
from wsod_mm.engine.optim.caffe_optim_wrapper_constructor import CaffeOptimWrapperConstructor
from wsod_mm.engine.optim.optim_wrapper import OptimWrapper

__all__ = ['AccumulationMixin', 'AmpOptimWrapper', 'CaffeOptimWrapperConstructor', 'OptimWrapper']
