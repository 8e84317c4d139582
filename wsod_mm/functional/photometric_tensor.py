"""Colour distortion of SSD on tensors, so that it can run on the device and know the iteration."""

import torch
from torch import Tensor

__all__ = ['photometric_distortion_tensor']

_EPS = torch.finfo(torch.float32).eps  # what OpenCV's float HSV adds to its denominators


def photometric_distortion_tensor(
    images: Tensor,
    brightness: float = 0.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
) -> Tensor:
    """Apply brightness, contrast, saturation and hue with given strengths.

    The same function as :func:`~wsod_mm.functional.photometric.photometric_distortion` on float images: contrast
    before the HSV block, no clipping. Like there, a pixel whose brightest channel is negative (which only a negative
    ``brightness`` makes) comes out of the HSV block with the distances to that channel pointing upwards, because
    OpenCV divides by \\|V\\|.

    Args:
        images: ``[3, H, W]`` or ``[N, 3, H, W]`` float, BGR, 0-255. All N get the same strengths. Not changed.
        brightness: Added to every channel, in grey levels.
        contrast: Factor on every channel.
        saturation: Factor on S.
        hue: Added to H, in degrees, modulo 360.

    Returns:
        The same shape, dtype and device.

    Raises:
        ValueError: If ``images`` is not floating point or has no three channels.

    Source: specs, CASD section "Colour aug" (SSD's photometric distortion without channel swap, crop and expand).
    """
    if images.dim() not in (3, 4) or images.shape[-3] != 3 or not images.is_floating_point():
        raise ValueError(
            f'the images must be [3, H, W] or [N, 3, H, W] in floating point, got {list(images.shape)}, {images.dtype}'
        )
    images = (images + brightness) * contrast
    if saturation == 1.0 and hue == 0.0:
        return images
    value, lowest = images.amax(dim=-3), images.amin(dim=-3)
    spread = value - lowest
    sextant = _hue_sextant(images, value, spread) + hue / 60
    chroma = spread * (value / (value.abs() + _EPS)) * saturation
    # A channel falls linearly from V to V - chroma within one sextant of hue, stays for two and rises again.
    channels = [
        value - chroma * _fall(torch.remainder(sextant + offset, 6))
        for offset in (1, 3, 5)  # B, G, R
    ]
    return torch.stack(channels, dim=-3)


def _hue_sextant(images: Tensor, value: Tensor, spread: Tensor) -> Tensor:
    """H / 60 degrees, in [-1, 5): 0 red, 2 green, 4 blue; 0 for grey."""
    blue, green, red = images.unbind(dim=-3)
    inverse = 1 / (spread + _EPS)
    return torch.where(
        value == red,
        (green - blue) * inverse,
        torch.where(value == green, (blue - red) * inverse + 2, (red - green) * inverse + 4),
    )


def _fall(sextant: Tensor) -> Tensor:
    """How far a channel lies below V, as a fraction of the chroma, by its place in the hue circle, [0, 6)."""
    return torch.minimum(sextant, 4 - sextant).clamp(0, 1)
