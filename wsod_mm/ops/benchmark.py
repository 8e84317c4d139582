"""Measuring RoI max-pooling."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from .roi_bins import roi_bins
from .roi_pool import roi_max_pool

__all__ = ['benchmark_roi_pool', 'roi_max_pool_loop']


def roi_max_pool_loop(features: Tensor, rois: Tensor, bins: int, scale: float, mode: str) -> Tensor:
    """RoI max-pooling as one slice and maximum per RoI and bin; what the vectorised path is
    compared with.

    Args:
        features: ``[N, C, H, W]``.
        rois: ``[R, 5]``.
        bins: Bins per side.
        scale: Cells per pixel.
        mode: Coordinate rule.

    Returns:
        ``[R, C, bins, bins]``; the lower limit of the kernels is left out.
    """
    edges = [e.tolist() for e in roi_bins(rois, (bins, bins), features.shape[-2:], scale, mode)]
    empty = features.new_zeros(features.size(1))
    pooled = []
    for image, y1, y2, x1, x2 in zip(rois[:, 0].long().tolist(), *edges, strict=True):
        for i in range(bins):
            for j in range(bins):
                cells = features[image, :, y1[i] : y2[i], x1[j] : x2[j]]
                pooled.append(cells.flatten(1).amax(1) if cells.numel() else empty)
    return torch.stack(pooled, 1).view(features.size(1), len(rois), bins, bins).transpose(0, 1)


def benchmark_roi_pool(
    shape: tuple[int, int, int, int],
    rois: int,
    bins: int = 7,
    mode: str = 'mmcv',
    repeat: int = 3,
    device: str = 'cpu',
    stride: int = 8,
) -> dict[str, float]:
    """Time forward and backward of the torch path and of the loop, on random features and boxes.

    Args:
        shape: Of the feature map: N, C, H, W.
        rois: Number of RoIs, spread over the images.
        bins: Bins per side.
        mode: Coordinate rule.
        repeat: The fastest of so many runs counts.
        device: ``'cpu'`` or ``'cuda'``; on CUDA ``mode='mmcv'`` measures mmcv's kernel.
        stride: Pixels per cell.

    Returns:
        ``forward ms``, ``backward ms``, ``loop forward ms``, the ratio ``loop / forward``, and
        ``peak MiB``: memory beyond what was in use before (on the CPU: of the process, on Linux).
    """
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator).to(device).requires_grad_()
    limits = torch.tensor([shape[3] * stride, shape[2] * stride])
    corners = (torch.rand(rois, 2, 2, generator=generator).sort(1).values * limits).floor()
    images = torch.arange(rois)[:, None] % shape[0]
    boxes = torch.cat([images.float(), corners.flatten(1)], 1).to(device)

    def forward() -> Tensor:
        return roi_max_pool(features, boxes, bins, 1 / stride, mode)

    # first of all: later the allocator has memory in reserve that would not be counted
    peak = _peak(lambda: forward().sum().backward(), device)
    pooled = forward()
    slope = torch.ones_like(pooled)
    result = {
        'peak MiB': peak,
        'forward ms': _fastest(forward, repeat, device),
        'backward ms': _fastest(
            lambda: torch.autograd.grad(pooled, features, slope, retain_graph=True), repeat, device
        ),
    }
    with torch.no_grad():
        loop = _fastest(lambda: roi_max_pool_loop(features, boxes, bins, 1 / stride, mode), 1, device)
    result['loop forward ms'] = loop
    result['loop / forward'] = loop / result['forward ms']
    return result


def _fastest(run: Callable[[], object], repeat: int, device: str) -> float:
    times = []
    for _ in range(repeat):
        _wait(device)
        begin = time.perf_counter()
        run()
        _wait(device)
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize()


def _peak(run: Callable[[], object], device: str) -> float:
    if device.startswith('cuda'):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    status, reset = Path('/proc/self/status'), Path('/proc/self/clear_refs')
    if not reset.exists():  # Linux only
        return math.nan
    reset.write_text('5')  # forget the peak so far
    before = _kibibytes(status, 'VmRSS')
    run()
    return (_kibibytes(status, 'VmHWM') - before) / 2**10


def _kibibytes(status: Path, name: str) -> int:
    lines = dict(line.split(':', 1) for line in status.read_text().splitlines())
    return int(lines[name].split()[0])
