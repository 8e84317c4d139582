"""Labels to learn affinities from: CAMs, a background channel and a dense CRF, combined into maps with an ignore value.

The CRF itself is an argument, ``crf(image, unary) -> posterior`` with numpy arrays ``[H, W, 3]`` uint8, ``[L, H, W]``
float32 and ``[L, H, W]`` float32, for instance ``functools.partial(dense_crf, params=..., backend=...)``.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_maps import predict_labels

__all__ = [
    'CRF',
    'background_score',
    'combine_soft_labels',
    'crf_soft_labels',
    'hard_unary',
    'ir_label',
    'soft_unary',
]

CRF = Callable[[np.ndarray, np.ndarray], np.ndarray]


def background_score(cams: Tensor, alpha: float) -> Tensor:
    """Score of the background where the classes leave room for it: (1 - max_k CAM_k)^alpha.

    A small exponent makes the background strong, a large one weak.

    Source: specs/affinity.md 6.2 and 8.

    Args:
        cams: ``[K, H, W]`` float in [0, 1]; K may be 0.
        alpha: Exponent; PSA has 4 (la), 16 (random walk), 32 (ha; 24 in the paper).

    Returns:
        ``[H, W]`` of the dtype of ``cams``; all 1 without classes.
    """
    if not len(cams):
        return cams.new_ones(cams.shape[1:])
    return (1 - cams.amax(dim=0)).pow(alpha)


def soft_unary(scores: Tensor, eps: float = 1e-5) -> Tensor:
    """Energies of a CRF from scores that need not sum to one.

    Source: specs/affinity.md 6.1.

    Args:
        scores: ``[L, H, W]`` float.
        eps: Scores are clipped to [eps, 1].

    Returns:
        ``[L, H, W]`` float32, -log of the score.
    """
    return -scores.float().clamp(eps, 1).log()


def hard_unary(label: Tensor, num_labels: int, confidence: float = 0.7) -> Tensor:
    """Energies of a CRF from a label map that is believed in part.

    Source: specs/affinity.md 10.3.

    Args:
        label: ``[H, W]`` int64 in 0..L-1.
        num_labels: L, at least 2.
        confidence: Probability of the given label; the others share the rest.

    Returns:
        ``[L, H, W]`` float32, -log of the probability.

    Raises:
        ValueError: If there are fewer than two labels, or the confidence does not lie between 0 and 1.
    """
    if num_labels < 2 or not 0 < confidence < 1:
        raise ValueError(f'need at least two labels and 0 < confidence < 1, got {num_labels} and {confidence}')
    given = F.one_hot(label, num_labels).permute(2, 0, 1).bool()
    other = -math.log((1 - confidence) / (num_labels - 1))
    return torch.where(given, -math.log(confidence), other).float()


def crf_soft_labels(image: np.ndarray, cams: Tensor, alpha: float, crf: CRF) -> Tensor:
    """Posteriors of background and classes after a dense CRF: the la (alpha 4) or ha (alpha 32) map of an image.

    Source: specs/affinity.md 6.2.

    Args:
        image: ``[H, W, 3]`` RGB uint8.
        cams: ``[K, H, W]`` float32; K may be 0.
        alpha: See :func:`background_score`.
        crf: See the module.

    Returns:
        ``[K + 1, H, W]`` float32, background first. Without classes all is background and the CRF is not asked.
    """
    _require_size(image, cams)
    scores = torch.cat((background_score(cams, alpha)[None], cams))
    if len(scores) == 1:
        return torch.ones_like(scores)
    unary = np.ascontiguousarray(soft_unary(scores).cpu().numpy())
    return torch.from_numpy(np.asarray(crf(image, unary), np.float32)).to(cams.device)


def combine_soft_labels(
    low: Tensor, high: Tensor, keys: Tensor | None = None, ignore: int = 255, eps: float = 1e-5
) -> Tensor:
    """Label map of what both CRFs agree on.

    A class where the CRF with the strong background says so and the one with the weak background does not say
    background; background where even the latter says so; the rest is ignored, as is what lies outside the image.

    Source: specs/affinity.md 6.3 (the maps are cropped and pooled before).

    Args:
        low: ``[L, h, w]`` float, scores with the strong background (la), background first.
        high: ``[L, h, w]`` float, scores with the weak background (ha), the same labels.
        keys: ``[L]`` int64, the value of every label, the first 0; ``None`` numbers them 0..L-1.
        ignore: Value of the rest.
        eps: A cell where no score of either reaches this lies outside the image.

    Returns:
        ``[h, w]`` int64.

    Raises:
        ValueError: If the shapes differ, or there is not one key per map.
    """
    if low.shape != high.shape or low.dim() != 3:
        raise ValueError(f'la and ha must be [L, h, w] alike, got {tuple(low.shape)} and {tuple(high.shape)}')
    if keys is not None and len(keys) != len(low):
        raise ValueError(f'{len(keys)} keys for {len(low)} maps')
    low_label, high_label = low.argmax(dim=0), high.argmax(dim=0)
    values = low_label if keys is None else keys.to(low.device)[low_label]
    label = torch.where(low_label == 0, ignore, values)
    label = torch.where(high_label == 0, 0, label)
    outside = torch.maximum(low.amax(dim=0), high.amax(dim=0)) < eps
    return torch.where(outside, ignore, label)


def ir_label(
    image: np.ndarray,
    cams: Tensor,
    keys: Tensor,
    crf: CRF,
    foreground_thr: float = 0.30,
    background_thr: float = 0.05,
    confidence: float = 0.7,
    ignore: int = 255,
) -> Tensor:
    """Label map that IRN learns from: two hard maps of the CAMs, each smoothed by a dense CRF.

    A class where the map with the high threshold has one after its CRF; background where neither map has one; the
    rest is ignored.

    Source: specs/affinity.md 10.3 (the CRF there has sigma_xy 50 and sigma_rgb 5).

    Args:
        image: ``[H, W, 3]`` RGB uint8.
        cams: ``[K, H, W]`` float32 at the size of the image; K may be 0.
        keys: ``[K]`` int64, class ids from 0.
        crf: See the module.
        foreground_thr: What a CAM must exceed to be a class.
        background_thr: What it must not exceed to be background.
        confidence: See :func:`hard_unary`.
        ignore: Value of the rest.

    Returns:
        ``[H, W]`` int64: 0, class id + 1, or ``ignore``. Without classes all is background.

    Raises:
        ValueError: If image and CAMs differ in size.
    """
    _require_size(image, cams)
    num_labels = len(cams) + 1
    if num_labels == 1:
        return torch.zeros(cams.shape[1:], dtype=torch.int64, device=cams.device)
    local = torch.arange(len(cams), device=cams.device)
    smooth = []
    for threshold in (foreground_thr, background_thr):
        unary = hard_unary(predict_labels(cams, local, threshold), num_labels, confidence)
        posterior = crf(image, np.ascontiguousarray(unary.cpu().numpy()))
        smooth.append(torch.from_numpy(np.asarray(posterior)).argmax(dim=0).to(cams.device))
    sure, possible = smooth
    values = F.pad(keys.to(cams.device) + 1, (1, 0))[sure]
    return torch.where((sure == 0) & (possible != 0), ignore, values)


def _require_size(image: np.ndarray, cams: Tensor) -> None:
    if tuple(image.shape[:2]) != tuple(cams.shape[1:]):
        raise ValueError(f'image of {image.shape[:2]} pixels, but CAMs of {tuple(cams.shape[1:])}; give them alike')
