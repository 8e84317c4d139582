"""A score map drawn over its image in the colours of JET."""

import cv2
import numpy as np
import torch
from torch import Tensor

from .cam_localization import cam_to_uint8

__all__ = ['jet_colors', 'overlay_cam']


def jet_colors(use_rgb: bool, device: torch.device | str = 'cpu') -> Tensor:
    """OpenCV's JET table.

    Args:
        use_rgb: RGB instead of OpenCV's BGR.
        device: Of the table.

    Returns:
        ``[256, 3]`` uint8, blue to red.
    """
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_JET)[:, 0]
    return torch.from_numpy(np.ascontiguousarray(table[:, ::-1] if use_rgb else table)).to(device)


def overlay_cam(
    images: Tensor,
    maps: Tensor,
    use_rgb: bool = True,
    image_weight: float = 0.5,
    heat_weight: float | None = None,
    stretch: bool = True,
) -> Tensor:
    """Blend images with heat maps: ``(1 - w) * heat + w * image``, divided by its maximum.

    Source: grad-cam's ``show_cam_on_image``, specs/cam.md 6. Zhou's demo has ``image_weight=.5``, ``heat_weight=.3``
    and ``stretch=False``.

    Args:
        images: ``[H, W, 3]`` or ``[B, H, W, 3]`` float in [0, 1], RGB or BGR as ``use_rgb`` says.
        maps: ``[H, W]`` or ``[B, H, W]`` float in [0, 1].
        use_rgb: Order of the colours of images and result. Given wrongly, hot is blue and cold is red.
        image_weight: In [0, 1].
        heat_weight: Of the heat map; ``None``: ``1 - image_weight``.
        stretch: Divide every picture by its maximum.

    Returns:
        uint8 of the shape of ``images``, truncated.

    Raises:
        ValueError: Shapes do not fit, images are not float in [0, 1], or a weight is out of range.
    """
    if images.dim() not in (3, 4) or images.shape[-1] != 3 or maps.shape != images.shape[:-1]:
        raise ValueError(
            f'images {tuple(images.shape)} and maps {tuple(maps.shape)}: give [.., H, W, 3] and [.., H, W]'
        )
    if not images.is_floating_point() or bool((images < 0).any() | (images > 1).any()):
        raise ValueError(f'images must be float in [0, 1], got {images.dtype} from {images.min()} to {images.max()}')
    heat_weight = 1 - image_weight if heat_weight is None else heat_weight
    if not (0 <= image_weight <= 1 and 0 <= heat_weight <= 1):
        raise ValueError(f'image_weight={image_weight} and heat_weight={heat_weight} must be in [0, 1]')
    images = images.float()
    heat = jet_colors(use_rgb, images.device)[cam_to_uint8(maps).long()].float() / 255
    mixed = heat_weight * heat + image_weight * images
    if stretch:
        peak = mixed.amax(dim=(-3, -2, -1), keepdim=True)
        mixed = mixed / torch.where(peak > 0, peak, torch.ones_like(peak))
    return (mixed.clamp(max=1) * 255).to(torch.uint8)
