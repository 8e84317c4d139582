"""Polynomial decay of the learning rate that stays at its last value."""

from typing import Any

from mmengine.optim import PolyLR

from wsod_mm.registry import PARAM_SCHEDULERS

__all__ = ['HeldPolyLR']


@PARAM_SCHEDULERS.register_module()
class HeldPolyLR(PolyLR):
    """``lr_t = eta_min + (lr_0 - eta_min) (1 - t / T) ** power`` for the steps t < T; later steps keep the last rate.

    MMEngine's ``PolyLR`` with the same ``end`` divides by T - 1 instead, so that the last step already has the rate
    ``eta_min``, which moves nothing where that is 0. Here T is ``end - begin``, and no step has the rate ``eta_min``.

    Source: AffinityNet's and IRN's public code, with a power of 0.9 (MMEngine's default is 1) and T all steps.

    Args:
        *args: As ``PolyLR`` takes them.
        **kwargs: Likewise: ``power``, ``eta_min``, ``begin``, ``end`` (T, when ``begin`` is 0), ``by_epoch``,
            ``convert_to_iter_based``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.total_iters = self.end - self.begin
