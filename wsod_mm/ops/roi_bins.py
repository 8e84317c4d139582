"""Which cells of a feature map the bins of a RoI cover: the three coordinate rules of RoI
max-pooling."""

import torch
from torch import Tensor

__all__ = ['ROI_POOL_MODES', 'roi_bins']

ROI_POOL_MODES = ('mmcv', 'torchvision', 'truncate')


def roi_bins(
    rois: Tensor,
    output_size: tuple[int, int],
    map_size: tuple[int, int],
    spatial_scale: float,
    mode: str = 'mmcv',
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cells covered by every bin of every RoI, as half-open ranges clipped to the map.

    * ``'mmcv'``: start = x1 * scale, end = (x2 + 1) * scale, nothing rounded; bin i covers
      ``[floor(i * size / P + start), ceil((i + 1) * size / P + start))``. A RoI with a side <= 0
      has no cell. The multiply-add is rounded once, as nvcc compiles the kernel of mmcv 2.1.0.
    * ``'torchvision'``: both corners round(coord * scale) (halves away from zero), inclusive, size
      at least 1; bin i covers ``[floor(i * size / P), ceil((i + 1) * size / P)) + start``, computed
      in float32 as the kernel does (for P = 7 and size 57 the last bin therefore reaches one cell
      beyond the RoI).
    * ``'truncate'``: as torchvision's, but the corners are truncated toward zero (CASD's ring
      pooling) and the bins are computed in whole numbers.

    Args:
        rois: ``[R, 5]`` (image index, x1, y1, x2, y2), inclusive corners in network-input pixels;
            used as float32.
        output_size: Number of bins (rows, columns).
        map_size: Height and width of the feature map in cells.
        spatial_scale: Cells per pixel, 1 / stride.
        mode: One of ``ROI_POOL_MODES``.

    Returns:
        Int64 tensors ``y1 [R, Ph]``, ``y2 [R, Ph]``, ``x1 [R, Pw]``, ``x2 [R, Pw]``; a bin is empty
        when ``y2 <= y1`` or ``x2 <= x1``.

    Raises:
        ValueError: ``mode`` is unknown or ``rois`` has another shape.
    """
    if mode not in ROI_POOL_MODES:
        raise ValueError(f'unknown RoI pooling mode {mode!r}; choose one of {", ".join(ROI_POOL_MODES)}')
    if rois.dim() != 2 or rois.size(1) != 5:
        raise ValueError(f'rois must be [R, 5] (image index, x1, y1, x2, y2), got {tuple(rois.shape)}')
    boxes = rois[:, 1:].float()
    edges = {'mmcv': _mmcv_edges, 'torchvision': _torchvision_edges, 'truncate': _truncate_edges}[mode]
    x1, x2, width_ok = edges(boxes[:, 0], boxes[:, 2], output_size[1], spatial_scale)
    y1, y2, height_ok = edges(boxes[:, 1], boxes[:, 3], output_size[0], spatial_scale)
    if mode == 'mmcv':  # the kernel skips the whole RoI when one side is not positive
        valid = (width_ok & height_ok)[:, None]
        x2 = torch.where(valid, x2, x1)
    height, width = map_size
    return (
        y1.clamp(0, height).long(),
        y2.clamp(0, height).long(),
        x1.clamp(0, width).long(),
        x2.clamp(0, width).long(),
    )


def _mmcv_edges(low: Tensor, high: Tensor, bins: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    start = low * scale
    size = (high + 1) * scale - start
    step = _divide(size, bins).double()[:, None]
    index = torch.arange(bins, dtype=torch.float64, device=low.device)
    # float64 holds product and sum exactly, so that .float() is the single rounding of a fused
    # multiply-add
    first = (index * step + start.double()[:, None]).float().floor()
    last = ((index + 1) * step + start.double()[:, None]).float().ceil()
    return first, last, size > 0


def _torchvision_edges(low: Tensor, high: Tensor, bins: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    start, end = _round_half_away(low * scale), _round_half_away(high * scale)
    size = (end - start + 1).clamp(min=1)
    step = _divide(size, bins)[:, None]
    index = torch.arange(bins, dtype=torch.float32, device=low.device)
    return (
        (index * step).floor() + start[:, None],
        ((index + 1) * step).ceil() + start[:, None],
        size > 0,
    )


def _truncate_edges(low: Tensor, high: Tensor, bins: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    start, end = (low * scale).trunc().long(), (high * scale).trunc().long()
    size = (end - start + 1).clamp(min=1)
    index = torch.arange(bins, device=low.device)
    first = (index * size[:, None]).div(bins, rounding_mode='floor') + start[:, None]
    last = -(-(index + 1) * size[:, None]).div(bins, rounding_mode='floor') + start[:, None]
    return first, last, size > 0


def _divide(size: Tensor, bins: int) -> Tensor:
    # by a tensor: on CUDA, PyTorch multiplies by the reciprocal of a number, which is not the quotient of float32
    return size / torch.full_like(size, bins)


def _round_half_away(value: Tensor) -> Tensor:
    # torch.round goes to the even neighbour, C's round() away from zero; float64 keeps 0.49999997 +
    # 0.5 below 1
    exact = value.double()
    return (exact.sign() * (exact.abs() + 0.5).floor()).float()
