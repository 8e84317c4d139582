"""What all methods of the CAM family have in common."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wsod_mm.functional.cam_localization import resize_cam
from wsod_mm.functional.cam_methods import FUSIONS, eigen_cam, fuse_cams, scale_cams

from .evaluating import evaluating
from .explained import Explained, LayerMaps
from .layer_hooks import LayerHooks
from .layers import Layer, find_layers
from .raw_detections import RawDetections
from .scorers import ModelScorer, make_scorer
from .targets import Target, Targets, flip_target, resolve_targets
from .token_reshape import TokenReshape

__all__ = ['BaseCAM', 'check_inputs']

#: ``aug_smooth``: factors on the pixels, each with the image and its mirror image.
AUG_FACTORS = (1.0, 0.9, 1.1)


class BaseCAM:
    """Explains scores of a model by heat maps.

    Usable as ``with GradCAM(model) as cam: maps = cam(inputs)`` or without ``with``. Hooks are on the model only while
    it computes, so nothing is left on it however the block ends, and an object that is never closed does no harm. The
    model's training modes, ``requires_grad`` and ``grad`` stay as they are; it may be frozen, and calls may lie inside
    ``no_grad``.

    Args:
        model: A classifier, a segmentation network, a detector, or a scorer, see :func:`.scorers.make_scorer`.
        target_layers: Modules or dotted names, see :func:`.layers.find_layer`; ``None``: those of the scorer.
        reshape: Makes maps ``[B, C, h, w]`` of what the layers put out, such as a ``TokenReshape``; ``None``: they are
            maps.
        fusion: How the maps of several layers, or of several outputs of one, become one: ``'mean'``, ``'max'`` or
            ``'tanh_max'``.
        relu: Cut negative values off; without it the lowest becomes 0.
        max_shape: Maps with a longer side are shrunk to it first, which saves time and memory; ``None``: not.

    Raises:
        ValueError: A layer is not in the model, or a setting is unknown.
        TypeError: The detector is of an unknown kind.
    """

    #: Whether gradients of the targets are needed.
    uses_gradients = True

    def __init__(
        self,
        model: nn.Module | ModelScorer,
        target_layers: Layer | Sequence[Layer] | None = None,
        *,
        reshape: TokenReshape | Any | None = None,
        fusion: str = 'mean',
        relu: bool = True,
        max_shape: int | None = None,
    ) -> None:
        if fusion not in FUSIONS:
            raise ValueError(f'fusion={fusion!r}: must be one of {", ".join(map(repr, FUSIONS))}')
        if max_shape is not None and max_shape < 1:
            raise ValueError(f'max_shape={max_shape}: must be at least 1, or None')
        self.scorer = make_scorer(model)
        self.layers = find_layers(
            self.scorer.model, self.scorer.default_layers() if target_layers is None else target_layers
        )
        self.reshape = reshape
        self.fusion = fusion
        self.relu = relu
        self.max_shape = max_shape
        #: Outputs of the last call's images, without gradients: a tensor, or raw detections.
        self.outputs: Sequence[Tensor | RawDetections] | None = None
        #: What was explained by the last call, one per image.
        self.targets: list[Target] | None = None

    def __enter__(self) -> 'BaseCAM':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.outputs = self.targets = None

    def __call__(
        self,
        inputs: Tensor,
        targets: Targets = None,
        samples: Sequence[Any] | None = None,
        *,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> Tensor:
        """Explain a batch.

        Args:
            inputs: ``[B, 3, H, W]`` float, preprocessed.
            targets: What to explain, see :data:`.targets.Targets`; ``None``: the best class of every image.
            samples: Data samples as the data preprocessor gives them; detectors take ``DetSample`` too. Their
                ``img_shape`` says what is padding.
            aug_smooth: Mean over the image and its mirror image, each with pixels times 0.9, 1 and 1.1.
            eigen_smooth: First principal component of the weighted channels instead of their sum.

        Returns:
            ``[B, H, W]`` float32 in [0, 1], 0 in the padding; zeros where the target has no gradient.

        Raises:
            ValueError: Inputs, targets or samples have another form, or a layer took no part.
        """
        inputs = check_inputs(inputs)
        with evaluating(self.scorer.model):
            inputs = inputs.detach().clone()
            samples = self.scorer.prepare(inputs, samples)
            sizes = self._sizes(inputs, samples)
            raw, seen = self._explain(inputs, samples, targets, eigen_smooth)
            maps = self._finished(raw, inputs, sizes)
            if aug_smooth:
                maps = self._smoothed(maps, inputs, samples, seen.targets, sizes, eigen_smooth)
        self.outputs, self.targets = seen.outputs, seen.targets
        return maps

    def raw_maps(
        self,
        inputs: Tensor,
        targets: Targets = None,
        samples: Sequence[Any] | None = None,
        *,
        eigen_smooth: bool = False,
    ) -> list[Tensor]:
        """Maps as they come from the formula, ``[B, h, w]`` for every output of every layer; see :meth:`__call__`."""
        inputs = check_inputs(inputs)
        with evaluating(self.scorer.model):
            inputs = inputs.detach().clone()
            raw, seen = self._explain(inputs, self.scorer.prepare(inputs, samples), targets, eigen_smooth)
        self.outputs, self.targets = seen.outputs, seen.targets
        return raw

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """The method itself: channels of a layer, weighted.

        Args:
            maps: Of a layer.
            run: Images and targets.

        Returns:
            ``[B, C, h, w]``, whose sum over channels is the map.
        """
        raise NotImplementedError

    def raw_map(self, maps: LayerMaps, run: Explained, eigen_smooth: bool) -> Tensor:
        """The map ``[B, h, w]`` of a layer."""
        weighted = self.weighted(maps, run)
        return eigen_cam(weighted) if eigen_smooth else weighted.sum(dim=1)

    def _explain(
        self, inputs: Tensor, samples: list[Any], targets: Targets, eigen_smooth: bool
    ) -> tuple[list[Tensor], Explained]:
        tensors: list[Tensor] = []

        def keep(number: int, tensor: Tensor) -> Tensor:
            with torch.set_grad_enabled(self.uses_gradients):
                if self.uses_gradients and not tensor.requires_grad:
                    tensor = tensor.detach().requires_grad_()  # nothing before it learns: the graph begins here
                tensors.append(tensor)
                return tensor.clone()  # what the model does to it in place must not reach ours

        with torch.set_grad_enabled(self.uses_gradients):
            with LayerHooks(self.layers, keep):
                outputs = self.scorer.forward(inputs, samples)
            if not tensors:
                names = ', '.join(repr(layer.name) for layer in self.layers)
                raise ValueError(f'no map came from {names} in a forward pass; choose layers that take part in it')
            resolved = resolve_targets(targets, outputs)
            gradients = self._gradients(outputs, resolved, tensors) if self.uses_gradients else [None] * len(tensors)
        kept = outputs.detach() if isinstance(outputs, Tensor) else [each.detach() for each in outputs]
        run = Explained(inputs, samples, resolved, kept)
        with torch.no_grad():
            layers = [self._layer_maps(*both, i) for i, both in enumerate(zip(tensors, gradients, strict=True))]
            for maps in layers:
                if len(maps.activations) != len(inputs):
                    raise ValueError(
                        f'a layer put out {len(maps.activations)} maps for {len(inputs)} images, for instance one per '
                        'region; choose layers of the backbone or the neck'
                    )
            return [self.raw_map(maps, run, eigen_smooth) for maps in layers], run

    def _gradients(
        self, outputs: Sequence[Tensor | RawDetections], targets: list[Target], tensors: list[Tensor]
    ) -> list[Tensor]:
        scores = [target(output) for target, output in zip(targets, outputs, strict=True)]
        for score in scores:
            if not isinstance(score, Tensor) or score.numel() != 1:
                raise ValueError(f'a target must return one number as a tensor, got {score!r:.80}')
        total = torch.stack([score.reshape(()) for score in scores]).sum()
        if not total.requires_grad:  # for instance a detector without any row
            return [torch.zeros_like(tensor) for tensor in tensors]
        found = torch.autograd.grad(total, tensors, allow_unused=True)
        if all(each is None for each in found):
            names = ', '.join(repr(layer.name) for layer in self.layers)
            raise ValueError(f'the score does not depend on {names}; choose layers before the output')
        return [torch.zeros_like(a) if g is None else g for a, g in zip(tensors, found, strict=True)]

    def _layer_maps(self, tensor: Tensor, gradient: Tensor | None, number: int) -> LayerMaps:
        maps = self._as_maps(tensor.detach())
        dim = 1 if self.reshape is None else _channel_dim(tensor, maps)
        grads = None if gradient is None else self._as_maps(gradient.detach())
        longest = max(maps.shape[2:])
        if self.max_shape is not None and longest > self.max_shape:
            size = [max(1, round(side * self.max_shape / longest)) for side in maps.shape[2:]]
            maps, grads = (
                None if each is None else F.interpolate(each, size, mode='bilinear', align_corners=False)
                for each in (maps, grads)
            )
        return LayerMaps(maps, grads, number, dim)

    def _as_maps(self, tensor: Tensor) -> Tensor:
        maps = tensor if self.reshape is None else self.reshape(tensor)
        if maps.dim() != 4:
            raise ValueError(
                f'a layer put out {tuple(tensor.shape)}, not maps [B, C, h, w]; tokens of a transformer need a reshape '
                '(--vit-like, TokenReshape)'
            )
        return maps if maps.dtype == torch.float64 else maps.float()

    def _finished(self, raw: list[Tensor], inputs: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
        """``[B, H, W]`` in [0, 1]."""
        height, width = inputs.shape[-2:]
        layers = [scale_cams(_without_padding(maps, sizes, (height, width), self.relu), None, False) for maps in raw]
        layers = [resize_cam(maps, (height, width)) for maps in layers]
        if any(size != (height, width) for size in sizes):
            inside = torch.stack([_inside(size, (height, width), inputs.device) for size in sizes])
            layers = [maps * inside for maps in layers]
        return fuse_cams(layers, self.fusion).float()

    def _smoothed(
        self,
        plain: Tensor,
        inputs: Tensor,
        samples: list[Any],
        targets: list[Target],
        sizes: list[tuple[int, int]],
        eigen_smooth: bool,
    ) -> Tensor:
        widths = [width for _, width in sizes]
        flipped = [self.scorer.flip(sample, width) for sample, width in zip(samples, widths, strict=True)]
        mirrored = [flip_target(target, width) for target, width in zip(targets, widths, strict=True)]
        total = plain
        for flip in (False, True):
            for factor in AUG_FACTORS:
                if factor == 1 and not flip:
                    continue
                view = (_flip(inputs, sizes) if flip else inputs) * factor
                asked = (flipped, mirrored) if flip else (samples, targets)
                maps = self._finished(self._explain(view, *asked, eigen_smooth)[0], inputs, sizes)
                total = total + (_flip(maps, sizes) if flip else maps)
        return total / (2 * len(AUG_FACTORS))

    def _sizes(self, inputs: Tensor, samples: list[Any]) -> list[tuple[int, int]]:
        whole = (inputs.shape[-2], inputs.shape[-1])
        return [self.scorer.size(sample) or whole for sample in samples]


def check_inputs(inputs: Tensor) -> Tensor:
    """Images of a batch, as they are.

    Raises:
        ValueError: They are not float ``[B, 3, H, W]``.
    """
    if not isinstance(inputs, Tensor) or inputs.dim() != 4 or not inputs.is_floating_point() or not len(inputs):
        shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise ValueError(f'inputs must be float [B, 3, H, W], preprocessed, got {shape}; one image: inputs[None]')
    return inputs


def _channel_dim(tensor: Tensor, maps: Tensor) -> int:
    """Dimension of ``tensor`` that a reshape made the channels of ``maps``."""
    if tensor.shape == maps.shape:
        return 1
    dims = [dim for dim in range(1, tensor.dim()) if tensor.shape[dim] == maps.shape[1]]
    return dims[-1] if dims else -1


def _inside(size: tuple[int, int], shape: tuple[int, int], device: torch.device) -> Tensor:
    """``[H, W]`` bool: the image without its padding."""
    rows, columns = (torch.arange(n, device=device) < limit for n, limit in zip(shape, size, strict=True))
    return rows[:, None] & columns


def _without_padding(maps: Tensor, sizes: list[tuple[int, int]], shape: tuple[int, int], relu: bool) -> Tensor:
    """Maps whose cells in the padding have the lowest value of the others."""
    maps = F.relu(maps) if relu else maps
    if all(size == shape for size in sizes):
        return maps
    rows, columns = maps.shape[1:]
    out = maps.clone()
    for i, (height, width) in enumerate(sizes):
        # cell k begins at pixel k * H / rows
        cells = (max(1, -(-height * rows // shape[0])), max(1, -(-width * columns // shape[1])))
        inside = _inside(cells, (rows, columns), maps.device)
        out[i] = torch.where(inside, maps[i], maps[i, : cells[0], : cells[1]].min())
    return out


def _flip(images: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
    """Images ``[B, .., H, W]`` mirrored, padding left where it is."""
    out = images.clone()
    for i, (_, width) in enumerate(sizes):
        out[i, ..., :width] = images[i, ..., :width].flip(-1)
    return out
