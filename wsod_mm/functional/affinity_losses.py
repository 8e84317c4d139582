"""Losses of AffinityNet (affinities), and of IRN (boundaries and displacements), over pairs of cells."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .pair_labels import PairLabels
from .pixel_pairs import border_of, offset_list, pad_border, shifted, source_box

__all__ = [
    'PAPER_WEIGHTS',
    'PUBLIC_WEIGHTS',
    'AffinityLoss',
    'BoundaryLoss',
    'DisplacementLosses',
    'affinity_loss',
    'boundary_loss',
    'displacement_losses',
    'irn_loss',
    'mean_displacement',
    'pair_displacement',
]

#: Weights of background, foreground and negative pairs in AffinityNet's loss. Those of the paper are 4 times as large,
#: which is a learning rate 4 times as large.
PUBLIC_WEIGHTS = (0.25, 0.25, 0.5)
PAPER_WEIGHTS = (1.0, 1.0, 2.0)


class AffinityLoss(NamedTuple):
    """Scalars float32; a term without pairs is 0.

    Attributes:
        background: Mean of -log(affinity) over pairs of background.
        foreground: The same over pairs of one class.
        negative: Mean of -log(1 - affinity) over pairs that differ.
        total: Their weighted sum.
    """

    background: Tensor
    foreground: Tensor
    negative: Tensor
    total: Tensor


class BoundaryLoss(NamedTuple):
    """Scalars float32; a term without pairs is 0.

    Attributes:
        positive: Mean of -log(affinity) over pairs that belong together, of background and of classes in equal parts.
        negative: Mean of -log(1 - affinity) over pairs that differ.
    """

    positive: Tensor
    negative: Tensor


class DisplacementLosses(NamedTuple):
    """Scalars float32 in cells; a term without pairs is 0.

    Attributes:
        foreground: How far pairs of one class are from pointing at the same cell.
        background: How far pairs of background are from being displaced alike.
    """

    foreground: Tensor
    background: Tensor


def affinity_loss(
    affinity: Tensor,
    labels: PairLabels,
    weights: tuple[float, float, float] = PUBLIC_WEIGHTS,
    eps: float = 1e-5,
) -> AffinityLoss:
    """Loss of AffinityNet, over all pairs of a batch at once.

    Source: public code; paper, section 3.2: see :data:`PAPER_WEIGHTS`. In float32 under autocast.

    Args:
        affinity: ``[B, P, n]`` float in [0, 1], from :func:`~wsod_mm.functional.pair_affinity.embedding_affinity`.
        labels: The same shape, from :func:`~wsod_mm.functional.pair_labels.pair_labels`.
        weights: Of background, foreground and negative pairs in the total.
        eps: Added to what the logarithm is taken of, and to the number of pairs.

    Returns:
        The terms and their total; float64 for float64.

    Raises:
        ValueError: If the shapes differ.
    """
    positive, negative = _log_losses(affinity, labels, eps)
    background = _mean(positive, labels.bg_pos, eps)
    foreground = _mean(positive, labels.fg_pos, eps)
    different = _mean(negative, labels.neg, eps)
    total = weights[0] * background + weights[1] * foreground + weights[2] * different
    return AffinityLoss(background, foreground, different, total)


def boundary_loss(affinity: Tensor, labels: PairLabels, eps: float = 1e-5) -> BoundaryLoss:
    """Loss of IRN's boundaries, over all pairs of a batch at once.

    Source: IRN, public code. In float32 under autocast.

    Args:
        affinity: ``[B, P, n]`` float in [0, 1], from :func:`~wsod_mm.functional.pair_affinity.boundary_affinity`.
        labels: The same shape, from :func:`~wsod_mm.functional.pair_labels.pair_labels` with
            :func:`~wsod_mm.functional.pixel_pairs.path_offsets`.
        eps: Added to what the logarithm is taken of, and to the number of pairs.

    Returns:
        Both terms; float64 for float64.

    Raises:
        ValueError: If the shapes differ.
    """
    positive, negative = _log_losses(affinity, labels, eps)
    together = (_mean(positive, labels.bg_pos, eps) + _mean(positive, labels.fg_pos, eps)) / 2
    return BoundaryLoss(together, _mean(negative, labels.neg, eps))


def pair_displacement(displacement: Tensor, offsets: Tensor, radius: int, border: str = 'reference') -> Tensor:
    """How differently the two cells of every pair are displaced, ``d(i) - d(j)`` for the target j.

    Source: IRN, public code.

    Args:
        displacement: ``[B, 2, h, w]`` float (dy, dx) in cells, from each cell towards the centre of its instance.
        offsets: ``[P, 2]`` int64 (dy, dx) on the CPU, in the order of the labels.
        radius: That of the offsets, in cells.
        border: As in :func:`~wsod_mm.functional.pair_affinity.boundary_affinity`; with ``'full'`` the difference is 0
            where the target leaves the map.

    Returns:
        ``[B, 2, P, n]``, float32 (float64 for float64).

    Raises:
        ValueError: For another shape, offsets beyond the radius, or an unknown border.
    """
    if displacement.dim() != 4 or displacement.size(1) != 2:
        raise ValueError(f'the displacement must be [B, 2, h, w] (dy, dx), got {tuple(displacement.shape)}')
    pairs, displacement = offset_list(offsets, radius), _accurate(displacement)
    full, size = border_of(border) == 'full', displacement.shape[2:]
    if full:
        displacement = pad_border(displacement, radius, 0.0)
    box = source_box(*displacement.shape[2:], radius)
    targets = torch.stack([shifted(displacement, box, offset) for offset in pairs], dim=2)
    difference = shifted(displacement, box, (0, 0)).unsqueeze(2) - targets
    if full:
        ones = pad_border(displacement.new_ones(size), radius, 0.0)
        difference = difference * torch.stack([shifted(ones, box, offset) for offset in pairs])
    return difference.flatten(3)


def displacement_losses(
    difference: Tensor, labels: PairLabels, offsets: Tensor, eps: float = 1e-5
) -> DisplacementLosses:
    """Losses of IRN's displacements, over all pairs of a batch at once.

    Source: IRN, public code. Two cells of one class should point at one cell, so that their displacements differ by
    the offset between them; two cells of background should be displaced alike.

    Args:
        difference: ``[B, 2, P, n]`` float in cells, from :func:`pair_displacement`.
        labels: ``[B, P, n]`` each, from :func:`~wsod_mm.functional.pair_labels.pair_labels`.
        offsets: ``[P, 2]`` (dy, dx), those of the pairs.
        eps: Added to twice the number of pairs.

    Returns:
        Both terms; float64 for float64.

    Raises:
        ValueError: If the shapes disagree.
    """
    if difference.dim() != 4 or difference.size(1) != 2:
        raise ValueError(f'the differences must be [B, 2, P, n], got {tuple(difference.shape)}')
    difference = _accurate(difference)
    _check_labels(difference[:, 0], labels)
    if offsets.shape != (difference.size(2), 2):
        raise ValueError(f'expected one offset (dy, dx) per row of {difference.size(2)}, got {tuple(offsets.shape)}')
    expected = offsets.to(difference).T[None, :, :, None]
    foreground = (difference - expected).abs().sum(dim=1)
    background = difference.abs().sum(dim=1)
    return DisplacementLosses(
        _mean(foreground, labels.fg_pos, eps, values_per_pair=2),
        _mean(background, labels.bg_pos, eps, values_per_pair=2),
    )


def irn_loss(boundary: BoundaryLoss, displacement: DisplacementLosses) -> Tensor:
    """What IRN minimises: the mean of both terms of the boundaries, plus that of both terms of the displacements.

    Source: IRN, public code.

    Args:
        boundary: From :func:`boundary_loss`.
        displacement: From :func:`displacement_losses`.

    Returns:
        Scalar.
    """
    return (boundary.positive + boundary.negative) / 2 + (displacement.foreground + displacement.background) / 2


def mean_displacement(batches: Iterable[Tensor]) -> Tensor:
    """Mean displacement of many images, which IRN subtracts at inference: nothing in its loss fixes it.

    Source: IRN, public code: the mean over batches of their means, cells of the padding included.

    Args:
        batches: Each ``[B, 2, h, w]`` float (dy, dx) in cells; one after another, so that they need not be kept.

    Returns:
        ``[2]`` float32 (dy, dx) without gradient.

    Raises:
        ValueError: If there is no batch, or one has another shape.
    """
    means = []
    for batch in batches:
        if batch.dim() != 4 or batch.size(1) != 2 or not batch.numel():
            raise ValueError(f'every batch of displacements must be [B, 2, h, w] (dy, dx), got {tuple(batch.shape)}')
        means.append(batch.detach().double().mean(dim=(0, 2, 3)))
    if not means:
        raise ValueError('the mean displacement needs at least one batch; is the list of images shorter than a batch?')
    return torch.stack(means).mean(dim=0).float()


def _log_losses(affinity: Tensor, labels: PairLabels, eps: float) -> tuple[Tensor, Tensor]:
    """``-log(a)`` and ``-log(1 - a)``, both with eps in the logarithm."""
    _check_labels(affinity, labels)
    affinity = _accurate(affinity)
    return -(affinity + eps).log(), -(1 + eps - affinity).log()


def _mean(values: Tensor, mask: Tensor, eps: float, values_per_pair: int = 1) -> Tensor:
    """Mean of values over the pairs of a mask; 0, with a gradient of 0, where there is none."""
    return (values * mask).sum() / (values_per_pair * mask.sum().to(values.dtype) + eps)


def _check_labels(pairs: Tensor, labels: PairLabels) -> None:
    """Fail where labels and pairs do not match."""
    for name, mask in zip(labels._fields, labels, strict=True):
        if mask.shape != pairs.shape:
            raise ValueError(f'expected one {name} label per pair {tuple(pairs.shape)}, got {tuple(mask.shape)}')


def _accurate(x: Tensor) -> Tensor:
    """At least float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
