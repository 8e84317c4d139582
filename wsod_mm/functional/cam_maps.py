"""Class activation maps: merged over scales and mirror images, divided by their maxima, and as a first label map."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    'add_mirrored',
    'best_class',
    'merge_cams',
    'merge_strided_cams',
    'normalize_cams',
    'predict_labels',
    'scaled_size',
]


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Size of an image at a scale: halves are rounded to the even number, and no side vanishes.

    Source: specs/affinity.md 5.2 (PSA rounds as Python does, IRN as numpy: the same).

    Args:
        height: Pixels.
        width: Pixels.
        scale: Factor, > 0.

    Returns:
        (height, width), at least 1.

    Raises:
        ValueError: If a number is not positive.
    """
    if min(height, width) < 1 or not scale > 0:
        raise ValueError(f'an image of {height} x {width} pixels cannot be scaled by {scale}; all must be positive')
    return max(1, round(height * scale)), max(1, round(width * scale))


def add_mirrored(pair: Tensor) -> Tensor:
    """Maps of an image plus those of its mirror image, turned back, at the resolution of the features.

    Source: specs/affinity.md 10.2 (IRN). PSA turns back after upsampling, see :func:`merge_cams`.

    Args:
        pair: ``[2, C, h, w]``: image, mirror image.

    Returns:
        ``[C, h, w]``.

    Raises:
        ValueError: If there are not two.
    """
    if pair.dim() != 4 or len(pair) != 2:
        raise ValueError(f'expected the maps of an image and its mirror [2, C, h, w], got {tuple(pair.shape)}')
    return pair[0] + pair[1].flip(-1)


def normalize_cams(sums: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide every map by its maximum; a map of zeros stays so.

    Source: specs/affinity.md 5.3 (no minimum is subtracted).

    Args:
        sums: ``[K, H, W]`` float, >= 0; K may be 0.
        eps: Added to the maximum.

    Returns:
        ``[K, H, W]`` float in [0, 1).
    """
    return sums / (sums.amax(dim=(1, 2), keepdim=True) + eps)


def merge_cams(
    maps: Sequence[Tensor], mirrored: Sequence[bool], keys: Tensor, size: tuple[int, int], eps: float = 1e-5
) -> Tensor:
    """CAMs of an image from any number of passes (PSA).

    Every map is brought to the size of the image, then that of a mirrored pass is turned back, and all are summed.

    Source: specs/affinity.md 5.3.

    Args:
        maps: One ``[C, h_s, w_s]`` float per pass, >= 0.
        mirrored: Per pass, whether its input was the mirror image.
        keys: ``[K]`` int64, the classes of the image label; may be empty.
        size: (H, W) of the image.
        eps: See :func:`normalize_cams`.

    Returns:
        ``[K, H, W]`` float32.

    Raises:
        ValueError: If there is no map.
    """
    _require_maps(maps)
    total: Tensor | None = None
    for raw, turned in zip(maps, mirrored, strict=True):
        full = _upsample(raw, keys, size)
        full = full.flip(-1) if turned else full
        total = full if total is None else total + full
    return normalize_cams(total, eps)


def merge_strided_cams(
    maps: Sequence[Tensor],
    keys: Tensor,
    size: tuple[int, int],
    stride: int = 4,
    multiple: int = 16,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor]:
    """CAMs of an image at two resolutions (IRN).

    Source: specs/affinity.md 10.2.

    Args:
        maps: One ``[C, h_s, w_s]`` float per scale, image and mirror image already added (:func:`add_mirrored`).
        keys: ``[K]`` int64, the classes of the image label; may be empty.
        size: (H, W) of the image.
        stride: That of the low resolution, on which the random walk runs.
        multiple: The high resolution is computed for sides rounded up to this, and then cropped: the stride of the
            network, whose maps cover those sides.
        eps: See :func:`normalize_cams`.

    Returns:
        ``[K, ceil(H / stride), ceil(W / stride)]`` and ``[K, H, W]``, float32.

    Raises:
        ValueError: If there is no map.
    """
    _require_maps(maps)
    height, width = size
    low_size = tuple(-(-side // stride) for side in size)
    high_size = tuple(-(-side // multiple) * multiple for side in size)
    low = sum(_upsample(raw, keys, low_size) for raw in maps)
    high = sum(_upsample(raw, keys, high_size) for raw in maps)[:, :height, :width]
    return normalize_cams(low, eps), normalize_cams(high, eps)


def best_class(cams: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """The strongest class of every pixel, which no background value changes.

    Args:
        cams: ``[K, H, W]`` float; K may be 0.
        keys: ``[K]`` int64, class ids from 0.

    Returns:
        ``score`` ``[H, W]`` of the dtype of ``cams`` and ``label`` ``[H, W]`` int64: class id + 1 of the first of
        equal classes. Without classes both are 0.
    """
    if not len(cams):
        return cams.new_zeros(cams.shape[1:]), torch.zeros(cams.shape[1:], dtype=torch.int64, device=cams.device)
    score, index = cams.max(dim=0)
    return score, (keys.to(cams.device) + 1)[index]


def predict_labels(cams: Tensor, keys: Tensor, background: float) -> Tensor:
    """Label map of CAMs against a constant background; a tie is background.

    Source: specs/affinity.md 5.4 (.2 in PSA) and 10.3 (.05 and .30 in IRN), 10.2 (.15 at evaluation).

    Args:
        cams: ``[K, H, W]`` float.
        keys: ``[K]`` int64, class ids from 0.
        background: Value of the background, compared in the dtype of ``cams``.

    Returns:
        ``[H, W]`` int64, 0 background, class id + 1.
    """
    score, label = best_class(cams, keys)
    return torch.where(score > torch.full((), background, dtype=score.dtype, device=score.device), label, 0)


def _upsample(raw: Tensor, keys: Tensor, size: tuple[int, int]) -> Tensor:
    """The wanted classes in float32 at a size; before the resizing, which costs by the class."""
    present = raw.float()[keys.to(raw.device)]
    if not len(present):  # interpolate refuses empty batches
        return present.new_zeros((0, *size))
    return F.interpolate(present[None], size=size, mode='bilinear', align_corners=False)[0]


def _require_maps(maps: Sequence[Tensor]) -> None:
    if not len(maps):
        raise ValueError('no maps to merge: give at least one scale')
