"""A model in evaluation mode for the time of a ``with`` block."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ['evaluating']


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode and gradients allowed, also inside ``no_grad`` and ``inference_mode``.

    The modes of all modules are put back on exit, one by one. ``train()`` and ``eval()`` are not called: those of
    MMDetection's bodies freeze parameters.

    Args:
        model: The model.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
