"""Schedules of the optimiser's parameters."""

from wsod_mm.engine.schedulers.held_poly_lr import HeldPolyLR

__all__ = ['HeldPolyLR']
