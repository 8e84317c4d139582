"""How uncertain MI-AOD is about instances (anchors) and about images."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from .active_mil import check_levels

__all__ = ['instance_uncertainty', 'image_uncertainty', 'number_of_instances']

DISTANCES = ('l2', 'l1')
AGGREGATES = ('topk_mean', 'mean', 'max')


@torch.no_grad()
def instance_uncertainty(
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    weights: Sequence[Tensor] | None = None,
    distance: str = 'l2',
) -> Tensor:
    """Uncertainty of every anchor: how much the two instance classifiers disagree about it.

    Source: public code, which squares the difference and does not weight it, unlike its loss (the paper's is the
    absolute difference). The mean over classes of ``(sigmoid(f1) - sigmoid(f2)) ** 2``, in float32. Padding counts as
    well.

    Args:
        f1: Per level ``[B, A_l, C]`` float, logits of the first instance classifier.
        f2: The same, logits of the second.
        weights: The same, MIL scores (:func:`~wsod_mm.functional.active_mil.mil_scores`) by which the differences are
            multiplied before the mean; ``None``: not weighted.
        distance: ``'l2'``: squared difference. ``'l1'``: absolute difference.

    Returns:
        ``[B, A]`` float32 without gradient, the levels one after another.

    Raises:
        ValueError: If the shapes disagree or ``distance`` is unknown.
    """
    check_levels(f1=f1, f2=f2, **({} if weights is None else {'weights': weights}))
    if distance not in DISTANCES:
        raise ValueError(f'distance must be one of {DISTANCES}, got {distance!r}')
    levels = []
    for level, (z1, z2) in enumerate(zip(f1, f2, strict=True)):
        difference = z1.float().sigmoid() - z2.float().sigmoid()
        difference = difference.square() if distance == 'l2' else difference.abs()
        levels.append((difference if weights is None else difference * weights[level].float()).mean(dim=2))
    return torch.cat(levels, dim=1)


def number_of_instances(k: int | float, count: int) -> int:
    """Resolve ``k``: how many of ``count`` anchors decide about an image.

    Args:
        k: A whole number of at least 1, or a float in (0, 1] for a share of the anchors.
        count: Number of anchors.

    Returns:
        A number in [1, count].

    Raises:
        ValueError: For any other ``k``, or if there is no anchor.
    """
    if count < 1:
        raise ValueError('an image without anchors has no uncertainty')
    whole = isinstance(k, Integral) and not isinstance(k, bool)
    if not (k >= 1 if whole else isinstance(k, float) and 0 < k <= 1):
        raise ValueError(f'k must be a whole number >= 1 or a share in (0, 1], got {k!r}')
    return min(int(k), count) if whole else max(1, round(k * count))


@torch.no_grad()
def image_uncertainty(instances: Tensor, k: int | float = 10000, aggregate: str = 'topk_mean') -> Tensor:
    """Uncertainty of every image: the mean over its k most uncertain anchors.

    Source: paper, section on the selection of images; k: public code. Images of one batch share their padding, whose
    anchors count: only images scored alone (or in the same shape) can be compared bit by bit.

    Args:
        instances: ``[B, A]`` float, from :func:`instance_uncertainty`.
        k: Number of anchors (all, if there are fewer), or as a float in (0, 1] their share.
        aggregate: ``'topk_mean'``, or ``'mean'`` or ``'max'`` over all anchors, whatever k is.

    Returns:
        ``[B]`` float32.

    Raises:
        ValueError: For another shape, a ``k`` out of range, or an unknown ``aggregate``.
    """
    if instances.dim() != 2:
        raise ValueError(f'expected [B, A], got {tuple(instances.shape)}')
    if aggregate not in AGGREGATES:
        raise ValueError(f'aggregate must be one of {AGGREGATES}, got {aggregate!r}')
    count, instances = number_of_instances(k, instances.shape[1]), instances.float()
    if aggregate == 'max':
        return instances.amax(dim=1)
    if aggregate == 'mean' or count == instances.shape[1]:
        return instances.mean(dim=1)
    return instances.topk(count, dim=1, sorted=False).values.mean(dim=1)
