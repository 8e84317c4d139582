"""MMEngine's ``OptimWrapper`` with the accumulation switch."""

from mmengine.optim import OptimWrapper as _OptimWrapper

from wsod_mm.engine.optim.accumulation import AccumulationMixin
from wsod_mm.registry import OPTIM_WRAPPERS

__all__ = ['OptimWrapper']


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(AccumulationMixin, _OptimWrapper):
    """Drop-in replacement of :class:`mmengine.optim.OptimWrapper`: ``accumulation='mean'`` (default) or ``'sum'``.

    It has MMEngine's name, so that in scope ``wsod_mm`` every config gets it, and the ``--amp`` switch of stock
    tools, which changes the type to ``AmpOptimWrapper``, keeps the accumulation of the config.
    """
