"""Losses of MI-AOD beyond detection: image labels, pseudo labels, and the discrepancy of two instance classifiers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .active_mil import bag_scores, check_levels
from .mil import mil_bce_loss

__all__ = [
    'PseudoImageLoss',
    'discrepancy',
    'image_loss',
    'multi_hot',
    'pseudo_image_loss',
    'pseudo_labels',
    'wave_dis_loss',
    'wave_dis_minus_loss',
    'zero_loss',
]

CLASS_REDUCTIONS = ('mean', 'sum')


def multi_hot(labels: Sequence[Tensor], num_classes: int) -> Tensor:
    """Image labels from the labels of the boxes.

    Args:
        labels: Per image ``[n_i]`` int64, 0-based classes, possibly none and possibly repeated.
        num_classes: C.

    Returns:
        ``[B, C]`` float32, 1 where the image holds the class.

    Raises:
        ValueError: If there is no image.
    """
    if not len(labels):
        raise ValueError('need the labels of at least one image')
    zeros = torch.zeros(num_classes, device=labels[0].device)
    # a loop over the few images of a batch: the number of boxes differs
    return torch.stack([zeros.scatter(0, image.long(), 1.0) for image in labels])


def image_loss(scores: Sequence[Tensor], target: Tensor, eps: float = 1e-5, class_reduction: str = 'mean') -> Tensor:
    """Binary cross entropy between image scores and image labels, mean over images.

    Source: public code, with the mean over classes; paper: their sum.

    Args:
        scores: Per level ``[B, A_l, C]`` float, from :func:`~wsod_mm.functional.active_mil.mil_scores`.
        target: ``[B, C]``, 1 where the image holds the class, else 0; see :func:`multi_hot`.
        eps: Image scores are clamped to [eps, 1 - eps].
        class_reduction: ``'mean'`` over the C classes, or their ``'sum'``.

    Returns:
        Scalar float32.

    Raises:
        ValueError: If the shapes disagree or ``class_reduction`` is unknown.
    """
    factor = _class_factor(class_reduction, scores)
    probs = bag_scores(scores, eps)
    if target.shape != probs.shape:
        raise ValueError(f'expected one target per image and class {tuple(probs.shape)}, got {tuple(target.shape)}')
    return mil_bce_loss(probs, target, eps=0.0) * factor


@torch.no_grad()
def pseudo_labels(f1: Sequence[Tensor], f2: Sequence[Tensor], thresh: float = 0.5, strict: bool = False) -> Tensor:
    """Classes that an unlabeled image seems to hold: those that some anchor of some level is scored for.

    Source: public code; paper: strictly above the threshold.

    Args:
        f1: Per level ``[B, A_l, C]`` float, logits of the first instance classifier.
        f2: The same, logits of the second.
        thresh: Present if the largest ``(sigmoid(f1) + sigmoid(f2)) / 2`` is at least this,
        strict: or, if set, larger than this.

    Returns:
        ``[B, C]`` float32 of 0 and 1, without gradient.

    Raises:
        ValueError: If the shapes disagree.
    """
    check_levels(f1=f1, f2=f2)
    best = [((a.float().sigmoid() + b.float().sigmoid()) / 2).amax(dim=1) for a, b in zip(f1, f2, strict=True)]
    best = torch.stack(best).amax(dim=0)
    return (best > thresh if strict else best >= thresh).float()


class PseudoImageLoss(NamedTuple):
    """Image loss of an unlabeled batch.

    Attributes:
        loss: Scalar float32, ``ungated * gate``.
        ungated: Scalar float32.
        gate: Scalar float32, 0 or 1.
        pseudo: ``[B, C]`` float32 of 0 and 1.
    """

    loss: Tensor
    ungated: Tensor
    gate: Tensor
    pseudo: Tensor


def pseudo_image_loss(
    scores: Sequence[Tensor],
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    thresh: float = 0.5,
    eps: float = 1e-5,
    strict: bool = False,
    class_reduction: str = 'mean',
) -> PseudoImageLoss:
    """Image loss against pseudo labels, switched off for a batch with an image for which there is none.

    Source: public code. The gate is a factor and not a branch, so that all ranks of distributed training have the
    same graph and f_mil receives a zero gradient, not none.

    Args:
        scores: Per level ``[B, A_l, C]`` float, from :func:`~wsod_mm.functional.active_mil.mil_scores`.
        f1: The same, logits of the first instance classifier; no gradient goes there.
        f2: The same, logits of the second.
        thresh: Of :func:`pseudo_labels`.
        eps: Image scores are clamped to [eps, 1 - eps].
        strict: Of :func:`pseudo_labels`.
        class_reduction: Of :func:`image_loss`.

    Returns:
        The loss and its parts. The gate is 0 if ANY image of the batch has no pseudo label, else 1.

    Raises:
        ValueError: If the shapes disagree.
    """
    check_levels(scores=scores, f1=f1, f2=f2)
    pseudo = pseudo_labels(f1, f2, thresh, strict)
    gate = pseudo.amax(dim=1).amin()
    ungated = image_loss(scores, pseudo, eps, class_reduction)
    return PseudoImageLoss(ungated * gate, ungated, gate, pseudo)


def discrepancy(f1: Tensor, f2: Tensor, activation: str = 'sigmoid') -> Tensor:
    """How much two instance classifiers disagree.

    Source: paper; softmax: public code, SSD.

    Args:
        f1: ``[..., C]`` float, logits of the first classifier.
        f2: The same, logits of the second.
        activation: ``'sigmoid'``, or ``'softmax'`` over the C columns, background among them.

    Returns:
        ``[..., C]`` float32, absolute difference of the probabilities. Where they are equal its gradient is 0.

    Raises:
        ValueError: For an unknown ``activation``, or if the shapes disagree.
    """
    if activation not in ('sigmoid', 'softmax') or f1.shape != f2.shape:
        raise ValueError(
            f"activation must be 'sigmoid' or 'softmax' and shapes equal, got {activation!r}, "
            f'{tuple(f1.shape)} and {tuple(f2.shape)}'
        )
    if activation == 'softmax':
        return (f1.float().softmax(dim=-1) - f2.float().softmax(dim=-1)).abs()
    return (f1.float().sigmoid() - f2.float().sigmoid()).abs()


def wave_dis_loss(
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    weights: Sequence[Tensor],
    param_lambda: float = 0.5,
    activation: str = 'sigmoid',
    average_images: bool = False,
    class_reduction: str = 'mean',
) -> Tensor:
    """Discrepancy that stage "min" makes small: ``lambda * sum over images and anchors of mean_c(d * w)``, per level.

    Source: public code. It is a sum over images and levels, so the effective lambda grows with the images per GPU.

    Args:
        f1: Per level ``[B, A_l, C]`` float, logits of the first instance classifier.
        f2: The same, logits of the second.
        weights: The same, from :func:`~wsod_mm.functional.active_mil.mil_scores`; no gradient goes there.
        param_lambda: lambda.
        activation: Of :func:`discrepancy`.
        average_images: Divide by B, so that lambda means the same at every batch size (an option of ours).
        class_reduction: ``'mean'`` over the C classes (public code), or their ``'sum'`` (paper).

    Returns:
        ``[L]`` float32; the loss is the sum.

    Raises:
        ValueError: If the shapes disagree, or for an unknown option.
    """
    return _weighted_sums(f1, f2, weights, param_lambda, activation, average_images, class_reduction, minus=False)


def wave_dis_minus_loss(
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    weights: Sequence[Tensor],
    param_lambda: float = 0.5,
    activation: str = 'sigmoid',
    average_images: bool = False,
    class_reduction: str = 'mean',
) -> Tensor:
    """Agreement that stage "max" makes small: :func:`wave_dis_loss` with ``1 - d`` for ``d``.

    Source: public code (paper: minus the discrepancy, which has the same gradient). Where the weights of an image sum
    to 1 the two losses add up to ``lambda * B / C`` per level.

    Args:
        f1: See :func:`wave_dis_loss`.
        f2: See there.
        weights: See there.
        param_lambda: See there.
        activation: See there.
        average_images: See there.
        class_reduction: See there.

    Returns:
        ``[L]`` float32; the loss is the sum.

    Raises:
        ValueError: If the shapes disagree, or for an unknown option.
    """
    return _weighted_sums(f1, f2, weights, param_lambda, activation, average_images, class_reduction, minus=True)


def _weighted_sums(
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    weights: Sequence[Tensor],
    param_lambda: float,
    activation: str,
    average_images: bool,
    class_reduction: str,
    minus: bool,
) -> Tensor:
    """The two losses above."""
    check_levels(f1=f1, f2=f2, weights=weights)
    factor = param_lambda * _class_factor(class_reduction, f1)
    losses = []
    for z1, z2, w in zip(f1, f2, weights, strict=True):
        d = discrepancy(z1, z2, activation)
        losses.append((((1 - d) if minus else d) * w.detach().float()).mean(dim=2).sum())
    return torch.stack(losses) * (factor / len(f1[0]) if average_images else factor)


def _class_factor(class_reduction: str, levels: Sequence[Tensor]) -> int:
    """What makes the mean over the classes the wanted reduction."""
    if class_reduction not in CLASS_REDUCTIONS:
        raise ValueError(f'class_reduction must be one of {CLASS_REDUCTIONS}, got {class_reduction!r}')
    return levels[0].shape[-1] if class_reduction == 'sum' and len(levels) else 1


def zero_loss(outputs: Iterable[Tensor]) -> Tensor:
    """A loss of 0 that gives the parameters behind ``outputs`` a gradient of 0 instead of none.

    Momentum and weight decay then go on for parameters that no term of the stage reaches, as they do in the
    public code, and distributed training finds all parameters used. Values that are not finite make it NaN.

    Args:
        outputs: Float tensors of any shape, for instance all outputs of a head.

    Returns:
        Scalar float32.

    Raises:
        ValueError: If there is no output.
    """
    # float32: a sum over many logits overflows in half precision, and 0 * inf is NaN
    sums = [output.sum(dtype=torch.float32) for output in outputs]
    if not sums:
        raise ValueError('need at least one output')
    return torch.stack(sums).sum() * 0
