"""Attention-based dropout (ADL): hide the most discriminative cells of a feature map, or stress the important ones."""

import torch
from torch import Tensor

__all__ = ['adl', 'adl_maps']


def adl_maps(features: Tensor, threshold: float = 0.9) -> tuple[Tensor, Tensor]:
    """Importance map and drop mask of every image.

    Source: Choe and Shim, "Attention-based Dropout Layer"; specs/cam.md 5.

    Args:
        features: ``[B, C, h, w]`` float.
        threshold: Gamma: cells of at least this part of the map's largest attention are dropped.

    Returns:
        Importance ``[B, 1, h, w]`` = sigmoid of the channel mean, in (0, 1), and mask ``[B, 1, h, w]``, 0 where a cell
        is dropped, without a gradient; both of the dtype of ``features``, computed in float32 for half precision.

    Raises:
        ValueError: ``features`` is not a batch of maps, or ``threshold`` is not in [0, 1].
    """
    if features.dim() != 4 or 0 in features.shape[1:]:
        raise ValueError(f'features must be [B, C, h, w] with C, h, w >= 1, got {tuple(features.shape)}')
    if not 0 <= threshold <= 1:
        raise ValueError(f'threshold={threshold}: must be in [0, 1]')
    with torch.autocast(features.device.type, enabled=False):
        attention = (features if features.dtype == torch.float64 else features.float()).mean(dim=1, keepdim=True)
        peak = attention.detach().amax(dim=(2, 3), keepdim=True)
        mask = attention.detach() < peak * threshold
        return attention.sigmoid().to(features.dtype), mask.to(features.dtype)


def adl(
    features: Tensor, draw: Tensor | float, drop_rate: float = 0.75, threshold: float = 0.9, training: bool = True
) -> Tensor:
    """Multiply by the drop mask or by the importance map.

    One draw decides for the whole batch; a ``draw`` of shape ``[B]`` decides for every image. Nothing waits for the
    device when the draw is a tensor.

    Source: Choe and Shim; wsolevaluation's code, specs/cam.md 5.

    Args:
        features: ``[B, C, h, w]`` float.
        draw: Uniform number in [0, 1), 0-d or ``[B]``; the mask is taken where ``floor(draw + drop_rate)`` is 1.
        drop_rate: Probability of the mask.
        threshold: See :func:`adl_maps`.
        training: ``False``: features as they are.

    Returns:
        ``[B, C, h, w]``.

    Raises:
        ValueError: A setting is out of range, or shapes do not fit.
    """
    if not 0 <= drop_rate <= 1:
        raise ValueError(f'drop_rate={drop_rate}: must be in [0, 1]')
    if not training:
        return features
    importance, mask = adl_maps(features, threshold)
    draw = torch.as_tensor(draw, device=features.device)
    if draw.dim() > 1 or draw.numel() not in (1, len(features)):
        raise ValueError(f'draw {tuple(draw.shape)} for {len(features)} images: give one number, or one per image')
    drop = (draw + drop_rate).floor() >= 1
    return features * torch.where(drop.view(-1, 1, 1, 1), mask, importance)
