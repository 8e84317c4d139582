"""Sizes and boxes of the geometric transforms of PSA and IRN, with the random numbers as arguments."""

from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor

__all__ = ['CropBox', 'centre_offset', 'crop_box', 'crop_to_container', 'long_side_size', 'mean_pool', 'num_offsets']


def long_side_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Size of an image whose long side is brought to a length; halves are rounded to the even number.

    Source: specs/affinity.md 2.4.

    Args:
        height: Pixels.
        width: Pixels; counts as the long side of a square.
        long_side: Pixels.

    Returns:
        (height, width), at least 1.

    Raises:
        ValueError: If a length is not positive.
    """
    if min(height, width, long_side) < 1:
        raise ValueError(f'lengths must be positive, got an image of {height} x {width} and long_side={long_side}')
    if width < height:
        return long_side, max(1, round(width * long_side / height))
    return max(1, round(height * long_side / width)), long_side


def num_offsets(length: int, crop: int) -> int:
    """Number of places an axis of the image can have in (or be cut to) the container: offsets 0 .. result - 1."""
    return abs(length - crop) + 1


def centre_offset(length: int, crop: int) -> int:
    """Offset of the centre crop along one axis; halves are rounded to the even number.

    Source: specs/affinity.md 2.4.
    """
    return round(abs(length - crop) / 2)


class CropBox(NamedTuple):
    """The part of the container that the image fills, and the part of the image that is there: half-open, pixels.

    Attributes:
        container: (top, bottom, left, right).
        image: (top, bottom, left, right), of the same size.
    """

    container: tuple[int, int, int, int]
    image: tuple[int, int, int, int]


def crop_box(size: tuple[int, int], crop: tuple[int, int], offset: tuple[int, int]) -> CropBox:
    """Where an image goes in a container of fixed size.

    Along an axis where the image is longer than the container, ``offset`` is where the cut begins; where it is not,
    the whole image is put at ``offset`` in the container.

    Source: specs/affinity.md 2.4.

    Args:
        size: (height, width) of the image.
        crop: (height, width) of the container.
        offset: (vertical, horizontal), each in 0 .. |length - crop|.

    Returns:
        The two boxes.

    Raises:
        ValueError: If a length is not positive or an offset lies outside its range.
    """
    if min(*size, *crop) < 1:
        raise ValueError(f'lengths must be positive, got an image of {size} and a crop of {crop}')
    (ct, cb, it, ib), (cl, cr, il, ir) = (_spans(*axis) for axis in zip(size, crop, offset, strict=True))
    return CropBox((ct, cb, cl, cr), (it, ib, il, ir))


def crop_to_container(
    array: np.ndarray,
    box: CropBox,
    crop: tuple[int, int],
    fill: float | tuple[float, ...] = 0.0,
    channels_first: bool = False,
) -> np.ndarray:
    """Copy an image or maps into a container.

    Args:
        array: ``[H, W]`` or ``[H, W, C]``; with ``channels_first`` ``[C, H, W]``.
        box: Of :func:`crop_box`.
        crop: (height, width) of the container.
        fill: Value of what the image does not fill, one number or (last channels only) one per channel.
        channels_first: See ``array``.

    Returns:
        ``[h, w]``, ``[h, w, C]`` or ``[C, h, w]`` of the dtype of ``array``, or float32 where that cannot hold
        ``fill``.
    """
    ct, cb, cl, cr = box.container
    it, ib, il, ir = box.image
    values = np.asarray(fill)
    dtype = array.dtype if np.array_equal(values.astype(array.dtype), values) else np.result_type(np.float32)
    if array.dtype.kind == 'f':
        dtype = array.dtype
    shape = (len(array), *crop) if channels_first else (*crop, *array.shape[2:])
    container = np.empty(shape, dtype)
    container[...] = values
    lead = (slice(None),) * channels_first
    container[(*lead, slice(ct, cb), slice(cl, cr))] = array[(*lead, slice(it, ib), slice(il, ir))]
    return container


def mean_pool(maps: Tensor, size: int = 8) -> Tensor:
    """Mean over blocks; what the bottom and right blocks lack is 0 and counts in the divisor.

    Source: specs/affinity.md 2.4.

    Args:
        maps: ``[C, H, W]`` float.
        size: Side of a block, cells.

    Returns:
        ``[C, ceil(H / size), ceil(W / size)]`` of the same dtype.
    """
    height, width = maps.shape[-2:]
    return F.avg_pool2d(F.pad(maps, (0, -width % size, 0, -height % size)), size)


def _spans(length: int, crop: int, offset: int) -> tuple[int, int, int, int]:
    if not 0 <= offset < num_offsets(length, crop):
        raise ValueError(
            f'offset {offset} for an image side of {length} and a crop side of {crop}; it must lie in '
            f'0..{abs(length - crop)}'
        )
    if length > crop:
        return 0, crop, offset, offset + crop
    return offset, offset + length, 0, length
