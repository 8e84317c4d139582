"""MMEngine's ``AmpOptimWrapper`` with the accumulation switch, also on the CPU."""

from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import OptimWrapper as _OptimWrapper

from wsod_mm.engine.optim.accumulation import AccumulationMixin
from wsod_mm.registry import OPTIM_WRAPPERS
from wsod_mm.utils.compat import has_accelerator

__all__ = ['AmpOptimWrapper']


class _AnyDeviceAmp(_AmpOptimWrapper):
    def __init__(
        self,
        loss_scale: str | float | dict = 'dynamic',
        dtype: str | torch.dtype | None = None,
        use_fsdp: bool = False,
        **kwargs: Any,
    ) -> None:
        if has_accelerator():
            super().__init__(loss_scale=loss_scale, dtype=dtype, use_fsdp=use_fsdp, **kwargs)
            return
        if dtype not in (None, 'bfloat16', torch.bfloat16):
            raise ValueError(f"mixed precision on the CPU works with dtype='bfloat16' only, got {dtype!r}")
        _OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = _no_scaler()  # bfloat16 has the range of float32: no loss scaling
        self.cast_dtype = torch.bfloat16


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(AccumulationMixin, _AnyDeviceAmp):
    """Drop-in replacement of :class:`mmengine.optim.AmpOptimWrapper`.

    Two things are added: the ``accumulation`` switch, and the CPU, where MMEngine refuses to start. There, autocast
    uses bfloat16 and no loss scaling.

    Args:
        loss_scale: As in MMEngine; without effect on the CPU, where there is no loss scaling.
        dtype: As in MMEngine; on the CPU ``None`` or ``'bfloat16'``.
        use_fsdp: As in MMEngine.
        accumulation: ``'mean'`` or ``'sum'``, see :class:`AccumulationMixin`.
        **kwargs: Arguments of ``OptimWrapper``.

    Raises:
        ValueError: Another ``dtype`` on the CPU.
    """


def _no_scaler() -> Any:
    if hasattr(torch.amp, 'GradScaler'):
        return torch.amp.GradScaler('cpu', enabled=False)
    return torch.cuda.amp.GradScaler(enabled=False)  # torch < 2.3
