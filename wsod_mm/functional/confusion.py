"""Confusion matrices of label maps, IoU, and the sweep over background values of CAMs."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    'confusion_matrix',
    'error_fractions',
    'iou_from_confusion',
    'label_table',
    'mean_iou',
    'threshold_confusions',
]


def label_table(source: Sequence[str], target: Sequence[str], other: int = 0, ignore_index: int = 255) -> Tensor:
    """Table that turns label maps of one class list into those of another, as ``table[label.long()]``.

    Args:
        source: Class names of the maps, without the background; label i + 1 is ``source[i]``.
        target: Class names wanted.
        other: Label of the classes that ``target`` lacks: 0, or ``ignore_index`` so that they do not count.
        ignore_index: Stays as it is.

    Returns:
        ``[256]`` int64; labels that are no class are turned into 256, which no matrix takes.

    Raises:
        ValueError: If ``source`` lacks a wanted class.
    """
    absent = [name for name in target if name not in source]
    if absent:
        raise ValueError(f'the label maps have the classes {list(source)}, which lack {absent}; correct the class list')
    index = {name: i + 1 for i, name in enumerate(target)}
    table = torch.full((256,), 256, dtype=torch.int64)
    table[: len(source) + 1] = torch.tensor([0, *(index.get(name, other) for name in source)])
    table[ignore_index] = ignore_index
    return table


def confusion_matrix(
    pred: Tensor,
    truth: Tensor,
    num_classes: int | None = None,
    ignore_index: int = 255,
    pred_ignore: int = 255,
) -> Tensor:
    """Count pixels by true and predicted label.

    Source: specs/affinity.md 9.

    Args:
        pred: ``[..., H, W]`` integers; ``pred_ignore`` counts as background 0.
        truth: The same shape; ``ignore_index`` and negative values are left out.
        num_classes: C with the background; ``None`` takes the largest label of either, plus 1.
        ignore_index: See ``truth``.
        pred_ignore: See ``pred``.

    Returns:
        ``[C, C]`` int64, rows the truth.

    Raises:
        ValueError: If the shapes differ or a label is not below C.
    """
    if pred.shape != truth.shape:
        raise ValueError(f'prediction {tuple(pred.shape)} and ground truth {tuple(truth.shape)} differ in size')
    pred, truth = pred.long(), truth.long()
    pred = torch.where(pred == pred_ignore, 0, pred)
    valid = (truth >= 0) & (truth != ignore_index)
    truth = torch.where(valid, truth, 0)
    num_classes = _check_range(pred, truth, num_classes)
    # what does not count goes to a bin of its own
    index = torch.where(valid, truth * num_classes + pred, num_classes**2)
    return torch.bincount(index.flatten(), minlength=num_classes**2 + 1)[:-1].view(num_classes, num_classes)


def iou_from_confusion(confusion: Tensor) -> Tensor:
    """Intersection over union of every class.

    Args:
        confusion: ``[..., C, C]`` counts, rows the truth.

    Returns:
        ``[..., C]`` float64 in [0, 1]; NaN for a class that neither truth nor prediction has.
    """
    hit, truth, pred = _margins(confusion)
    return hit / (truth + pred - hit)


def error_fractions(confusion: Tensor) -> tuple[Tensor, Tensor]:
    """What part of a class's union is falsely there, and what part is missing.

    Source: specs/affinity.md 9 (as IRN prints them).

    Args:
        confusion: ``[..., C, C]`` counts, rows the truth.

    Returns:
        False positives 1 - truth / union and false negatives 1 - prediction / union, ``[..., C]`` float64; NaN for
        absent classes.
    """
    hit, truth, pred = _margins(confusion)
    union = truth + pred - hit
    return 1 - truth / union, 1 - pred / union


def mean_iou(iou: Tensor) -> Tensor:
    """Mean over the classes that are there.

    Args:
        iou: ``[..., C]``, NaN for absent classes.

    Returns:
        ``[...]``; NaN when no class is there.
    """
    return iou.nanmean(dim=-1)


def threshold_confusions(
    score: Tensor,
    label: Tensor,
    truth: Tensor,
    thresholds: Sequence[float],
    num_classes: int,
    ignore_index: int = 255,
) -> Tensor:
    """Confusion matrices of CAMs for many background values, in one pass over the pixels.

    The strongest class of a pixel does not depend on the background; only whether it beats it does. Pixels are counted
    by the number of thresholds that their score exceeds, and the matrices are sums over those bins.

    Source: own; equal to predicting and counting once per threshold.

    Args:
        score: ``[H, W]`` float, of :func:`wsod_mm.functional.cam_maps.best_class`.
        label: ``[H, W]`` int64, from there too.
        truth: ``[H, W]`` integers, ``ignore_index`` and negative values left out.
        thresholds: T background values in any order, compared in the dtype of ``score``; a tie is background.
        num_classes: C with the background.
        ignore_index: See ``truth``.

    Returns:
        ``[T, C, C]`` int64, rows the truth.

    Raises:
        ValueError: If the shapes differ, a label is not below C, or there is no threshold.
    """
    if not (score.shape == label.shape == truth.shape):
        shapes = [tuple(t.shape) for t in (score, label, truth)]
        raise ValueError(f'score, label and ground truth differ in size: {shapes}')
    if not len(thresholds):
        raise ValueError('no thresholds to sweep over')
    truth = truth.long()
    valid = (truth >= 0) & (truth != ignore_index)
    truth = torch.where(valid, truth, 0)
    _check_range(label, truth, num_classes)
    values, order = torch.tensor(thresholds, dtype=score.dtype, device=score.device).sort()
    count = len(values)
    passed = torch.searchsorted(values, score.contiguous())  # how many thresholds lie below the score
    index = (passed * num_classes + truth) * num_classes + label
    bins = (count + 1) * num_classes**2
    index = torch.where(valid, index, bins)
    histogram = torch.bincount(index.flatten(), minlength=bins + 1)[:-1].view(count + 1, num_classes, num_classes)
    # at the k-th threshold, those that passed more than k are of their class
    kept = histogram.flip(0).cumsum(0).flip(0)[1:]
    confusion = kept.clone()
    confusion[:, :, 0] += (histogram.sum(0) - kept).sum(-1)
    return torch.empty_like(confusion).index_copy_(0, order, confusion)


def _margins(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    counts = confusion.double()
    return counts.diagonal(dim1=-2, dim2=-1), counts.sum(-1), counts.sum(-2)


def _check_range(pred: Tensor, truth: Tensor, num_classes: int | None) -> int:
    if not pred.numel():
        return num_classes or 1
    largest = max(int(pred.max()), int(truth.max()))
    if int(pred.min()) < 0 or (num_classes is not None and largest >= num_classes):
        raise ValueError(
            f'labels run from {int(pred.min())} to {largest}, but there are {num_classes} classes with the background; '
            'check num_classes, and that ignored pixels have the ignore value'
        )
    return largest + 1 if num_classes is None else num_classes
