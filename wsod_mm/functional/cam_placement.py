"""Where a classifier's map lies on its image: resize, crop and padding of the test pipeline undone exactly."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_localization import CAM_DIALECTS, cam_to_uint8, normalize_cam, score_map

__all__ = ['CamPlacement', 'axis_weights', 'cam_placement', 'place_score_map']

#: cubic convolution with OpenCV's and torch's constant
_CUBIC = -0.75


class CamPlacement(NamedTuple):
    """Cell coordinates of a target image; an edge at y pixels lies at ``scale[0] * y + offset[0]`` cells.

    Attributes:
        scale: (y, x), cells per pixel of the target.
        offset: (y, x), cell coordinate of the target's upper left corner; positive where a crop lost nothing there.
        cells: (h, w), cells that belong to the image; what is beyond them is padding.
        whole: Whether image and map cover each other but for rounding: nothing was cropped or padded.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]
    cells: tuple[float, float]
    whole: bool


def cam_placement(
    map_size: tuple[int, int],
    input_size: tuple[int, int],
    img_shape: tuple[int, int],
    ori_shape: tuple[int, int],
    size: tuple[int, int],
    homography: np.ndarray | Sequence[Sequence[float]] | None = None,
) -> CamPlacement:
    """Placement of a map over the original image.

    Cells tile the padded network input evenly, as every public CAM code has it.

    Source: specs/cam.md 1.3 (defect 2) and 7 (padding).

    Args:
        map_size: (h, w) of the map, cells.
        input_size: (H, W) of the padded network input, pixels.
        img_shape: (H, W) of the image in it, upper left.
        ori_shape: (H, W) of the original image.
        size: (H, W) of the target, which shows the whole original image.
        homography: 3 x 3, original to network-input pixels (edges). ``None``: the image was resized to ``img_shape``.

    Returns:
        The placement.

    Raises:
        ValueError: The image was flipped, rotated or sheared, or a size is not positive.
    """
    if min(*map_size, *input_size, *img_shape, *ori_shape, *size) < 1:
        raise ValueError(f'sizes must be positive: map {map_size}, input {input_size}, image {img_shape}, {ori_shape}')
    if homography is None:
        factors, shifts = tuple(b / a for a, b in zip(ori_shape, img_shape, strict=True)), (0.0, 0.0)
    else:
        matrix = np.asarray(homography, np.float64)
        straight = np.allclose([matrix[0, 1], matrix[1, 0], *matrix[2]], [0, 0, 0, 0, 1], atol=1e-6)
        if not straight or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
            raise ValueError(
                f'a score map is mapped back from resizing and cropping only, but the homography is '
                f'{matrix.round(4).tolist()}: take flips and rotations out of the test pipeline'
            )
        factors, shifts = (float(matrix[1, 1]), float(matrix[0, 0])), (float(matrix[1, 2]), float(matrix[0, 2]))
    per_pixel = [m / n for m, n in zip(map_size, input_size, strict=True)]
    cells = tuple(n * k for n, k in zip(img_shape, per_pixel, strict=True))
    scale = tuple(f * k * o / s for f, k, o, s in zip(factors, per_pixel, ori_shape, size, strict=True))
    offset = tuple(t * k for t, k in zip(shifts, per_pixel, strict=True))
    whole = all(
        # sizes are rounded to whole pixels of the input
        abs(t) < 1e-4 * k and abs(a * s - c) <= 0.75 * k and abs(c - m) < 1e-4 * k
        for t, a, s, c, m, k in zip(offset, scale, size, cells, map_size, per_pixel, strict=True)
    )
    return CamPlacement(scale, offset, cells, whole)


def axis_weights(positions: Tensor, count: int, mode: str = 'bilinear') -> Tensor:
    """Interpolation along an axis as a matrix; beyond the outermost centres the map goes on as it ends.

    Args:
        positions: ``[P]`` float, where to look, in cells from the centre of cell 0.
        count: Number of cells.
        mode: ``'bilinear'`` or ``'bicubic'``.

    Returns:
        ``[P, count]`` of the dtype of ``positions``; rows sum to 1.

    Raises:
        ValueError: ``mode`` is unknown.
    """
    if mode not in ('bilinear', 'bicubic'):
        raise ValueError(f"mode={mode!r}: must be 'bilinear' or 'bicubic'")
    base = positions.floor()
    t = positions - base
    taps = {0: 1 - t, 1: t}
    if mode == 'bicubic':
        near = {k: (t - k).abs() for k in (-1, 0, 1, 2)}
        taps = {k: ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1 for k, d in near.items() if k in (0, 1)}
        taps |= {k: (((d - 5) * d + 8) * d - 4) * _CUBIC for k, d in near.items() if k in (-1, 2)}
    out = positions.new_zeros(len(positions), count)
    for shift, weight in taps.items():
        out.scatter_add_(1, (base.long() + shift).clamp(0, count - 1)[:, None], weight[:, None])
    return out


def place_score_map(cams: Tensor, placement: CamPlacement, size: tuple[int, int], dialect: str = 'default') -> Tensor:
    """Score maps of the original image from raw activation maps.

    Where map and image cover each other this is :func:`~.cam_localization.score_map`, to the last bit of the
    references. Else the map is interpolated in one step at the centres of the target's pixels; cells of the padding
    have no say, and what a crop left out is 0.

    Args:
        cams: ``[..., h, w]`` float, raw.
        placement: From :func:`cam_placement`, for this ``size``.
        size: (H, W) of the target.
        dialect: As :func:`~.cam_localization.score_map` takes it.

    Returns:
        ``[..., H, W]`` in [0, 1] (float64 for ``'wsol'``), or for ``'blog'`` uint8.

    Raises:
        ValueError: ``dialect`` is unknown.
    """
    if dialect not in CAM_DIALECTS:
        raise ValueError(f'dialect={dialect!r}: must be one of {", ".join(map(repr, CAM_DIALECTS))}')
    if placement.whole:
        return score_map(cams, size, dialect)
    counts, positions, margins = [], [], []
    for scale, offset, covered, cells, pixels in zip(*placement[:3], cams.shape[-2:], size, strict=True):
        at = (torch.arange(pixels, dtype=torch.float64) + 0.5) * scale + offset
        inside = ((at >= 0) & (at <= covered)).nonzero().flatten().tolist()
        first, end = (inside[0], inside[-1] + 1) if inside else (0, 0)
        counts.append(max(1, min(cells, int(np.ceil(covered - 1e-6)))))
        positions.append(at[first:end] - 0.5)
        margins.append((first, pixels - end))
    (top, bottom), (left, right) = margins
    cams = cams[..., : counts[0], : counts[1]]
    if 0 in (len(positions[0]), len(positions[1])):
        empty = _ORDERS[dialect](cams, lambda maps, mode='bilinear': maps)
        return empty.new_zeros((*cams.shape[:-2], *size))

    def resize(maps: Tensor, mode: str = 'bilinear') -> Tensor:
        maps = maps if maps.dtype == torch.float64 else maps.float()
        rows, columns = (axis_weights(p, n, mode).to(maps) for p, n in zip(positions, counts, strict=True))
        with torch.autocast(maps.device.type, enabled=False):
            return rows @ maps @ columns.T

    maps = _ORDERS[dialect](cams, resize)
    flat = cams.flatten(-2).amax(-1) == cams.flatten(-2).amin(-1)  # see score_map
    if dialect in ('default', 'wsol'):
        maps = torch.where(flat[..., None, None], maps.new_zeros(()), maps)
    return F.pad(maps, (left, right, top, bottom))


#: the order of the steps of ``CAM_DIALECTS``, with any resizing
_ORDERS: dict[str, Callable[[Tensor, Callable[..., Tensor]], Tensor]] = {
    'default': lambda cams, resize: normalize_cam(resize(cams)),
    'blog': lambda cams, resize: resize(cam_to_uint8(normalize_cam(cams))).round().to(torch.uint8),
    'max': lambda cams, resize: resize(normalize_cam(cams, 'max')).clamp(0, 1),
    'wsol': lambda cams, resize: normalize_cam(resize(cams.double(), 'bicubic')),
    'gradcam': lambda cams, resize: resize(normalize_cam(cams.clamp(min=0), eps=1e-7)).clamp(0, 1),
}
