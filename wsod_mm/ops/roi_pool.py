"""RoI max-pooling with the coordinate rules of the papers' codes."""

import functools
import importlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .rect_argmax import rect_argmax
from .roi_bins import ROI_POOL_MODES, roi_bins

__all__ = ['Regions', 'RoIMaxPool', 'pool_regions', 'regions_argmax', 'roi_max_pool']

_BACKWARD_BYTES = 64 << 20
_LOWEST = torch.finfo(torch.float32).min


def roi_max_pool(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
    mode: str = 'mmcv',
) -> Tensor:
    """Max-pool every RoI to a fixed grid of bins.

    A bin is the maximum of the cells that :func:`wsod_mm.ops.roi_bins.roi_bins` gives it, an empty
    bin is 0 and passes no gradient, and the gradient of a bin goes to its first maximum in
    row-major order. As in the public kernels the maximum starts from the lowest float32 (a bin of
    ``-inf`` gives that number and no gradient), and with ``mode='truncate'`` from 0: negative
    maxima become 0 and pass no gradient (CASD's ring pooling). NaN propagates. mmcv's kernel is
    used for ``mode='mmcv'`` on CUDA, the exact torch path elsewhere. Half precision is pooled in
    float32, also under autocast, because half coordinates would move the bins.

    Args:
        features: ``[N, C, H, W]``, float16, bfloat16, float32 or float64.
        rois: ``[R, 5]`` (image index, x1, y1, x2, y2), inclusive corners in network-input pixels;
            may lie outside the map.
        output_size: Bins per side, or (rows, columns).
        spatial_scale: Cells per pixel, 1 / stride.
        mode: ``'mmcv'``, ``'torchvision'`` or ``'truncate'``.

    Returns:
        ``[R, C, Ph, Pw]`` of the features' dtype.

    Raises:
        ValueError: Unknown mode, or shapes that do not fit.
        IndexError: A RoI names an image that is not in the batch (checked on CPU only).
    """
    size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if mode not in ROI_POOL_MODES:
        raise ValueError(f'unknown RoI pooling mode {mode!r}; choose one of {", ".join(ROI_POOL_MODES)}')
    if features.dim() != 4:
        raise ValueError(f'features must be [N, C, H, W], got {tuple(features.shape)}')
    if rois.dim() != 2 or rois.size(1) != 5:
        raise ValueError(f'rois must be [R, 5] (image index, x1, y1, x2, y2), got {tuple(rois.shape)}')
    dtype = features.dtype
    with torch.autocast(features.device.type, enabled=False):
        exact = features if dtype == torch.float64 else features.float()
        kernel = _mmcv_kernel() if mode == 'mmcv' and features.is_cuda and len(rois) else None
        if kernel is None:
            regions = _roi_regions(exact, rois.detach(), size, spatial_scale, mode)
            pooled = pool_regions(exact, regions, size, 0.0 if mode == 'truncate' else _LOWEST)
        else:
            corners = rois.detach().to(exact.dtype).contiguous()
            pooled = kernel(exact.contiguous(), corners, size, spatial_scale)
            if pooled.requires_grad:
                # the kernel reads the gradient's memory as if it were contiguous
                pooled.register_hook(torch.Tensor.contiguous)
            # it sends the gradient of a RoI without a side to the first cell of the map, which it never looked at
            sides = (corners[:, 3:] + 1) * spatial_scale - corners[:, 1:3] * spatial_scale
            pooled = torch.where((sides > 0).all(dim=1)[:, None, None, None], pooled, 0)
        return pooled.to(dtype)


@functools.cache
def _mmcv_kernel() -> Any:
    """mmcv's op, or ``None`` where mmcv is absent or was compiled without CUDA."""
    try:
        ops = importlib.import_module('mmcv.ops')
    except ImportError:
        return None
    return None if ops.get_compiling_cuda_version() == 'not available' else ops.roi_pool


class Regions(NamedTuple):
    """The cells of all bins.

    Attributes:
        image: ``[K]`` int64, the image of every distinct bin.
        y1: ``[K]`` or, where a bin is a union of P rectangles, ``[P, K]`` int64: first row; ``y2``
            is the row after the last, likewise the columns ``x1`` and ``x2``.
        y2: See ``y1``.
        x1: See ``y1``.
        x2: See ``y1``.
        inverse: ``[R * Ph * Pw]`` int64, the number of each bin among the distinct ones; ``None``:
            all bins are kept, K = R * Ph * Pw.
    """

    image: Tensor
    y1: Tensor
    y2: Tensor
    x1: Tensor
    x2: Tensor
    inverse: Tensor | None


def _roi_regions(features: Tensor, rois: Tensor, size: tuple[int, int], scale: float, mode: str) -> Regions:
    number, _, height, width = features.shape
    y1, y2, x1, x2 = roi_bins(rois, size, (height, width), scale, mode)
    image = rois[:, 0].long()
    _check_images(image, number)
    rows, cols = (y1[:, :, None], y2[:, :, None]), (x1[:, None], x2[:, None])
    rects = torch.stack([part.expand(-1, *size) for part in (image[:, None, None], *rows, *cols)])
    bases = (number, height + 1, height + 1, width + 1, width + 1)
    rects, inverse = _distinct(rects.reshape(5, -1), bases)
    return Regions(*rects, inverse)


def regions_argmax(features: Tensor, regions: Regions, lowest: float) -> tuple[Tensor, Tensor]:
    """Maximum of every distinct bin and where it is.

    Args:
        features: ``[N, C, H, W]`` float32 or float64.
        regions: K distinct bins.
        lowest: The maximum starts from here.

    Returns:
        Values ``[K, C]``, 0 for a bin without cells, and positions ``[K, C]`` int32 (y * W + x),
        -1 where the bin has no cell above ``lowest``.
    """
    image, *edges, _ = regions
    values, positions = rect_argmax(features, image, *edges)
    y1, y2, x1, x2 = edges
    empty = (y2 <= y1) | (x2 <= x1)
    empty = (empty.all(dim=0) if empty.dim() > 1 else empty)[:, None]
    positions = positions.masked_fill_(empty | (values <= lowest), -1)
    return values.clamp_(min=lowest).masked_fill_(empty, 0), positions


def pool_regions(features: Tensor, regions: Regions, size: tuple[int, int], lowest: float) -> Tensor:
    """Differentiable maximum of every bin of every RoI.

    Args:
        features: ``[N, C, H, W]`` float32 or float64.
        regions: The bins, RoI after RoI, each in row-major order.
        size: Bins (rows, columns) of a RoI.
        lowest: The maximum starts from here; a bin without a greater cell has no gradient.

    Returns:
        ``[R, C, Ph, Pw]``.
    """
    return _MaxPoolFunction.apply(features, regions, size, lowest)


class _MaxPoolFunction(torch.autograd.Function):
    """The exact torch path; positions of the maxima are kept once per distinct bin."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, regions: Regions, size: tuple[int, int], lowest: float) -> Tensor:
        channels, inverse = features.size(1), regions.inverse
        values, positions = regions_argmax(features, regions, lowest)
        ctx.save_for_backward(positions, regions.image, inverse)
        ctx.shape = features.shape
        pooled = values if inverse is None else values.index_select(0, inverse)
        return pooled.view(-1, size[0] * size[1], channels).transpose(1, 2).reshape(-1, channels, *size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        positions, image, inverse = ctx.saved_tensors
        number, channels, height, width = ctx.shape
        cells = height * width
        grad = grad.flatten(2)
        total = grad.new_zeros(channels, number * cells)
        step = max(1, _BACKWARD_BYTES // (8 * max(len(positions), 1)))
        for begin in range(0, channels, step):  # channels are independent: slices bound the memory
            part = slice(begin, begin + step)
            slope = grad[:, part].transpose(1, 2).flatten(0, 1)
            where = positions[:, part]
            if inverse is not None:
                slope = slope.new_zeros(where.shape).index_add_(0, inverse, slope)
            slope = slope.masked_fill(where < 0, 0).flatten()
            target = where.clamp(min=0).long().add_(image[:, None] * cells)
            target.add_(torch.arange(where.size(1), device=grad.device) * (number * cells))
            total[part].view(-1).index_add_(0, target.flatten(), slope)
        total = total.view(channels, number, height, width).transpose(0, 1)
        return total.contiguous(), None, None, None


def _check_images(image: Tensor, number: int) -> None:
    """Refuse RoIs of images that are not there.

    Args:
        image: ``[R]`` int64.
        number: Images in the batch.

    Raises:
        IndexError: On the CPU only; elsewhere looking at the numbers would synchronise.
    """
    if image.device.type == 'cpu' and len(image):
        first, last = int(image.min()), int(image.max())
        if first < 0 or last >= number:
            raise IndexError(f'rois name images {first}..{last}, the batch has {number}')


def _distinct(rects: Tensor, bases: Sequence[int]) -> tuple[Tensor, Tensor | None]:
    """Distinct columns of ``rects``, and for each column its place among them.

    Proposals overlap, so their bins repeat (two to five times); finding that out would synchronise
    an accelerator, where all are kept, as they are where the bases are too large for one int64.

    Args:
        rects: ``[n, K]`` int64, row i in ``[0, bases[i])``.
        bases: Upper limits of the n rows.

    Returns:
        ``[n, U]`` in ascending order, the first row counting most, and ``[K]`` int64; or ``rects``
        and ``None``.
    """
    if rects.device.type != 'cpu' or math.prod(bases) >= 1 << 63:
        return rects, None
    code = torch.zeros_like(rects[0])
    for row, radix in zip(rects, bases, strict=True):
        code = code * radix + row
    code, inverse = torch.unique(code, return_inverse=True)
    columns = []
    for radix in reversed(bases):
        columns.append(code % radix)
        code = code // radix
    return torch.stack(columns[::-1]), inverse


class RoIMaxPool(nn.Module):
    """:func:`roi_max_pool` as a layer.

    Args:
        output_size: Bins per side, or (rows, columns).
        spatial_scale: Cells per pixel, 1 / stride.
        mode: Coordinate rule: ``'mmcv'``, ``'torchvision'`` or ``'truncate'``.
    """

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0, mode: str = 'mmcv') -> None:
        super().__init__()
        if mode not in ROI_POOL_MODES:
            raise ValueError(f'unknown RoI pooling mode {mode!r}; choose one of {", ".join(ROI_POOL_MODES)}')
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.spatial_scale = float(spatial_scale)
        self.mode = mode

    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        """Pool ``features [N, C, H, W]`` at ``rois [R, 5]``; returns ``[R, C, Ph, Pw]``."""
        return roi_max_pool(features, rois, self.output_size, self.spatial_scale, self.mode)

    def extra_repr(self) -> str:
        """Settings shown by ``print(module)``."""
        size, scale = self.output_size, self.spatial_scale
        return f'output_size={size}, spatial_scale={scale}, mode={self.mode!r}'
