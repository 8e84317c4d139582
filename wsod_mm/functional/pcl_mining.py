"""Mining of PCL: several cluster centres per class, from the scores and a graph of overlaps."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import bbox_overlaps_inclusive, overlaps_numpy
from .clustering import top_cluster, top_cluster_threshold
from .mining import Seeds, check_mining_inputs, seeds_at

__all__ = ['pcl_seeds']


@torch.no_grad()
def pcl_seeds(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    eps: float = 1e-9,
    graph_iou: float = 0.4,
    max_per_class: int = 5,
    min_left: int = 5,
    max_rounds: int = 64,
) -> Seeds:
    """Find the centres of proposal clusters (PCL).

    Source: PCL paper, section 3.3, algorithm 2, and public code (PCL). For every class in the image, in index order:

    1. The top cluster of its scores, of three (:func:`~wsod_mm.functional.clustering.top_cluster`).
    2. A graph over it with an edge where IoU > ``graph_iou``. Again and again the proposal with most neighbours (ties:
       the last) becomes a centre, with the largest score among its neighbours and itself as score, and all of them
       leave the graph, until at most ``min_left`` are left (but at least once).
    3. The ``max_per_class`` centres with the highest scores are kept (ties: the centre found later). They cannot take
       part in the classes that follow.

    Inputs are not modified. CPU: only the classes in the image are looked at, in numpy. Other devices: shapes depend
    on nothing but R and C and the device is never waited for; proposals without influence on each other become
    centres in one round, which gives the centres of the one-by-one rule as long as ``max_rounds`` rounds are enough,
    and leaves out some of the centres with few neighbours if not. (2000 random boxes need
    about 14.)

    Args:
        boxes: ``[R, 4]`` float, proposals, inclusive corners. R >= 1.
        scores: ``[R, C]`` float, class scores without background.
        labels: ``[C]``, positive where the class is in the image. May stay on the CPU when the rest is on a GPU: then
            only the classes in the image take time there, and not all C.
        eps: Scores are clamped to [eps, 1 - eps].
        graph_iou: Proposals with a larger IoU are neighbours.
        max_per_class: Most centres of a class.
        min_left: The search ends when at most so many proposals of the top cluster are left.
        max_rounds: Rounds of the search; not used on the CPU, which searches to the end.

    Returns:
        Seeds by class, and by falling score within a class (ties: the centre found later first). CPU: G = number of
        centres, or one padding row. Other devices: G = C * ``max_per_class``, or with labels on the CPU the number of
        classes in the image (at least one) * ``max_per_class``.

    Raises:
        ValueError: If there is no proposal, or the shapes disagree.
    """
    check_mining_inputs(boxes, scores, labels)
    scores = scores.detach()
    present = np.flatnonzero(labels.numpy() > 0).tolist() if labels.device.type == 'cpu' else None
    if boxes.device.type != 'cpu':
        columns = range(scores.shape[1]) if present is None else present or [0]
        labels = labels.to(boxes.device, non_blocking=True)
        return _pcl_seeds_static(boxes, scores, labels, columns, eps, graph_iou, max_per_class, min_left, max_rounds)
    left = np.ones(len(boxes), dtype=bool)
    found, values, classes = [], [], []
    for c in present:
        pool = np.flatnonzero(left)
        if pool.size == 0:
            break
        column = scores[:, c].float().clamp(eps, 1 - eps).numpy()[pool]
        members = column >= top_cluster_threshold(column.astype(np.float64))
        top, column = pool[members], column[members]
        near = overlaps_numpy(boxes[torch.from_numpy(top)]) > graph_iou
        centres, best = _graph_centres(near, column, min_left)
        # stable and then backwards: of equal scores the centre found later comes first
        order = best.argsort(kind='stable')[::-1][:max_per_class]
        found.append(top[centres[order]])
        values.append(best[order])
        classes.append(np.full(order.size, c + 1))
        left[found[-1]] = False
    if not found:
        found, values, classes = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    return seeds_at(boxes, *(torch.from_numpy(np.concatenate(part)) for part in (classes, values, found)))


def _graph_centres(near: np.ndarray, scores: np.ndarray, min_left: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres of a graph, one by one.

    Args:
        near: ``[n, n]`` bool, symmetric, modified.
        scores: ``[n]`` float.
        min_left: End of the search.

    Returns:
        Centres ``[k]`` in the order found, and their scores ``[k]``.
    """
    n = len(near)
    np.fill_diagonal(near, True)  # a box without area has no IoU with itself, and would never leave
    degree = near.sum(axis=1)
    live = np.ones(n, dtype=bool)
    centres, best, left = [], [], n
    while not centres or left > min_left:
        centre = n - 1 - int(degree[::-1].argmax())
        gone = np.flatnonzero(near[centre] & live)
        centres.append(centre)
        best.append(scores[gone].max())
        live[gone] = False
        degree -= near[gone].sum(axis=0)
        degree[gone] = -n
        left -= gone.size
    return np.array(centres), np.array(best, dtype=scores.dtype)


def _pcl_seeds_static(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    columns: Sequence[int],
    eps: float = 1e-9,
    graph_iou: float = 0.4,
    max_per_class: int = 5,
    min_left: int = 5,
    max_rounds: int = 64,
) -> Seeds:
    """:func:`pcl_seeds` with shapes that do not depend on the values, for devices that should not be waited for.

    ``columns`` are the 0-based classes to look at, all that may be in the image, in order.
    """
    count = len(scores)
    scores = scores.float().clamp(eps, 1 - eps)
    positive = labels > 0
    rows = torch.arange(count, device=boxes.device)
    near = (bbox_overlaps_inclusive(boxes.float(), boxes.float()) > graph_iou) | (rows[:, None] == rows)
    taken = torch.zeros_like(rows, dtype=torch.bool)
    indices, values, valid = [], [], []
    # a loop over classes, not proposals: a class has to know what the classes before it took
    for c in columns:
        top = top_cluster(scores[:, c], ~taken & positive[c])
        picked, size, best = _graph_centres_static(near, scores[:, c], top, max_rounds)
        order = torch.where(picked, size * count + rows + 1, 0).argsort(descending=True, stable=True)
        picked, size = picked[order], size[order] * picked[order]
        before = size.cumsum(0) - size
        accepted = picked & ((before == 0) | (top.sum() - before > min_left))
        # backwards, and then stable: of equal scores the centre found later comes first
        ranked = torch.where(accepted, best[order], -1).flip(0).sort(descending=True, stable=True)
        index, value = order.flip(0)[ranked.indices[:max_per_class]], ranked.values[:max_per_class]
        taken = taken | ((rows[:, None] == index) & (value > 0)).any(dim=1)
        short = (0, max_per_class - len(index))
        indices.append(F.pad(index, short))
        values.append(F.pad(value.clamp(min=0), short))
        valid.append(F.pad(value > 0, short))
    indices = torch.cat(indices)
    classes = torch.cat([torch.full((max_per_class,), c + 1, device=boxes.device) for c in columns])
    return Seeds(boxes[indices], classes, torch.cat(values), indices, torch.cat(valid))


def _graph_centres_static(near: Tensor, scores: Tensor, top: Tensor, max_rounds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Centres of the graph over the rows ``top``, many in one round.

    A node changes the number of neighbours of nodes at most two edges away. Hence a node that is before all others
    within two edges in the one-by-one order (neighbours, then row) is a centre whatever happens elsewhere. The order
    of one-by-one search is that of falling (neighbours when picked, row).

    Args:
        near: ``[R, R]`` bool, symmetric, True on the diagonal.
        scores: ``[R]`` float, positive.
        top: ``[R]`` bool.
        max_rounds: Number of rounds.

    Returns:
        ``picked [R]`` bool; ``size [R]`` int64, number of proposals that left with the centre, with the centre;
        ``best [R]`` float, the largest score among them. The last two mean nothing where nothing was picked.
    """
    # 32 bits halve the time of what is limited by memory, and hold R^2 for any R whose [R, R] fits into memory
    place = torch.arange(1, len(near) + 1, device=near.device, dtype=torch.int32)
    live, picked, age = top, torch.zeros_like(top), torch.zeros_like(place)
    for _ in range(max_rounds):
        degree = (near & live).sum(dim=1, dtype=torch.int32)
        key = (degree * len(near) + place) * live
        within_one = torch.where(near, key, 0).amax(dim=1) * live
        within_two = torch.where(near, within_one, 0).amax(dim=1)
        centre = live & (key == within_two)
        picked = picked | centre
        age = age + live
        live = live & ~(near & centre).any(dim=1)
    # centres of one round have no common neighbour, so what left in that round beside a centre left with it
    together = near & (age[:, None] == age) & (top & ~live)
    return picked, together.sum(dim=1), torch.where(together, scores, 0).amax(dim=1)
