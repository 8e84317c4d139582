"""Mining: which proposals are believed to be objects, given scores and image labels."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ['Seeds', 'check_mining_inputs', 'seeds_at', 'top1_seeds']


class Seeds(NamedTuple):
    """Pseudo ground truth of one image, padded to a fixed length G so that mining needs no host synchronisation.

    Attributes:
        boxes: ``[G, 4]`` float, (x1, y1, x2, y2), inclusive corners, in the coordinates of the proposals.
        labels: ``[G]`` int64, class 1..C (0 is background and never a seed).
        scores: ``[G]`` float, the score of the seed; its neighbours inherit it as loss weight.
        indices: ``[G]`` int64, row of the seed among the proposals.
        valid: ``[G]`` bool, False for padding rows.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    indices: Tensor
    valid: Tensor


def check_mining_inputs(boxes: Tensor, scores: Tensor, labels: Tensor) -> None:
    """Refuse what no miner can use.

    Raises:
        ValueError: If there is no proposal, or the shapes are not ``[R, 4]``, ``[R, C]`` and ``[C]``.
    """
    if boxes.shape[0] == 0 or boxes.shape[0] != scores.shape[0] or scores.shape[1] != labels.shape[0]:
        raise ValueError(
            f'mining needs R >= 1 boxes [R, 4], scores [R, C] and labels [C], got {tuple(boxes.shape)}, '
            f'{tuple(scores.shape)} and {tuple(labels.shape)}'
        )


def seeds_at(boxes: Tensor, labels: Tensor, scores: Tensor, indices: Tensor) -> Seeds:
    """Seeds without padding, or one padding row if there is none: an assignment needs something to index.

    Args:
        boxes: ``[R, 4]`` float, proposals.
        labels: ``[G]`` int64, class 1..C.
        scores: ``[G]`` float.
        indices: ``[G]`` int64, rows of ``boxes``.
    """
    valid = torch.ones_like(indices, dtype=torch.bool)
    if indices.numel() == 0:
        labels, scores, indices = labels.new_ones(1), scores.new_zeros(1), indices.new_zeros(1)
        valid = valid.new_zeros(1)
    return Seeds(boxes[indices], labels, scores, indices, valid)


@torch.no_grad()
def top1_seeds(boxes: Tensor, scores: Tensor, labels: Tensor, eps: float = 1e-9) -> Seeds:
    """Take the best proposal of every class in the image (OICR).

    Source: OICR paper, section 3.2, and public code (PCL): classes are visited in index order and a proposal that was
    taken is withdrawn from the later classes. Inputs are not modified (the public code zeroes rows of the network's
    own output on CPU).

    Args:
        boxes: ``[R, 4]`` float, proposals, inclusive corners. R >= 1.
        scores: ``[R, C]`` float, class scores without background.
        labels: ``[C]``, positive where the class is in the image; on the device of the boxes or on the CPU.
        eps: Scores are clamped to [eps, 1 - eps].

    Returns:
        Seeds with G = C, one row a class, valid where the class is in the image. Ties: the first proposal.

    Raises:
        ValueError: If there is no proposal, or the shapes disagree.
    """
    check_mining_inputs(boxes, scores, labels)
    scores = scores.float().clamp(eps, 1 - eps)
    valid = labels.to(boxes.device, non_blocking=True) > 0
    rows = torch.arange(boxes.shape[0], device=boxes.device)
    taken = torch.zeros_like(rows, dtype=torch.bool)
    indices, values = [], []
    # a loop over classes, not proposals: a class has to know what the classes before it took
    for c in range(scores.shape[1]):
        column = scores[:, c].masked_fill(taken, 0)
        best = column.argmax()
        indices.append(best)
        values.append(column.max())  # not column[best], which would wait for the device
        taken = taken | ((rows == best) & valid[c])
    indices = torch.stack(indices)
    return Seeds(
        boxes=boxes[indices],
        labels=torch.arange(1, scores.shape[1] + 1, device=boxes.device),
        scores=torch.stack(values),
        indices=indices,
        valid=valid,
    )
