"""Self-produced guidance (SPG): attention of one head becomes the mask that another one learns."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_localization import score_map

__all__ = ['SPG_THRESHOLDS', 'fused_attention', 'guidance_loss', 'guidance_mask', 'spg_attention', 'spg_losses']

IGNORED = 255.0
#: (high, low) for the masks from the attention, from head b2, and from both heads fused.
SPG_THRESHOLDS = ((0.7, 0.01), (0.5, 0.05), (0.7, 0.1))


def spg_attention(maps: Tensor, class_ids: Tensor, size: tuple[int, int] = (224, 224)) -> Tensor:
    """Map of one class per image, upsampled and then min-max normalised, without a gradient.

    Args:
        maps: ``[B, K, h, w]`` float, of the 1x1 classifier.
        class_ids: ``[B]`` int64.
        size: (H, W) in pixels.

    Returns:
        ``[B, 1, H, W]`` in [0, 1].

    Raises:
        ValueError: Shapes do not fit.
    """
    if maps.dim() != 4 or class_ids.shape != maps.shape[:1]:
        raise ValueError(f'maps {tuple(maps.shape)} and class_ids {tuple(class_ids.shape)}: give [B, K, h, w] and [B]')
    ids = class_ids.to(maps.device).view(-1, 1, 1, 1).expand(-1, 1, *maps.shape[2:])
    return score_map(maps.detach().gather(1, ids), size)  # one class first: resizing costs by the class


def fused_attention(logits_b1: Tensor, logits_b2: Tensor, size: tuple[int, int] = (224, 224)) -> Tensor:
    """Mean of both side heads' probabilities, upsampled before the sigmoid, without a gradient.

    Args:
        logits_b1: ``[B, 1, h, w]`` float.
        logits_b2: ``[B, 1, h', w']`` float.
        size: (H, W) in pixels.

    Returns:
        ``[B, 1, H, W]`` in (0, 1).
    """
    first, second = (_upsample(logits.detach(), size).sigmoid() for logits in (logits_b1, logits_b2))
    return (first + second) / 2


def guidance_mask(attention: Tensor, high: float, low: float, min_pixels: int = 30, fallback: float = 0.7) -> Tensor:
    """What an attention map says of every pixel: object, background, or nothing.

    Source: Zhang et al., "Self-produced Guidance"; specs/cam.md 5. Computed for the whole batch without waiting for
    the device.

    Args:
        attention: ``[B, 1, H, W]`` in [0, 1].
        high: Above it lies the object.
        low: Below it lies the background, also where both hold.
        min_pixels: An image with fewer pixels of the object takes those above ``fallback`` times its maximum.
        fallback: That part.

    Returns:
        ``[B, 1, H, W]`` of the dtype of ``attention``: 1 object, 0 background, 255 neither; without a gradient.

    Raises:
        ValueError: ``attention`` has another shape, or ``low`` is above ``high``.
    """
    if attention.dim() != 4 or attention.shape[1] != 1:
        raise ValueError(f'attention must be [B, 1, H, W], got {tuple(attention.shape)}')
    if not low <= high:
        raise ValueError(f'low={low} must not be above high={high}')
    attention = attention.detach()
    above = attention > high
    few = above.sum(dim=(1, 2, 3), keepdim=True) < min_pixels
    inside = torch.where(few, attention > attention.amax(dim=(1, 2, 3), keepdim=True) * fallback, above)
    mask = torch.where(inside, 1.0, IGNORED)
    return torch.where(attention < low, 0.0, mask).to(attention.dtype)


def guidance_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy with a mask, mean over the pixels it knows; 0 if it knows none (NaN in the reference).

    Args:
        logits: ``[B, 1, h, w]`` float, upsampled to the size of the mask.
        mask: ``[B, 1, H, W]``: 1, 0 or 255.

    Returns:
        0-d, float32 also under autocast.

    Raises:
        ValueError: Batches or channels differ.
    """
    if logits.dim() != 4 or logits.shape[:2] != mask.shape[:2]:
        raise ValueError(f'logits {tuple(logits.shape)} and mask {tuple(mask.shape)} do not fit')
    with torch.autocast(logits.device.type, enabled=False):
        logits = _upsample(logits, tuple(mask.shape[2:]))
        known = mask < IGNORED
        target = torch.where(known, mask, torch.zeros_like(mask)).to(logits.dtype)
        each = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
        return (each * known).sum() / known.sum().clamp(min=1)


def spg_losses(
    logits: Tensor,
    maps: Tensor,
    logits_b1: Tensor,
    logits_b2: Tensor,
    logits_c: Tensor,
    labels: Tensor,
    thresholds: Sequence[Sequence[float]] = SPG_THRESHOLDS,
    size: tuple[int, int] = (224, 224),
    min_pixels: int = 30,
    fallback: float = 0.7,
) -> dict[str, Tensor]:
    """Losses of all heads.

    Source: specs/cam.md 5: cross entropy, b2 learns from the attention, b1 from b2, c from both.

    Args:
        logits: ``[B, K]`` float.
        maps: ``[B, K, h, w]`` float, whose class map is the attention.
        logits_b1: ``[B, 1, h', w']`` float.
        logits_b2: Likewise.
        logits_c: Likewise.
        labels: ``[B]`` int64.
        thresholds: (high, low) of the three masks.
        size: (H, W) at which heads and masks are compared.
        min_pixels: See :func:`guidance_mask`.
        fallback: Likewise.

    Returns:
        ``loss_cls``, ``loss_b2``, ``loss_b1``, ``loss_c``, 0-d each.

    Raises:
        ValueError: There are not three pairs of thresholds, or shapes do not fit.
    """
    if len(thresholds) != 3 or any(len(pair) != 2 for pair in thresholds):
        raise ValueError(f'thresholds={thresholds}: give three pairs (high, low), of attention, b2 and both fused')
    guides = (
        spg_attention(maps, labels, size),
        _upsample(logits_b2.detach(), size).sigmoid(),
        fused_attention(logits_b1, logits_b2, size),
    )
    losses = [
        guidance_loss(head, guidance_mask(guide, high, low, min_pixels, fallback))
        for head, guide, (high, low) in zip((logits_b2, logits_b1, logits_c), guides, thresholds, strict=True)
    ]
    with torch.autocast(logits.device.type, enabled=False):
        loss = F.cross_entropy(logits if logits.dtype == torch.float64 else logits.float(), labels)
    return dict(loss_cls=loss, loss_b2=losses[0], loss_b1=losses[1], loss_c=losses[2])


def _upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    with torch.autocast(maps.device.type, enabled=False):
        maps = maps if maps.dtype == torch.float64 else maps.float()
        return F.interpolate(maps, size=size, mode='bilinear', align_corners=False)
