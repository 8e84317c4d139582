"""Exact k-means of numbers: the top cluster of proposal scores."""

import numpy as np
import torch
from torch import Tensor

__all__ = ['top_cluster']

TIE = 1e-13
"""Partitions whose squared errors differ by less than this share of the total are equally good: what is left of the
difference after rounding in float64 would depend on the order of summation."""

FAN_OUT = 16


@torch.no_grad()
def top_cluster(scores: Tensor, valid: Tensor | None = None) -> Tensor:
    """Members of the highest of three clusters of scores.

    The globally optimal 3-means (least sum of squared distances to the cluster means) of numbers splits the sorted
    numbers twice, so that it can be found exactly, without starts at random. Source: PCL paper, section 3.3, which runs
    k-means on the scores; exactness is ours.

    Rules where that is not unique: equal scores are never separated; with two different scores the higher are the
    top cluster; with one, everything is; of equally good partitions the one with the smallest top cluster counts.

    CPU: divide and conquer in O(n log n). Other devices: all pairs of splits in O(n^2) without waiting for the
    device (float64 is needed there).

    Args:
        scores: ``[n]`` float, finite.
        valid: ``[n]`` bool, the scores that take part; ``None``: all.

    Returns:
        ``[n]`` bool; False everywhere if nothing takes part.

    Raises:
        ValueError: If the shapes are not ``[n]``.
    """
    if scores.dim() != 1 or (valid is not None and valid.shape != scores.shape):
        got = tuple(scores.shape), None if valid is None else tuple(valid.shape)
        raise ValueError(f'top_cluster needs scores [n] and valid [n], got {got[0]} and {got[1]}')
    if scores.device.type != 'cpu':
        return _top_cluster_static(scores, valid)
    values = scores.detach().double().numpy()
    if valid is None:
        return torch.from_numpy(values >= top_cluster_threshold(values))
    taking_part = valid.numpy()
    return torch.from_numpy((values >= top_cluster_threshold(values[taking_part])) & taking_part)


def top_cluster_threshold(values: np.ndarray) -> float:
    """Lowest member of the top cluster, in O(n log n); the rules are those of :func:`top_cluster`.

    Args:
        values: ``[n]`` float64.

    Returns:
        The lowest member; infinity if there is none.
    """
    if values.size == 0:
        return np.inf
    ordered = np.sort(values)
    # where a cluster may begin: the first of equal scores
    begins = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if begins.size < 2:
        return ordered[begins[-1]] if begins.size else ordered[0]
    # sum of squares is constant, so least squared error is the largest sum of (sum^2 / count); centred, because
    # that loses fewer digits
    centred = ordered - ordered.mean()
    sums = np.cumsum(centred)[begins - 1]
    counts = begins.astype(np.float64)
    best = _best_two_of_prefixes(sums, counts)
    gains = best + (sums[-1] + centred[begins[-1] :].sum() - sums[1:]) ** 2 / (values.size - counts[1:])
    second = np.flatnonzero(gains >= gains.max() - TIE * np.dot(centred, centred))[-1] + 1
    return ordered[begins[second]]


def _best_two_of_prefixes(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For every second split 1..m-1 the largest gain of the two clusters below it, over the first split.

    The best first split does not decrease with the second, so that the splits already solved bound the others'
    search: each round solves ``FAN_OUT - 1`` more second splits between every two neighbours.

    Args:
        sums: ``[m]`` float64, sum of the scores below each possible split.
        counts: ``[m]`` float64, number of them.

    Returns:
        ``[m - 1]`` float64.
    """
    m = sums.size
    head = sums**2 / counts
    best = np.empty(m)
    first = np.zeros(m + 1, dtype=np.int64)
    first[m] = m - 1
    stride = 1
    while stride < m:
        stride *= FAN_OUT
    solved = stride
    while solved > 1:
        step = solved // FAN_OUT
        seconds = np.arange(step, m, step)
        seconds = seconds[seconds % solved != 0]
        low = first[seconds // solved * solved]
        above = np.minimum((seconds // solved + 1) * solved, m)
        high = np.minimum(first[above], seconds - 1)
        lengths = high - low + 1
        starts = np.cumsum(lengths) - lengths
        firsts = np.arange(lengths.sum()) + np.repeat(low - starts, lengths)
        gains = np.repeat(sums[seconds], lengths) - sums[firsts]
        gains *= gains
        gains /= np.repeat(counts[seconds], lengths) - counts[firsts]
        gains += head[firsts]
        best[seconds] = np.maximum.reduceat(gains, starts)
        hits = np.flatnonzero(gains == np.repeat(best[seconds], lengths))
        # the first of equal gains; written backwards because the last write counts
        owner = np.searchsorted(starts, hits, side='right') - 1
        first[seconds[owner[::-1]]] = firsts[hits[::-1]]
        solved = step
    return best[1:]


def _top_cluster_static(scores: Tensor, valid: Tensor | None = None) -> Tensor:
    """:func:`top_cluster` with shapes that do not depend on the scores, for devices that should not be waited for."""
    n = scores.numel()
    if n == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    valid = torch.ones_like(scores, dtype=torch.bool) if valid is None else valid
    values = scores.detach().double()
    ordered = values.masked_fill(~valid, torch.inf).sort().values
    there = ordered < torch.inf
    weight = there.double()
    total = weight.sum()
    ordered_or_0 = ordered.masked_fill(~there, 0)
    centred = (ordered_or_0 - ordered_or_0.sum() / total.clamp(min=1)) * weight
    # sum and number of the scores before each position, and whether a cluster may begin there
    sums, counts = centred.cumsum(0) - centred, weight.cumsum(0) - weight
    begins = torch.cat((there.new_zeros(1), there[1:] & (ordered[1:] != ordered[:-1])))
    # row: second split, column: first split
    gains = (sums[:, None] - sums).square() / (counts[:, None] - counts).clamp(min=1)
    gains = gains + sums.square() / counts.clamp(min=1)
    rows = torch.arange(n, device=scores.device)
    allowed = begins[:, None] & begins & (rows[:, None] > rows)
    gains = gains.masked_fill(~allowed, -torch.inf).amax(dim=1)
    gains = gains + (centred.sum() - sums).square() / (total - counts).clamp(min=1)
    tie = TIE * centred.square().sum()
    # the last of equally good second splits; with two different scores the only place where a cluster may begin
    good = torch.where(begins.sum() > 1, gains >= gains.amax() - tie, begins)
    second = torch.where(good & begins, rows, 0).amax(dim=0, keepdim=True)
    return valid & (values >= ordered.gather(0, second))
