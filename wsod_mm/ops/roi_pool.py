"""RoI max-pooling with the coordinate rules of the papers' codes."""

import functools
import importlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .rect_argmax import rect_argmax
from .roi_bins import ROI_POOL_MODES, roi_bins

__all__ = ['RoIMaxPool', 'roi_max_pool']

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
            pooled = _RoIMaxPoolFunction.apply(exact, rois.detach(), size, spatial_scale, mode)
        else:
            pooled = kernel(exact.contiguous(), rois.detach().to(exact.dtype).contiguous(), size, spatial_scale)
            if pooled.requires_grad:
                # the kernel reads the gradient's memory as if it were contiguous
                pooled.register_hook(torch.Tensor.contiguous)
        return pooled.to(dtype)


@functools.cache
def _mmcv_kernel() -> Any:
    """mmcv's op, or ``None`` where mmcv is absent or was compiled without CUDA."""
    try:
        ops = importlib.import_module('mmcv.ops')
    except ImportError:
        return None
    return None if ops.get_compiling_cuda_version() == 'not available' else ops.roi_pool


class _RoIMaxPoolFunction(torch.autograd.Function):
    """The exact torch path; positions of the maxima are kept once per distinct bin."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, rois: Tensor, size: tuple[int, int], scale: float, mode: str) -> Tensor:
        number, channels, height, width = features.shape
        bins = size[0] * size[1]
        y1, y2, x1, x2 = roi_bins(rois, size, (height, width), scale, mode)
        image = rois[:, 0].long()
        _check_images(image, number)
        rows, cols = (y1[:, :, None], y2[:, :, None]), (x1[:, None], x2[:, None])
        rects = torch.stack([part.expand(-1, *size) for part in (image[:, None, None], *rows, *cols)])
        rects, inverse = _distinct(rects.reshape(5, -1), number, height + 1, width + 1)
        values, positions = rect_argmax(features, *rects)

        lowest = 0.0 if mode == 'truncate' else _LOWEST
        empty = ((rects[2] <= rects[1]) | (rects[4] <= rects[3]))[:, None]
        positions = positions.masked_fill_(empty | (values <= lowest), -1)
        values = values.clamp_(min=lowest).masked_fill_(empty, 0)
        ctx.save_for_backward(positions, rects[0], inverse)
        ctx.shape = features.shape
        pooled = values if inverse is None else values.index_select(0, inverse)
        return pooled.view(-1, bins, channels).transpose(1, 2).reshape(-1, channels, *size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
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
        return total.contiguous(), None, None, None, None


def _check_images(image: Tensor, number: int) -> None:
    if image.device.type == 'cpu' and len(image):  # elsewhere looking at it would synchronise
        first, last = int(image.min()), int(image.max())
        if first < 0 or last >= number:
            raise IndexError(f'rois name images {first}..{last}, the batch has {number}')


def _distinct(rects: Tensor, number: int, rows: int, cols: int) -> tuple[Tensor, Tensor | None]:
    """Distinct columns of ``rects [5, K]`` and, per column, its place among them.

    Proposals overlap, so their bins repeat (two to five times); finding that out would synchronise
    an accelerator, where all are kept.
    """
    if rects.device.type != 'cpu':
        return rects, None
    base = (number, rows, rows, cols, cols)
    code = torch.zeros_like(rects[0])
    for row, radix in zip(rects, base, strict=True):
        code = code * radix + row
    code, inverse = torch.unique(code, return_inverse=True)
    columns = []
    for radix in reversed(base):
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
