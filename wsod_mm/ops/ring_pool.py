"""Max-pooling of rectangular rings: RoIs with a hole (ContextLocNet, CASD)."""

import torch
from torch import Tensor, nn

from .roi_bins import roi_bins
from .roi_pool import Regions, _check_images, _distinct, pool_regions, regions_argmax

__all__ = ['RING_ROUNDINGS', 'RingMaxPool', 'ring_max_pool', 'ring_pool_argmax', 'whole_cells']

RING_ROUNDINGS = ('truncate', 'round')


def ring_max_pool(
    features: Tensor,
    rects: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
    rounding: str = 'truncate',
) -> Tensor:
    """Max-pool every ring to a fixed grid of bins.

    The grid divides the outer rectangle as :func:`wsod_mm.ops.roi_bins.roi_bins` does with ``mode='truncate'``: whole
    numbers, at least one cell, clipped to the map. Cells strictly inside the inner rectangle are left out. The maximum
    starts from 0: a bin without a positive cell, or without cells, is 0 and passes no gradient; otherwise the gradient
    goes to the first maximum in row-major order. NaN propagates. Half precision is pooled in float32, also under
    autocast. A bin with a piece of the hole is the union of four rectangles, so the cost hardly depends on its size.

    Pool all rings of the same features in one call: what the call prepares from the features is then prepared once.

    Source: ContextLocNet paper, section 3.2; ``'truncate'``: public code of MELM and CASD.

    Args:
        features: ``[N, C, H, W]``, float16, bfloat16, float32 or float64.
        rects: ``[R, 9]`` (image index, outer x1, y1, x2, y2, inner x1, y1, x2, y2) in network-input pixels, from
            :func:`wsod_mm.functional.rings.ring_rectangles`; may leave the map. No hole: inner all 0.
        output_size: Bins per side, or (rows, columns).
        spatial_scale: Cells per pixel, 1 / stride.
        rounding: From coordinate * scale to whole cells. ``'truncate'``: toward zero, also where it is negative (CASD,
            MELM). ``'round'``: x1 and y1 of both rectangles by floor(v + 0.5), x2 and y2 by ceil(v - 0.5) (public
            ContextLocNet code, whose shift of all coordinates by -18 pixels, made for its VGG-F, is left to the
            caller).

    Returns:
        ``[R, C, Ph, Pw]`` of the features' dtype.

    Raises:
        ValueError: Unknown rounding, or shapes that do not fit.
        IndexError: A rectangle names an image that is not in the batch (checked on CPU only).
    """
    size = _checked_size(features, rects, output_size, rounding)
    with torch.autocast(features.device.type, enabled=False):
        exact = features.to(torch.promote_types(features.dtype, torch.float32))
        regions = _ring_regions(exact, rects.detach(), size, spatial_scale, rounding)
        return pool_regions(exact, regions, size, 0.0).to(features.dtype)


@torch.no_grad()
def ring_pool_argmax(
    features: Tensor,
    rects: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float,
    rounding: str = 'truncate',
) -> Tensor:
    """Where :func:`ring_max_pool` found its maxima; for tests and pictures, without gradient.

    Args:
        features: See :func:`ring_max_pool`, also for the others.
        rects: ``[R, 9]``.
        output_size: Bins per side, or (rows, columns).
        spatial_scale: Cells per pixel.
        rounding: ``'truncate'`` or ``'round'``.

    Returns:
        ``[R, C, Ph, Pw]`` int32, y * W + x within the image; -1 where nothing is greater than 0.
    """
    size = _checked_size(features, rects, output_size, rounding)
    exact = features.to(torch.promote_types(features.dtype, torch.float32))
    regions = _ring_regions(exact, rects, size, spatial_scale, rounding)
    _, positions = regions_argmax(exact, regions, 0.0)
    if regions.inverse is not None:
        positions = positions.index_select(0, regions.inverse)
    channels = features.size(1)
    return positions.view(-1, size[0] * size[1], channels).transpose(1, 2).reshape(-1, channels, *size)


def _checked_size(
    features: Tensor, rects: Tensor, output_size: int | tuple[int, int], rounding: str
) -> tuple[int, int]:
    _check_rounding(rounding)
    if features.dim() != 4:
        raise ValueError(f'features must be [N, C, H, W], got {tuple(features.shape)}')
    if rects.dim() != 2 or rects.size(1) != 9:
        raise ValueError(
            'rects must be [R, 9] (image index, outer x1, y1, x2, y2, inner x1, y1, x2, y2; see ring_rectangles), '
            f'got {tuple(rects.shape)}'
        )
    return (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)


def _check_rounding(rounding: str) -> None:
    if rounding not in RING_ROUNDINGS:
        raise ValueError(f'unknown rounding {rounding!r}; choose one of {", ".join(RING_ROUNDINGS)}')


def _ring_regions(features: Tensor, rects: Tensor, size: tuple[int, int], scale: float, rounding: str) -> Regions:
    """All bins, each as the union of what is above, below, left and right of its piece of the hole."""
    number, _, height, width = features.shape
    image = rects[:, 0].long()
    _check_images(image, number)
    cells = whole_cells(rects[:, 1:].float() * scale, rounding)
    outer = torch.cat([rects[:, :1].float(), cells[:, :4]], dim=1)
    y1, y2, x1, x2 = roi_bins(outer, size, (height, width), 1.0, 'truncate')
    left, top, right, bottom = cells[:, 4:].long()[:, :, None].unbind(dim=1)
    # per axis: first cell, length, and within the bin first and last cell (exclusive) of the hole
    rows = _axis(y1, y2, top, bottom)
    cols = _axis(x1, x2, left, right)
    shape = (-1, *size)
    y, h, above, below = (v[:, :, None].expand(shape) for v in rows)
    x, w, before, after = (v[:, None].expand(shape) for v in cols)
    hole = (below > above) & (after > before)
    # without a hole the part above is the whole bin
    above, below = torch.where(hole, above, h), torch.where(hole, below, h)
    before, after = torch.where(hole, before, 0), torch.where(hole, after, w)

    some = (h > 0) & (w > 0)
    # which of the four parts have cells: the most significant digit, so that regions of a kind become neighbours
    kind = sum((part & some).long() << bit for bit, part in enumerate((above > 0, below < h, before > 0, after < w)))
    some = kind > 0
    rows_limit, cols_limit = _longest(h, height) + 1, _longest(w, width) + 1
    table = [
        (16, kind),
        (number, image[:, None, None].expand(shape)),
        (height + 1, y),
        (width + 1, x),
        *((rows_limit, v) for v in (h, above, below)),
        *((cols_limit, v) for v in (w, before, after)),
    ]
    # bins without a cell are all one
    columns = torch.stack([torch.where(some, v, 0) for _, v in table]).flatten(1)
    columns, inverse = _distinct(columns, [base for base, _ in table])
    _, image, y, x, h, above, below, w, before, after = columns
    return Regions(
        image,
        y1=torch.stack([y, y + below, y, y]),
        y2=torch.stack([y + above, y + h, y + h, y + h]),
        x1=torch.stack([x, x, x, x + after]),
        x2=torch.stack([x + w, x + w, x + before, x + w]),
        inverse=inverse,
    )


def whole_cells(scaled: Tensor, rounding: str) -> Tensor:
    """Round the corners of outer and inner rectangles, see ``rounding`` of :func:`ring_max_pool`.

    Args:
        scaled: ``[R, 8]`` float32, x1, y1, x2, y2 of both rectangles in cells.
        rounding: ``'truncate'`` or ``'round'``.

    Returns:
        ``[R, 8]`` float32 whole numbers.
    """
    if rounding == 'truncate':
        return scaled.trunc()
    corners = scaled.view(-1, 2, 2, 2)  # rectangle, low or high, x or y
    return torch.stack([(corners[:, :, 0] + 0.5).floor(), (corners[:, :, 1] - 0.5).ceil()], dim=2).flatten(1)


def _axis(first: Tensor, end: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """First cell and length of bins ``[R, P]``, and begin and end within them of the cells between ``low [R, 1]`` and
    ``high``, both excluded."""
    begin = torch.minimum(torch.maximum(low + 1, first), end)
    stop = torch.maximum(torch.minimum(high, end), first)
    return first, end - first, begin - first, stop - first


def _longest(lengths: Tensor, limit: int) -> int:
    # only used to number bins, on the CPU; elsewhere looking at the data would synchronise
    return int(lengths.max()) if lengths.device.type == 'cpu' and lengths.numel() else limit


class RingMaxPool(nn.Module):
    """:func:`ring_max_pool` as a layer.

    Args:
        output_size: Bins per side, or (rows, columns).
        spatial_scale: Cells per pixel, 1 / stride.
        rounding: ``'truncate'`` (CASD, MELM) or ``'round'`` (ContextLocNet).
    """

    def __init__(
        self, output_size: int | tuple[int, int], spatial_scale: float = 1.0, rounding: str = 'truncate'
    ) -> None:
        super().__init__()
        _check_rounding(rounding)
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.spatial_scale = float(spatial_scale)
        self.rounding = rounding

    def forward(self, features: Tensor, rects: Tensor) -> Tensor:
        """Pool ``features [N, C, H, W]`` at ``rects [R, 9]``; returns ``[R, C, Ph, Pw]``."""
        return ring_max_pool(features, rects, self.output_size, self.spatial_scale, self.rounding)

    def extra_repr(self) -> str:
        """Settings shown by ``print(module)``."""
        size, scale = self.output_size, self.spatial_scale
        return f'output_size={size}, spatial_scale={scale}, rounding={self.rounding!r}'
