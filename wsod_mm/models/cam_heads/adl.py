"""Attention-based dropout as a layer, and its insertion into a backbone by name."""

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from wsod_mm.functional.adl import adl
from wsod_mm.registry import MODELS

__all__ = ['ADL', 'adl_backbone', 'insert_adl']


@MODELS.register_module()
class ADL(nn.Module):
    """Attention-based dropout layer, without parameters; in evaluation it does nothing.

    Source: Choe and Shim, "Attention-based Dropout Layer"; specs/cam.md 5.

    Args:
        drop_rate: Probability of the drop mask, drawn once per forward for the whole batch; else the importance map.
        threshold: Cells of at least this part of the largest attention are dropped.

    Raises:
        ValueError: A setting is not in [0, 1].
    """

    def __init__(self, drop_rate: float = 0.75, threshold: float = 0.9) -> None:
        super().__init__()
        if not (0 <= drop_rate <= 1 and 0 <= threshold <= 1):
            raise ValueError(f'drop_rate={drop_rate} and threshold={threshold} must be in [0, 1]')
        self.drop_rate = drop_rate
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, h, w]`` to the same shape."""
        return self.apply_to(x, self.training)

    def apply_to(self, x: Tensor, training: bool) -> Tensor:
        """As :meth:`forward`, in a given mode."""
        if not training:
            return x
        return adl(x, torch.rand((), device=x.device), self.drop_rate, self.threshold)

    def extra_repr(self) -> str:
        """Settings."""
        return f'drop_rate={self.drop_rate}, threshold={self.threshold}'


class _AfterModule:
    """Forward hook that runs the layer on what a module puts out, in the mode of that module."""

    def __init__(self, layer: ADL) -> None:
        self.layer = layer

    def __call__(self, module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return self.layer.apply_to(output, module.training)


def insert_adl(
    model: nn.Module, after: Sequence[str], drop_rate: float = 0.75, threshold: float = 0.9
) -> list[RemovableHandle]:
    """Run ADL after modules of a model; names of parameters stay, so that checkpoints fit.

    Source: specs/cam.md 5 for the positions of the reference: in ResNet ``layer3.0``, ``layer4.0``, ``layer4.2``; in
    VGG16 after pool3, before pool4 and after conv5_3.

    Args:
        model: For instance a backbone.
        after: Dotted names of modules that put out a tensor ``[N, C, h, w]``.
        drop_rate: As of :class:`ADL`.
        threshold: Likewise.

    Returns:
        Handles, whose ``remove`` takes the layers out again.

    Raises:
        ValueError: A name is unknown (the message has similar ones), or there is none.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    if not len(after):
        raise ValueError('after is empty: name at least one module for ADL to follow')
    for name in after:
        if name not in modules:
            similar = difflib.get_close_matches(name, modules, 5, 0) or list(modules)[:5]
            raise ValueError(f'{type(model).__name__} has no module {name!r} for ADL to follow; similar: {similar}')
    layer = ADL(drop_rate, threshold)
    return [modules[name].register_forward_hook(_AfterModule(layer)) for name in after]


@MODELS.register_module('ADLBackbone')
def adl_backbone(backbone: dict, after: Sequence[str], drop_rate: float = 0.75, threshold: float = 0.9) -> nn.Module:
    """A backbone with ADL inserted, for configs: ``dict(type='ADLBackbone', backbone=dict(...), after=[...])``.

    Args:
        backbone: Config of the backbone, which is what is returned: its checkpoints fit.
        after: As :func:`insert_adl` takes it.
        drop_rate: Likewise.
        threshold: Likewise.

    Returns:
        The backbone.
    """
    built = MODELS.build(backbone)
    insert_adl(built, after, drop_rate, threshold)
    return built
