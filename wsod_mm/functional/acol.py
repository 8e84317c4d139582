"""Adversarial complementary learning (ACoL): a second classifier sees what the first did not look at."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_localization import normalize_cam

__all__ = ['acol_cam', 'acol_loss', 'class_attention', 'class_maps_of', 'erase_attended']


def class_attention(maps: Tensor, class_ids: Tensor) -> Tensor:
    """Map of one class per image, min-max normalised, without a gradient.

    Source: specs/cam.md 5 (ACoL, SPG). A map without contrast, 0 / 0 in the reference, becomes zeros.

    Args:
        maps: ``[B, K, h, w]`` float, of a 1x1 classifier.
        class_ids: ``[B]`` int64: the labels, or ``logits.argmax(1)`` where there are none.

    Returns:
        ``[B, 1, h, w]`` float32 (float64 for float64) in [0, 1].

    Raises:
        ValueError: Shapes do not fit.
    """
    return normalize_cam(class_maps_of(maps.detach(), class_ids)[:, None])


def erase_attended(features: Tensor, attention: Tensor, threshold: float = 0.7) -> Tensor:
    """Zero the features where the attention reaches the threshold.

    Source: Zhang et al., "Adversarial Complementary Learning"; specs/cam.md 5.

    Args:
        features: ``[B, C, h, w]`` float.
        attention: ``[B, 1, h, w]`` in [0, 1].
        threshold: In [0, 1]; 0 erases everything.

    Returns:
        ``[B, C, h, w]``; the gradient passes where nothing was erased.

    Raises:
        ValueError: Shapes do not fit, or ``threshold`` is out of range.
    """
    if features.dim() != 4 or attention.shape != (len(features), 1, *features.shape[2:]):
        raise ValueError(f'features {tuple(features.shape)} need attention [B, 1, h, w], got {tuple(attention.shape)}')
    if not 0 <= threshold <= 1:
        raise ValueError(f'threshold={threshold}: must be in [0, 1]')
    return features * (attention < threshold).to(features.dtype)


def acol_loss(logits_a: Tensor, logits_b: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of both classifiers, added; float32 also under autocast.

    Args:
        logits_a: ``[B, K]`` float.
        logits_b: ``[B, K]`` float.
        labels: ``[B]`` int64.

    Returns:
        0-d.
    """
    with torch.autocast(logits_a.device.type, enabled=False):
        return sum(
            F.cross_entropy(each if each.dtype == torch.float64 else each.float(), labels)
            for each in (logits_a, logits_b)
        )


def acol_cam(maps_a: Tensor, maps_b: Tensor, class_ids: Tensor) -> Tensor:
    """Fused map of a class: the larger of both classifiers' min-max normalised maps.

    Source: specs/cam.md 5.

    Args:
        maps_a: ``[B, K, h, w]`` float.
        maps_b: The same shape.
        class_ids: ``[B]`` or ``[B, N]`` int64.

    Returns:
        ``[B, h, w]`` or ``[B, N, h, w]``, in [0, 1].

    Raises:
        ValueError: Shapes do not fit.
    """
    if maps_a.shape != maps_b.shape:
        raise ValueError(f'maps of both classifiers must agree, got {tuple(maps_a.shape)} and {tuple(maps_b.shape)}')
    return torch.maximum(*(normalize_cam(class_maps_of(maps, class_ids)) for maps in (maps_a, maps_b)))


def class_maps_of(maps: Tensor, class_ids: Tensor) -> Tensor:
    """Maps of chosen classes of each image.

    Args:
        maps: ``[B, K, h, w]``.
        class_ids: ``[B]`` or ``[B, N]`` int64.

    Returns:
        ``[B, h, w]`` or ``[B, N, h, w]``.

    Raises:
        ValueError: Shapes do not fit.
    """
    if maps.dim() != 4 or class_ids.dim() not in (1, 2) or len(class_ids) != len(maps):
        raise ValueError(
            f'maps {tuple(maps.shape)} and class_ids {tuple(class_ids.shape)} do not fit; '
            'give [B, K, h, w] and [B] or [B, N]'
        )
    ids = class_ids.to(maps.device).reshape(len(maps), -1, 1, 1).expand(-1, -1, *maps.shape[2:])
    return maps.gather(1, ids).reshape(*class_ids.shape, *maps.shape[2:])
