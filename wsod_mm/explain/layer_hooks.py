"""Looking at what layers compute, and changing it, for the time of a ``with`` block."""

import copy
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from .layers import TargetLayer

__all__ = ['LayerHooks']

Visit = Callable[[int, Tensor], Tensor | None]


class LayerHooks:
    """Calls a function with every tensor that some layers put out.

    Outputs that are tuples, lists or dicts are looked into. A layer that a forward pass calls several times (a head
    shared by the levels of a pyramid) is seen as often. Hooks exist inside the ``with`` block only, whatever happens
    there.

    Args:
        layers: The layers.
        visit: Called with the number of the tensor, counted over all layers from the beginning of the block, and the
            tensor; what it returns takes the tensor's place in the model, ``None`` leaves it.
    """

    def __init__(self, layers: Sequence[TargetLayer], visit: Visit) -> None:
        self.layers = list(layers)
        self.visit = visit
        self.count = 0
        self._handles: list[Any] = []

    def __enter__(self) -> 'LayerHooks':
        self.count = 0
        try:
            for layer in self.layers:
                self._handles.append(layer.module.register_forward_hook(self._hook(layer)))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, layer: TargetLayer) -> Callable[[nn.Module, Any, Any], Any]:
        return lambda module, inputs, output: self._replaced(output, layer)

    def _replaced(self, output: Any, layer: TargetLayer) -> Any:
        if isinstance(output, Tensor):
            # one output, which is the first and the last
            if layer.index not in (None, 0, -1):
                raise ValueError(f'layer {layer.name!r} has one output, there is no [{layer.index}]')
            return self._seen(output)
        if isinstance(output, dict):
            changed = copy.copy(output)
            changed.update((key, self._seen(value)) for key, value in output.items())
            return changed
        if not isinstance(output, tuple | list):
            return output
        index = layer.index
        if index is not None:
            if not -len(output) <= index < len(output):
                raise ValueError(f'layer {layer.name!r} has {len(output)} outputs, there is no [{index}]')
            index %= len(output)
        values = [self._seen(value) if index in (None, i) else value for i, value in enumerate(output)]
        if hasattr(output, '_fields'):
            return type(output)(*values)
        return type(output)(values)

    def _seen(self, value: Any) -> Any:
        # vectors and shapes travel beside the maps of some layers
        if not isinstance(value, Tensor) or value.dim() < 3 or not value.is_floating_point():
            return value
        self.count += 1
        changed = self.visit(self.count - 1, value)
        return value if changed is None else changed
