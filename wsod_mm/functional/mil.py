"""Two-stream multiple-instance learning (WSDDN): scores of proposals and of images, and the image-level loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['wsddn_scores', 'image_scores', 'mil_bce_loss']


def wsddn_scores(cls_logits: Tensor, det_logits: Tensor) -> Tensor:
    """Score every proposal of ONE image for every class: ``softmax_c(cls) * softmax_r(det)``.

    Source: WSDDN paper, section 3.2. Always computed in float32, because a softmax over thousands of proposals
    underflows in half precision.

    Args:
        cls_logits: ``[R, C]`` float, classification stream.
        det_logits: ``[R, C]`` float, detection stream; its softmax runs over the R proposals.

    Returns:
        ``[R, C]`` float32; each column sums to at most 1.

    Raises:
        ValueError: If the two streams have different shapes.
    """
    if cls_logits.shape != det_logits.shape:
        raise ValueError(
            f'both WSDDN streams need one shape [R, C], got cls_logits {tuple(cls_logits.shape)} and '
            f'det_logits {tuple(det_logits.shape)}'
        )
    return cls_logits.float().softmax(dim=1) * det_logits.float().softmax(dim=0)


def image_scores(scores: Tensor) -> Tensor:
    """Sum the proposal scores of one image: the probability that the image holds each class.

    Source: WSDDN paper, section 3.3. Not clamped; :func:`mil_bce_loss` does that.

    Args:
        scores: ``[R, C]`` float, from :func:`wsddn_scores`.

    Returns:
        ``[C]`` float, in [0, 1] up to rounding.
    """
    return scores.sum(dim=0)


def mil_bce_loss(
    probs: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    eps: float = 1e-6,
) -> Tensor:
    """Binary cross entropy between image scores and image labels.

    Source: WSDDN paper, eq. (3), which sums over the classes; public code (PCL, Collaborative Learning) takes the mean,
    the default here. The clamp removes the gradient of saturated classes, as it does in the public code.

    Args:
        probs: ``[C]`` or ``[N, C]`` float, image scores.
        labels: The same shape, 1 where the class is in the image, else 0.
        weight: The same shape, 0 where the label is unknown ("don't care"); ``None``: every label counts.
            The mean is over all classes whatever their weight, so that a don't-care class is a missing term.
        reduction: ``'mean'`` or ``'sum'`` over the C classes; images are always averaged.
        eps: Probabilities are clamped to [eps, 1 - eps]. PCL: 1e-6; wetectron: 1e-10; Collaborative Learning: 0
            (logarithms are then cut at -100).

    Returns:
        Scalar float32.

    Raises:
        ValueError: For an unknown ``reduction``.
    """
    if reduction not in ('mean', 'sum'):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    # a BCE on probabilities is refused by CUDA autocast, and float16 cannot hold 1 - 1e-6
    with torch.autocast(device_type=probs.device.type, enabled=False):
        probs = probs.float().clamp(eps, 1 - eps)
        losses = F.binary_cross_entropy(probs, labels.float(), weight=weight, reduction='none')
        per_image = losses.mean(dim=-1) if reduction == 'mean' else losses.sum(dim=-1)
        return per_image.mean()
