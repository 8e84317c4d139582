"""Layers to look at: by module or by dotted name."""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

__all__ = ['TargetLayer', 'find_layer', 'find_layers', 'layer_names']

Layer = nn.Module | str

_PATH = re.compile(r'\w+(\.\w+|\[-?\d+\])*')
_TOKEN = re.compile(r'(\w+)|\[(-?\d+)\]')


class TargetLayer(NamedTuple):
    """A layer of a model.

    Attributes:
        name: Its dotted name.
        module: The module.
        index: Which of its outputs, where it has several; ``None``: all.
    """

    name: str
    module: nn.Module
    index: int | None = None


def layer_names(model: nn.Module) -> list[str]:
    """Dotted names of all modules inside a model, in the order of their construction."""
    return [name for name, _ in model.named_modules() if name]


def find_layers(model: nn.Module, layers: Layer | Sequence[Layer]) -> list[TargetLayer]:
    """Several layers, see :func:`find_layer`.

    Raises:
        ValueError: There is none, or one is not in the model.
    """
    given = [layers] if isinstance(layers, str | nn.Module) else list(layers)
    if not given:
        raise ValueError('no target layer was given')
    found = [find_layer(model, layer) for layer in given]
    return [layer for i, layer in enumerate(found) if layer not in found[:i]]


def find_layer(model: nn.Module, layer: Layer) -> TargetLayer:
    """A layer by its name or as the module itself.

    Args:
        model: The model.
        layer: A module of it, or a name as ``named_modules`` gives it, such as ``'backbone.layer4.1.conv2'``. Members
            of lists can also be written ``'layer4[-1]'``; behind another module, ``[i]`` chooses one of its outputs:
            ``'neck[0]'``, the finest level of a feature pyramid. A leading ``'model.'`` may be there or not.

    Returns:
        The layer.

    Raises:
        ValueError: The model has none such; the message lists names that are alike.
    """
    if isinstance(layer, nn.Module):
        for name, module in model.named_modules():
            if module is layer:
                return TargetLayer(name, module)
        raise ValueError(f'the target layer {type(layer).__name__} is no part of this {type(model).__name__}')
    for path in (layer, layer.removeprefix('model.')):
        found = _walk(model, path) if _PATH.fullmatch(path) else None
        if found is not None:
            return found
    raise ValueError(f'no layer {layer!r} in {type(model).__name__}; {_candidates(model, layer)}')


def _walk(model: nn.Module, path: str) -> TargetLayer | None:
    module, names = model, []
    for token in _TOKEN.finditer(path):
        if token[1] is not None:
            child = module._modules.get(token[1])
            if child is None:
                return None
            names.append(token[1])
        else:
            number = int(token[2])
            if not isinstance(module, nn.Sequential | nn.ModuleList):
                # the outputs of a module; nothing lies behind them
                return TargetLayer('.'.join(names), module, number) if token.end() == len(path) else None
            children = list(module.named_children())
            if not -len(children) <= number < len(children):
                return None
            name, child = children[number]
            names.append(name)
        module = child
    return TargetLayer('.'.join(names), module)


def _candidates(model: nn.Module, layer: str) -> str:
    names = layer_names(model)
    near = difflib.get_close_matches(layer, names, n=6, cutoff=0.5)
    if not near:  # then below the part that is right
        known = layer
        while known and known not in names:
            known = known.rpartition('.')[0]
        near = [name for name in names if name.startswith(known) and name.count('.') == known.count('.') + bool(known)]
    listed = ', '.join(near[:12]) + (', ...' if len(near) > 12 else '')
    return f'there are {listed} (--preview-model, or layer_names(model), lists all)'
