"""First maximum of many rectangles of a feature map, without a loop over rectangles.

A cell's key is (value, earlier position wins) packed into one int64. A sparse table holds the
largest key of every window of 2^a x 2^b cells, and any rectangle is the union of four such windows.
The cost per rectangle is four row gathers, whatever its size. A region may be a union of rectangles
(a rectangle with a hole is one of four); the largest key of all of them is the region's.
"""

import torch
from torch import Tensor

__all__ = ['rect_argmax']

_LOW = (1 << 32) - 1
_TABLE_BYTES = 24 << 20
_GATHER_BYTES = 4 << 20


def rect_argmax(
    features: Tensor, image: Tensor, y1: Tensor, y2: Tensor, x1: Tensor, x2: Tensor
) -> tuple[Tensor, Tensor]:
    """Maximum and first arg-max in row-major order of K regions, for every channel.

    A region is one rectangle, or the union of P rectangles, which may overlap or be empty. Memory
    beyond the results is bounded: channels and regions are taken in slices. On the CPU a rectangle
    that is empty in a whole slice costs nothing there, so regions of a kind should be neighbours.

    Args:
        features: ``[N, C, H, W]`` float32 or float64. ``-0.0`` counts as ``0.0``.
        image: ``[K]`` int64, the image of every region.
        y1: ``[K]`` or ``[P, K]`` int64, first row; ``y2`` is the row after the last, likewise the
            columns ``x1``, ``x2``; all inside the map.
        y2: See ``y1``.
        x1: See ``y1``.
        x2: See ``y1``.

    Returns:
        values ``[K, C]`` of the features' dtype and positions ``[K, C]`` int32 (y * W + x). Where a
        region has no cell both are those of some other cell: the caller masks them.
    """
    number, channels, height, width = features.shape
    count = image.numel()
    values = features.new_empty(count, channels)
    positions = torch.empty(count, channels, dtype=torch.int32, device=features.device)
    if count == 0 or features.numel() == 0:
        return values, positions
    y1, y2, x1, x2 = (edge.reshape(-1, count) for edge in (y1, y2, x1, x2))
    filled = (y2 > y1) & (x2 > x1)
    if len(y1) > 1:
        # an empty rectangle repeats the first that is not, which leaves the union as it is
        first = filled.int().argmax(dim=0, keepdim=True)
        y1, y2, x1, x2 = (torch.where(filled, edge, edge.gather(0, first)) for edge in (y1, y2, x1, x2))
    rows, cols = (y2 - y1).clamp(min=1), (x2 - x1).clamp(min=1)
    row_levels, col_levels = _levels(rows, height), _levels(cols, width)
    corners = _table_rows(image, y1, x1, rows, cols, (number, height, width), row_levels, col_levels)

    cells = number * height * width
    table_rows = row_levels * col_levels * cells
    channel_step = min(channels, max(8, _TABLE_BYTES // (8 * table_rows)))
    for begin in range(0, channels, channel_step):
        chunk = features[:, begin : begin + channel_step].permute(0, 2, 3, 1).contiguous()
        keys, ranks = _encode(chunk)
        table = _sparse_table(keys, row_levels, col_levels)
        step = max(1, _GATHER_BYTES // (8 * chunk.size(-1)))
        for first in range(0, count, step):
            part = slice(first, first + step)
            windows = corners[:, _used(filled[:, part]), part].flatten(0, 1)
            best = table.index_select(0, windows[0])
            for window in windows[1:]:
                best = torch.maximum(best, table.index_select(0, window))
            values[part, begin : begin + channel_step] = _decode_values(best, ranks)
            positions[part, begin : begin + channel_step] = (height * width - 1) - (best & _LOW).int()
    return values, positions


def _levels(lengths: Tensor, limit: int) -> int:
    # looking at the data costs a device synchronisation on accelerators, where the static bound is
    # used instead
    longest = int(lengths.max()) if lengths.device.type == 'cpu' else limit
    return longest.bit_length()


def _used(filled: Tensor) -> slice | list[int]:
    """The rectangles of the unions ``[P, k]`` that are worth looking at."""
    if filled.device.type != 'cpu' or len(filled) == 1:
        return slice(None)  # looking at the data would synchronise, see above
    return [p for p, used in enumerate(filled.any(dim=1).tolist()) if used] or [0]


def _floor_log2(length: Tensor) -> Tensor:
    return torch.frexp(length.double()).exponent.long() - 1


def _table_rows(
    image: Tensor,
    y1: Tensor,
    x1: Tensor,
    rows: Tensor,
    cols: Tensor,
    shape: tuple[int, int, int],
    row_levels: int,
    col_levels: int,
) -> Tensor:
    """``[4, P, K]`` int64: the rows of the sparse table whose windows cover each rectangle."""
    number, height, width = shape
    row_level, col_level = _floor_log2(rows), _floor_log2(cols)
    top, left = (
        y1.clamp(max=height - 1),
        x1.clamp(max=width - 1),
    )  # only empty rectangles start beyond the map
    bottom = top + rows - (1 << row_level)
    right = left + cols - (1 << col_level)
    base = ((row_level * col_levels + col_level) * number + image) * height
    return torch.stack([(base + y) * width + x for y in (top, bottom) for x in (left, right)])


def _sparse_table(keys: Tensor, row_levels: int, col_levels: int) -> Tensor:
    """``[row_levels * col_levels * N * H * W, C]`` from keys ``[N, H, W, C]``; windows are cut at
    the lower and right border."""
    number, height, width, channels = keys.shape
    table = keys.new_empty(row_levels, col_levels, number, height, width, channels)
    table[0, 0] = keys
    for a in range(row_levels):
        if a:
            _merge_shifted(table[a - 1, 0], table[a, 0], 1, 1 << (a - 1))
        for b in range(1, col_levels):
            _merge_shifted(table[a, b - 1], table[a, b], 2, 1 << (b - 1))
    return table.view(-1, channels)


def _merge_shifted(source: Tensor, target: Tensor, dim: int, shift: int) -> None:
    length = source.size(dim)
    kept = max(length - shift, 0)
    torch.maximum(
        source.narrow(dim, 0, kept),
        source.narrow(dim, length - kept, kept),
        out=target.narrow(dim, 0, kept),
    )
    target.narrow(dim, kept, length - kept).copy_(source.narrow(dim, kept, length - kept))


def _encode(chunk: Tensor) -> tuple[Tensor, Tensor | None]:
    """Keys ``[N, H, W, C]`` whose integer order is (value ascending, position descending), and the
    value of each rank for float64."""
    number, height, width, _ = chunk.shape
    if chunk.dtype == torch.float32:
        bits = (chunk + 0.0).view(torch.int32)  # + 0.0 turns -0.0 into 0.0
        order, ranks = (
            bits ^ ((bits >> 31) & 0x7FFFFFFF),
            None,
        )  # two's complement order of the floats
    else:
        ranks, order = torch.unique(chunk + 0.0, return_inverse=True)
    reverse = torch.arange(height * width - 1, -1, -1, device=chunk.device).view(1, height, width, 1)
    return (order.long() << 32) | reverse, ranks


def _decode_values(keys: Tensor, ranks: Tensor | None) -> Tensor:
    order = keys >> 32
    if ranks is not None:
        return ranks[order]
    order = order.int()
    return (order ^ ((order >> 31) & 0x7FFFFFFF)).view(torch.float32)
