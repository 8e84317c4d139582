"""Acquisition functions of active learning: how uncertain predictions are, and k-center greedy."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from .uncertainty import AGGREGATES, image_uncertainty

__all__ = [
    'IMAGE_AGGREGATES',
    'aggregate_detections',
    'aggregate_instances',
    'k_center_greedy',
    'least_confidence',
    'logit_entropy',
    'logit_outcomes',
    'margin',
    'score_entropy',
    'score_outcomes',
]

IMAGE_AGGREGATES = (*AGGREGATES, 'sum')
CLASSES = ('sum', 'mean')


def logit_entropy(logits: Tensor, sigmoid: bool, classes: str = 'sum') -> Tensor:
    """Entropy in nats of the predicted classes.

    Sigmoid: each column is a decision of its own with a binary entropy. Softmax: the categorical entropy over all
    columns, background among them.

    Args:
        logits: ``[..., C]`` float.
        sigmoid: Whether columns are independent (sigmoid), or exclude each other (softmax).
        classes: ``'sum'`` over the columns, or their ``'mean'``: the sum divided by their number.

    Returns:
        ``[...]`` float32. The sum is at most ``C * log(2)`` (sigmoid) or ``log(C)`` (softmax).

    Raises:
        ValueError: For an unknown ``classes``.
    """
    if classes not in CLASSES:
        raise ValueError(f'classes must be one of {CLASSES}, got {classes!r}')
    logits = logits.float()
    if sigmoid:
        # from logits: 1 - sigmoid(z) is exactly 0 for z > 17 in float32
        terms = logits.sigmoid() * F.softplus(-logits) + (-logits).sigmoid() * F.softplus(logits)
    else:
        terms = torch.special.entr(logits.softmax(dim=-1))
    return terms.sum(dim=-1) if classes == 'sum' else terms.mean(dim=-1)


def score_entropy(scores: Tensor) -> Tensor:
    """Binary entropy in nats of scores.

    Args:
        scores: ``[...]`` float in [0, 1].

    Returns:
        ``[...]`` float32, at most ``log(2)``.
    """
    scores = scores.float()
    return torch.special.entr(scores) + torch.special.entr(1 - scores)


def logit_outcomes(logits: Tensor, sigmoid: bool, background: bool = True) -> Tensor:
    """Probabilities of what an instance may be.

    Sigmoid columns leave out the background, which is what nearly all anchors are: among the classes alone those would
    be the least certain. So background joins in with ``1 - max_c p_c``; the row need not add up to 1 then.

    Args:
        logits: ``[..., C]`` float; for softmax the last column is background.
        sigmoid: Whether columns are independent (sigmoid), or exclude each other (softmax).
        background: Whether background is an outcome. Without it only classes are compared.

    Returns:
        float32: sigmoid ``[..., C + 1]`` with background last (``[..., C]`` without), softmax ``[..., C]``
        (``[..., C - 1]``).
    """
    if not sigmoid:
        outcomes = logits.float().softmax(dim=-1)
        return outcomes if background else outcomes[..., :-1]
    outcomes = logits.float().sigmoid()
    if not background:
        return outcomes
    return torch.cat((outcomes, 1 - outcomes.amax(dim=-1, keepdim=True)), dim=-1)


def score_outcomes(scores: Tensor, background: bool = True) -> Tensor:
    """:func:`logit_outcomes` for detections, of which only the score of one class is known.

    Args:
        scores: ``[...]`` float in [0, 1].
        background: Whether the opposite, ``1 - score``, is an outcome.

    Returns:
        ``[..., 2]`` float32 (``[..., 1]`` without background).
    """
    scores = scores.float()
    return torch.stack((scores, 1 - scores), dim=-1) if background else scores[..., None]


def least_confidence(outcomes: Tensor) -> Tensor:
    """One minus the probability of the most probable outcome.

    Args:
        outcomes: ``[..., K]`` float, probabilities (:func:`logit_outcomes`).

    Returns:
        ``[...]`` float.
    """
    return 1 - outcomes.amax(dim=-1)


def margin(outcomes: Tensor) -> Tensor:
    """One minus the difference between the probabilities of the two most probable outcomes.

    Args:
        outcomes: ``[..., K]`` float, probabilities (:func:`logit_outcomes`), K >= 2.

    Returns:
        ``[...]`` float.

    Raises:
        ValueError: For a single outcome.
    """
    if outcomes.shape[-1] < 2:
        raise ValueError('a margin needs two outcomes: with one class, count background as an outcome')
    best = outcomes.topk(2, dim=-1).values
    return 1 - (best[..., 0] - best[..., 1])


def aggregate_instances(instances: Tensor, aggregate: str = 'topk_mean', k: int | float = 10000) -> Tensor:
    """One value per image from the values of its instances.

    Args:
        instances: ``[B, A]`` float, A >= 1.
        aggregate: ``'topk_mean'``: mean of the k largest. ``'mean'``, ``'max'`` or ``'sum'``: of all.
        k: See :func:`~wsod_mm.functional.uncertainty.image_uncertainty`; only for ``'topk_mean'``.

    Returns:
        ``[B]`` float32.

    Raises:
        ValueError: For an unknown ``aggregate``, a ``k`` out of range, or no instance.
    """
    if aggregate not in IMAGE_AGGREGATES:
        raise ValueError(f'aggregate must be one of {IMAGE_AGGREGATES}, got {aggregate!r}')
    if aggregate == 'sum':
        return instances.float().sum(dim=1)
    return image_uncertainty(instances, k, aggregate)


def aggregate_detections(detections: Sequence[Tensor], aggregate: str = 'topk_mean', k: int | float = 10000) -> Tensor:
    """:func:`aggregate_instances` for images that differ in their number of instances.

    Args:
        detections: B times ``[n_i]`` float, n_i >= 0.
        aggregate: See there.
        k: See there; a share is one of the detections of the image.

    Returns:
        ``[B]`` float32; 0 for an image without detection.

    Raises:
        ValueError: See there.
    """
    values = [
        aggregate_instances(row[None], aggregate, k) if len(row) else row.new_zeros(1, dtype=torch.float32)
        for row in detections
    ]
    return torch.cat(values)


def k_center_greedy(
    features: ArrayLike,
    centers: ArrayLike,
    candidates: ArrayLike,
    size: int,
    names: Sequence[str] | None = None,
    chunk: int = 64,
) -> np.ndarray:
    """Pick candidates one after the other, each the farthest from its nearest center, which then is a center itself.

    Source: Sener & Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach" (ICLR 2018),
    algorithm 1. Euclidean distance (the order is that of the squared one) in float64 on the host, from differences
    and not from a matrix product, so that equal images are exactly equally far. Of equally far candidates the one with
    the smaller id comes first; so without any center the first pick is the smallest id.

    Args:
        features: ``[n, D]`` float, by id. Only rows of centers and candidates are looked at.
        centers: Unique ids of the first centers (the labeled images), possibly none.
        candidates: Unique ids to choose from, in any order, possibly none.
        size: How many; all, if there are fewer.
        names: ``[n]``, names of the images, for the message of an error.
        chunk: Centers at a time for the first distances. Bounds the memory, and changes nothing else.

    Returns:
        int64 ids in the order of the picks.

    Raises:
        ValueError: For features of another shape, values that are not finite, or a negative size.
    """
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f'expected features of shape [n, D], got {features.shape}')
    if size < 0:
        raise ValueError(f'the number of images to select must not be negative, got {size}')
    centers, candidates = (np.sort(np.asarray(ids).astype(np.int64).reshape(-1)) for ids in (centers, candidates))
    used = np.concatenate((centers, candidates))
    bad = np.sort(used[~np.isfinite(features[used]).all(axis=1)])
    if bad.size:
        which = ', '.join(str(i if names is None else names[i]) for i in bad[:10]) + (', ...' if bad.size > 10 else '')
        raise ValueError(f'features are not finite for {bad.size} of {used.size} images: {which}')

    rows = torch.from_numpy(features[candidates].astype(np.float64))
    nearest = torch.full((len(rows),), float('inf'), dtype=torch.float64)
    for start in range(0, len(centers), chunk):
        part = torch.from_numpy(features[centers[start : start + chunk]].astype(np.float64))
        torch.minimum(nearest, _distances(rows, part).amin(dim=1), out=nearest)
    picks = np.empty(min(size, len(candidates)), np.int64)
    for number in range(len(picks)):
        # numpy's argmax is the first one, hence the smallest id; what was picked is never the largest again
        pick = picks[number] = int(nearest.numpy().argmax())
        torch.minimum(nearest, _distances(rows, rows[pick : pick + 1])[:, 0], out=nearest)
        nearest[pick] = -float('inf')
    return candidates[picks]


def _distances(rows: Tensor, centers: Tensor) -> Tensor:
    """Euclidean distances ``[n, m]``."""
    return torch.cdist(rows, centers, compute_mode='donot_use_mm_for_euclid_dist')
