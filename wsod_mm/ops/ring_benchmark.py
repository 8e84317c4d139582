"""Measuring ring max-pooling."""

import torch
from torch import Tensor

from wsod_mm.functional.rings import RINGS, ring_rectangles

from .benchmark import _fastest, _peak
from .ring_pool import ring_max_pool, whole_cells
from .roi_bins import roi_bins

__all__ = ['benchmark_ring_pool', 'ring_max_pool_loop', 'ring_max_pool_loop_backward']


def ring_max_pool_loop(
    features: Tensor, rects: Tensor, bins: int, scale: float, rounding: str = 'truncate'
) -> tuple[Tensor, Tensor]:
    """Ring max-pooling as one slice, mask and maximum per RoI and bin; what the vectorised path is compared with.

    Args:
        features: ``[N, C, H, W]`` float32.
        rects: ``[R, 9]``.
        bins: Bins per side.
        scale: Cells per pixel.
        rounding: ``'truncate'`` or ``'round'``.

    Returns:
        Values ``[R, C, bins, bins]`` and positions of the first maxima in row-major order, int64, y * W + x; -1 where
        nothing is greater than 0.
    """
    channels, height, width = features.shape[1:]
    cells = whole_cells(rects[:, 1:].float() * scale, rounding)
    outer = torch.cat([rects[:, :1].float(), cells[:, :4]], dim=1)
    edges = [e.tolist() for e in roi_bins(outer, (bins, bins), (height, width), 1.0, 'truncate')]
    values = features.new_zeros(len(rects), bins, bins, channels)
    positions = torch.full(values.shape, -1)
    ys, xs = torch.arange(height)[:, None], torch.arange(width)
    for r, (image, hole) in enumerate(zip(rects[:, 0].long().tolist(), cells[:, 4:].tolist(), strict=True)):
        left, top, right, bottom = hole
        kept = ~((xs > left) & (xs < right) & (ys > top) & (ys < bottom))
        masked = torch.where(kept, features[image], 0.0)
        y1, y2, x1, x2 = (e[r] for e in edges)
        for i in range(bins):
            for j in range(bins):
                if y2[i] <= y1[i] or x2[j] <= x1[j]:
                    continue
                best, at = masked[:, y1[i] : y2[i], x1[j] : x2[j]].flatten(1).max(dim=1)
                columns = x2[j] - x1[j]
                at = (y1[i] + at // columns) * width + x1[j] + at % columns
                values[r, i, j] = best.clamp(min=0)
                positions[r, i, j] = torch.where(best > 0, at, -1)
    return values.permute(0, 3, 1, 2), positions.permute(0, 3, 1, 2)


def ring_max_pool_loop_backward(
    positions: Tensor, image: Tensor, grad: Tensor, shape: tuple[int, int, int, int]
) -> Tensor:
    """Gradient of the features from one scatter per RoI.

    Args:
        positions: ``[R, C, bins, bins]``, from :func:`ring_max_pool_loop`.
        image: ``[R]`` int64.
        grad: ``[R, C, bins, bins]``, gradient of the values.
        shape: Of the features: N, C, H, W.

    Returns:
        ``[N, C, H, W]``.
    """
    total = grad.new_zeros(shape)
    for where, number, slope in zip(positions.flatten(2), image.tolist(), grad.flatten(2), strict=True):
        total[number].flatten(1).scatter_add_(1, where.clamp(min=0), slope.masked_fill(where < 0, 0.0))
    return total


def benchmark_ring_pool(
    shape: tuple[int, int, int, int],
    rois: int,
    bins: int = 7,
    rounding: str = 'truncate',
    repeat: int = 3,
    device: str = 'cpu',
    stride: int = 16,
) -> dict[str, float]:
    """Time forward and backward of all three rings of random boxes, by the torch path in one call and by the loop.

    Args:
        shape: Of the feature map: N, C, H, W; its values are those of a ReLU.
        rois: Number of RoIs, spread over the images.
        bins: Bins per side.
        rounding: ``'truncate'`` or ``'round'``.
        repeat: The fastest of so many runs counts; the loop runs once, on the CPU.
        device: Of the torch path.
        stride: Pixels per cell.

    Returns:
        ``forward ms``, ``backward ms``, ``loop forward ms``, ``loop backward ms``, the ratios ``loop / forward`` and
        ``loop / forward+backward``, and ``peak MiB``: memory beyond what was in use before (on the CPU: of the
        process, on Linux).
    """
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator).relu()
    limits = torch.tensor([shape[3] * stride, shape[2] * stride])
    corners = (torch.rand(rois, 2, 2, generator=generator).sort(1).values * limits).floor()
    boxes = torch.cat([torch.arange(rois)[:, None] % shape[0], corners.flatten(1)], dim=1)
    rects = torch.cat([ring_rectangles(boxes, *scales) for scales in RINGS.values()])
    there, there_rects = features.to(device).requires_grad_(), rects.to(device)

    def forward() -> Tensor:
        return ring_max_pool(there, there_rects, bins, 1 / stride, rounding)

    # first of all: later the allocator has memory in reserve that would not be counted
    result = {'peak MiB': _peak(lambda: forward().sum().backward(), device)}
    pooled = forward()
    slope = torch.ones_like(pooled)
    result['forward ms'] = _fastest(forward, repeat, device)
    result['backward ms'] = _fastest(
        lambda: torch.autograd.grad(pooled, there, slope, retain_graph=True), repeat, device
    )
    found = []
    result['loop forward ms'] = _fastest(
        lambda: found.append(ring_max_pool_loop(features, rects, bins, 1 / stride, rounding)), 1, 'cpu'
    )
    positions, slope = found[0][1], slope.cpu()
    result['loop backward ms'] = _fastest(
        lambda: ring_max_pool_loop_backward(positions, rects[:, 0].long(), slope, shape), 1, 'cpu'
    )
    both, loop = (result[f'{of}forward ms'] + result[f'{of}backward ms'] for of in ('', 'loop '))
    result['loop / forward'] = result['loop forward ms'] / result['forward ms']
    result['loop / forward+backward'] = loop / both
    return result
