"""Mining of MIST: several well separated proposals per class."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import bbox_overlaps_inclusive, overlaps_numpy
from .mining import Seeds, check_mining_inputs, seeds_at

__all__ = ['mist_seeds']


@torch.no_grad()
def mist_seeds(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    eps: float = 1e-9,
    top_fraction: float = 0.15,
    nms_iou: float = 0.2,
    max_per_class: int | None = None,
    max_rounds: int = 16,
) -> Seeds:
    """Take the best proposals of every class in the image that hardly overlap (MIST).

    Source: MIST paper (instance-aware self-training), algorithm 1: of the ``top_fraction`` of the proposals with the
    highest scores of a class, visited from the highest, keep each whose IoU with all that were kept is below
    ``nms_iou``. Classes do not influence each other. Rounding of the fraction down: public code.

    CPU: only the classes in the image are looked at, in numpy. Other devices: all classes at once, without waiting for
    the device; a proposal is decided in the round after the better ones that it overlaps, and dropped if that takes
    more than ``max_rounds`` rounds (the best 300 to 600 of random boxes need 3 to 5).

    Args:
        boxes: ``[R, 4]`` float, proposals, inclusive corners. R >= 1.
        scores: ``[R, C]`` float, class scores without background.
        labels: ``[C]``, positive where the class is in the image.
        eps: Scores are clamped to [eps, 1 - eps].
        top_fraction: Share of the proposals that is looked at, in (0, 1]; at least one is.
        nms_iou: A proposal with at least this IoU with a better one that was kept is not a seed.
        max_per_class: Most seeds of a class; ``None``: no limit, as in the paper.
        max_rounds: Rounds of the selection; not used on the CPU, which selects to the end.

    Returns:
        Seeds by class, and by falling score within a class; equal scores: the first proposal comes first. CPU: G =
        number of seeds, or one padding row. Other devices: G = C * ``max_per_class``, or C times the number of
        proposals looked at if there is no limit (then an assignment needs much memory).

    Raises:
        ValueError: If there is no proposal, the shapes disagree, or ``top_fraction`` is not in (0, 1].
    """
    check_mining_inputs(boxes, scores, labels)
    if not 0 < top_fraction <= 1:
        raise ValueError(f'top_fraction must be in (0, 1], got {top_fraction}')
    scores = scores.detach()
    if boxes.device.type != 'cpu':
        labels = labels.to(boxes.device, non_blocking=True)
        return _mist_seeds_static(boxes, scores, labels, eps, top_fraction, nms_iou, max_per_class, max_rounds)
    looked_at = _number_looked_at(len(boxes), top_fraction)
    classes = np.flatnonzero(labels.numpy() > 0)
    found = [np.zeros(0, np.int64)]
    for c in classes.tolist():
        column = scores[:, c].float().clamp(eps, 1 - eps)
        top = column.sort(descending=True, stable=True).indices[:looked_at]
        far = overlaps_numpy(boxes[top]) < nms_iou
        live, kept = np.ones(looked_at, dtype=bool), []
        while live.any() and len(kept) != max_per_class:
            best = int(live.argmax())
            kept.append(best)
            live &= far[best]
            live[best] = False  # a box without area has no IoU with itself, and would never leave
        found.append(top.numpy()[kept])
    indices = torch.from_numpy(np.concatenate(found))
    numbers = torch.from_numpy(classes).repeat_interleave(torch.tensor([len(f) for f in found[1:]], dtype=torch.long))
    return seeds_at(boxes, numbers + 1, scores[indices, numbers].float().clamp(eps, 1 - eps), indices)


def _number_looked_at(count: int, top_fraction: float) -> int:
    return max(int(count * top_fraction), 1)


def _mist_seeds_static(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    eps: float = 1e-9,
    top_fraction: float = 0.15,
    nms_iou: float = 0.2,
    max_per_class: int | None = None,
    max_rounds: int = 16,
) -> Seeds:
    """:func:`mist_seeds` with shapes that do not depend on the values, for devices that should not be waited for."""
    looked_at = _number_looked_at(len(boxes), top_fraction)
    width = looked_at if max_per_class is None else max_per_class
    ordered = scores.float().clamp(eps, 1 - eps).T.sort(dim=1, descending=True, stable=True)
    values, order = ordered.values[:, :looked_at], ordered.indices[:, :looked_at]
    far = bbox_overlaps_inclusive(boxes.float(), boxes.float()) < nms_iou
    # [C, n, n]: does the better proposal of the last axis overlap the one of the middle axis?
    better = torch.ones(looked_at, looked_at, dtype=torch.bool, device=boxes.device).tril(-1)
    covers = ~far[order[:, :, None], order[:, None, :]] & better
    live = (labels > 0)[:, None].expand(-1, looked_at)
    kept = torch.zeros_like(live)
    for _ in range(max_rounds):
        first = live & ~(covers & live[:, None]).any(dim=2)
        kept = kept | first
        live = live & ~first & ~(covers & first[:, None]).any(dim=2)
    # the kept ones in front, in their order
    front = kept.int().sort(dim=1, descending=True, stable=True).indices[:, :width]
    indices, values, valid = (part.gather(1, front) for part in (order, values, kept))
    indices, values, valid = (
        F.pad(part, (0, width - front.shape[1])).flatten() for part in (indices, values * valid, valid)
    )
    classes = torch.arange(1, scores.shape[1] + 1, device=boxes.device).repeat_interleave(width)
    return Seeds(boxes[indices], classes, values, indices, valid)
