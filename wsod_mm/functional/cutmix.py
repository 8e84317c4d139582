"""CutMix: a box of one image is pasted into another, and the loss is shared between their classes."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['cutmix_box', 'cutmix_images', 'cutmix_loss', 'cutmix_targets', 'pasted_share']


def cutmix_box(size: tuple[int, int], lam: float, centre: tuple[int, int]) -> tuple[int, int, int, int]:
    """Box of area 1 - lam about a centre, clipped to the image.

    Source: Yun et al., "CutMix"; specs/cam.md 5.

    Args:
        size: Pixels of dims 2 and 3 of the batch (H, W), which the public code calls W and H.
        lam: Share of the image that stays, in [0, 1].
        centre: Cell drawn along dims 2 and 3.

    Returns:
        (begin, begin, end, end) along dims 2, 3, 2, 3; half-open.

    Raises:
        ValueError: ``lam`` is not in [0, 1], or the centre lies outside.
    """
    if not 0 <= lam <= 1:
        raise ValueError(f'lam={lam}: must be in [0, 1]')
    if any(not 0 <= at < side for at, side in zip(centre, size, strict=True)):
        raise ValueError(f'centre {tuple(centre)} lies outside of {tuple(size)} pixels')
    cut = [int(side * math.sqrt(1 - lam)) // 2 for side in size]
    begin = [max(at - half, 0) for at, half in zip(centre, cut, strict=True)]
    end = [min(at + half, side) for at, half, side in zip(centre, cut, size, strict=True)]
    return begin[0], begin[1], end[0], end[1]


def cutmix_images(images: Tensor, permutation: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """Paste a box of ``images[permutation]`` into the images.

    Args:
        images: ``[B, C, H, W]``.
        permutation: ``[B]`` int64.
        box: From :func:`cutmix_box`.

    Returns:
        ``[B, C, H, W]``, a new tensor.

    Raises:
        ValueError: Shapes do not fit.
    """
    if images.dim() != 4 or permutation.shape != images.shape[:1]:
        raise ValueError(f'images {tuple(images.shape)} and permutation {tuple(permutation.shape)} do not fit')
    top, left, bottom, right = box
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[permutation.to(images.device), :, top:bottom, left:right]
    return mixed


def pasted_share(box: tuple[int, int, int, int], size: tuple[int, int]) -> float:
    """Share of the image that stays, after clipping: the lam that the original CutMix computes its loss with.

    wsolevaluation keeps the lam that was drawn.

    Args:
        box: From :func:`cutmix_box`.
        size: Pixels of dims 2 and 3.

    Returns:
        In [0, 1].
    """
    return 1 - (box[2] - box[0]) * (box[3] - box[1]) / (size[0] * size[1])


def cutmix_targets(targets: Tensor, permutation: Tensor, lam: float) -> Tensor:
    """Shares of both images' classes.

    Args:
        targets: ``[B, K]`` float, one-hot or multi-hot.
        permutation: ``[B]`` int64.
        lam: Share of the image that stays.

    Returns:
        ``[B, K]`` float.

    Raises:
        ValueError: ``lam`` is not in [0, 1], or targets are not float ``[B, K]``.
    """
    if not 0 <= lam <= 1:
        raise ValueError(f'lam={lam}: must be in [0, 1]')
    if targets.dim() != 2 or not targets.is_floating_point():
        raise ValueError(f'targets must be float [B, K], got {targets.dtype} {tuple(targets.shape)}')
    return lam * targets + (1 - lam) * targets[permutation.to(targets.device)]


def cutmix_loss(logits: Tensor, labels: Tensor, permutation: Tensor, lam: float) -> Tensor:
    """``lam * CE(labels) + (1 - lam) * CE(labels[permutation])``, float32 also under autocast.

    Args:
        logits: ``[B, K]`` float, of the mixed images.
        labels: ``[B]`` int64, of the images before mixing.
        permutation: ``[B]`` int64.
        lam: Share of the image that stays.

    Returns:
        0-d.

    Raises:
        ValueError: ``lam`` is not in [0, 1].
    """
    if not 0 <= lam <= 1:
        raise ValueError(f'lam={lam}: must be in [0, 1]')
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits if logits.dtype == torch.float64 else logits.float()
        pasted = labels[permutation.to(labels.device)]
        return lam * F.cross_entropy(logits, labels) + (1 - lam) * F.cross_entropy(logits, pasted)
