"""Inverted Attention: erase what a class score depends on most, in the rows where that hurts most (CASD).

Nothing here has a gradient: the stages end in masks, with which the features are multiplied before a training pass.
All stages are row by row but the last, so that they may run on the sampled rows alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    'IAPhase',
    'ia_phase',
    'scale_phase',
    'gradcam_channel_weights',
    'gradcam_maps',
    'erasure_candidates',
    'draw_erasure',
    'erasure_change',
    'hardest_threshold',
    'keep_hardest',
]

# rows that the public code leaves alone by mistake in a step without a foreground row
QUIRK_ROWS = 11


class IAPhase(NamedTuple):
    """Numbers of one part of the training schedule.

    Attributes:
        rank: 0-based descending rank of the attention above which a cell is a candidate; at most ``rank`` cells are.
        erase: Cells to erase in a row.
        rate_fg: Share of the sampled foreground rows whose erasure is kept.
        rate_bg: The same for background rows.
    """

    rank: int
    erase: int
    rate_fg: float
    rate_bg: float


def ia_phase(iteration: int, switch: int = 60000) -> IAPhase:
    """Numbers of the phase that an iteration belongs to, for maps of 7 x 7 cells.

    Source: public code of CASD.

    Args:
        iteration: Current iteration.
        switch: Last iteration of the first phase; the second erases more cells of more rows.

    Returns:
        IAPhase.
    """
    return IAPhase(25, 16, 1 / 6, 1 / 18) if iteration <= switch else IAPhase(29, 20, 1 / 5, 1 / 15)


def scale_phase(phase: IAPhase, cells: int, base: int = 49) -> IAPhase:
    """Adapt the cell counts of a phase to maps of another size, in proportion.

    Args:
        phase: Numbers for maps of ``base`` cells.
        cells: Cells h * w of the maps at hand.
        base: Cells that ``phase`` was made for.

    Returns:
        IAPhase with ``rank`` in [0, cells - 1] and ``erase`` in [0, cells].

    Raises:
        ValueError: If a count is not positive.
    """
    if cells < 1 or base < 1:
        raise ValueError(f'a map needs at least one cell, got {cells} (base {base})')
    rank, erase = round(phase.rank * cells / base), round(phase.erase * cells / base)
    return phase._replace(rank=min(rank, cells - 1), erase=min(erase, cells))


@torch.no_grad()
def gradcam_channel_weights(
    hidden6: Tensor, hidden7: Tensor, class_rows: Tensor, weight7: Tensor, weight6: Tensor, channels: int
) -> Tensor:
    """Grad-CAM channel weights of one class score a row, in closed form.

    The score is ``class_row . relu(W7 relu(W6 f + b6) + b7)`` without dropout. Grad-CAM needs only the mean of its
    gradient over the cells of a channel, and that mean commutes with the last product: the wide backward pass through
    fc6 is replaced by one with the averaged weights.

    Source: CASD public code computes the same by backpropagation. Always in float32.

    Args:
        hidden6: ``[N, D6]`` float, fc6 after its ReLU.
        hidden7: ``[N, D7]`` float, fc7 after its ReLU.
        class_rows: ``[N, D7]`` float, row of the refinement weight that belongs to the pseudo label of each row.
        weight7: ``[D7, D6]`` float, weight of fc7.
        weight6: ``[D6, C * h * w]`` float, weight of fc6. One that was averaged over cells before, ``[D6, C]``, gives
            the same result and saves work when several branches share the layer.
        channels: C.

    Returns:
        ``[N, C]`` float32.

    Raises:
        ValueError: If the shapes disagree.
    """
    d7, d6 = weight7.shape
    if hidden7.shape != class_rows.shape or hidden7.shape[1] != d7 or hidden6.shape != (hidden7.shape[0], d6):
        raise ValueError(
            f'hidden6 {tuple(hidden6.shape)}, hidden7 {tuple(hidden7.shape)} and class_rows '
            f'{tuple(class_rows.shape)} do not fit weight7 {tuple(weight7.shape)}'
        )
    if weight6.shape[0] != d6 or channels < 1 or weight6.shape[1] % channels:
        raise ValueError(f'weight6 {tuple(weight6.shape)} is not [{d6}, {channels} channels * cells]')
    with torch.autocast(device_type=hidden6.device.type, enabled=False):
        mean6 = weight6.unflatten(1, (channels, -1)).mean(dim=2, dtype=torch.float32)
        delta7 = class_rows.float() * (hidden7 > 0)
        delta6 = (delta7 @ weight7.float()) * (hidden6 > 0)
        return delta6 @ mean6


@torch.no_grad()
def gradcam_maps(features: Tensor, weights: Tensor) -> Tensor:
    """Grad-CAM maps: the weighted sum of the channels, without the usual ReLU.

    Source: public code of CASD. Always in float32.

    Args:
        features: ``[N, C, h, w]`` float, pooled features.
        weights: ``[N, C]`` float, from :func:`gradcam_channel_weights`.

    Returns:
        ``[N, h * w]`` float32, cell y * w + x.

    Raises:
        ValueError: If the shapes disagree.
    """
    if features.dim() != 4 or features.shape[:2] != weights.shape:
        raise ValueError(
            f'need features [N, C, h, w] and weights [N, C], got {tuple(features.shape)} and {tuple(weights.shape)}'
        )
    with torch.autocast(device_type=features.device.type, enabled=False):
        return torch.bmm(weights.float()[:, None], features.float().flatten(2))[:, 0]


@torch.no_grad()
def erasure_candidates(attention: Tensor, rank: int) -> Tensor:
    """Cells that may be erased: those with more attention than the cell at a rank.

    Source: public code of CASD.

    Args:
        attention: ``[N, hw]`` float.
        rank: 0-based descending rank.

    Returns:
        ``[N, hw]`` bool. At most ``rank`` cells a row; fewer where cells tie, none where all are equal.

    Raises:
        ValueError: If ``rank`` is not in [0, hw - 1].
    """
    if not 0 <= rank < attention.shape[1]:
        raise ValueError(f'rank must be in [0, {attention.shape[1] - 1}], got {rank}')
    return attention > attention.topk(rank + 1, dim=1).values[:, -1:]


@torch.no_grad()
def draw_erasure(candidates: Tensor, num_erase: int, noise: Tensor | None = None) -> Tensor:
    """Draw the cells to erase, the same number in every row.

    Source: public code of CASD: uniform among the candidates; in a row with fewer than ``num_erase`` of them uniform
    among ALL its cells.

    Args:
        candidates: ``[N, hw]`` bool.
        num_erase: Cells to erase in a row.
        noise: ``[N, hw]`` float in [0, 1), the random draw; ``None``: drawn here.

    Returns:
        ``[N, hw]`` bool, False where erased.

    Raises:
        ValueError: If ``num_erase`` is not in [0, hw], or ``noise`` has another shape.
    """
    if not 0 <= num_erase <= candidates.shape[1]:
        raise ValueError(f'num_erase must be in [0, {candidates.shape[1]}], got {num_erase}')
    if noise is None:
        noise = torch.rand(candidates.shape, device=candidates.device)
    elif noise.shape != candidates.shape:
        raise ValueError(f'noise {tuple(noise.shape)} and candidates {tuple(candidates.shape)} differ in shape')
    enough = candidates.sum(dim=1, keepdim=True) >= num_erase
    priority = noise + 2.0 * (candidates & enough)
    erased = priority.topk(num_erase, dim=1).indices
    return torch.ones_like(candidates).scatter(1, erased, False)


@torch.no_grad()
def erasure_change(prob_before: Tensor, prob_after: Tensor, margin: float = 0.02) -> Tensor:
    """How much the erasure lowers the probability of the pseudo label.

    Source: public code of CASD.

    Args:
        prob_before: ``[N]`` float, softmax probability of the row's pseudo label with the whole features.
        prob_after: ``[N]`` float, the same with erased cells. Both without dropout.
        margin: A drop up to this counts as none.

    Returns:
        ``[N]`` float32, >= 0.
    """
    return (prob_before.float() - prob_after.float() - margin).clamp(min=0)


@torch.no_grad()
def hardest_threshold(change: Tensor, rows: Tensor, num: int | Tensor, rate: float) -> Tensor:
    """Change at descending rank ``round(num * rate)`` among some rows.

    Source: public code of CASD; it rounds as Python does, half to even.

    Args:
        change: ``[N]`` float, >= 0, from :func:`erasure_change`.
        rows: ``[N]`` bool, the rows that are ranked.
        num: Number of sampled rows, an int or a 0-d tensor.
        rate: Share of them to pass.

    Returns:
        0-d float tensor; infinity without a row. A rank beyond the last row means the last row.
    """
    if change.numel() == 0:
        return change.new_full((), float('inf'))
    # the rank stays on the device: full fills there, a tensor made of a list would have to be copied
    if isinstance(num, Tensor):
        rank = torch.round(num.double() * rate).long().reshape(1)
    else:
        rank = torch.full((1,), round(num * rate), device=change.device)
    count = rows.sum()
    ranked = torch.where(rows, change, torch.full_like(change, -1.0)).sort(descending=True).values
    value = ranked.gather(0, torch.minimum(rank, count - 1).clamp(min=0))[0]
    return torch.where(count > 0, value, torch.full_like(value, float('inf')))


@torch.no_grad()
def keep_hardest(
    change: Tensor,
    labels: Tensor,
    valid: Tensor,
    num_fg: int | Tensor,
    num_bg: int | Tensor,
    rate_fg: float,
    rate_bg: float,
    quirk: bool = False,
) -> Tensor:
    """Rows whose erasure is kept: the hardest ones, foreground and background apart. The others stay whole.

    Source: public code of CASD. There, rows that were not sampled take part in the ranking with a change of 0. That
    alters nothing for rates up to 1/2, where the rank is below the number of sampled rows, so they are left out here. A
    row with a change of 0 is never kept.

    Args:
        change: ``[N]`` float, >= 0, from :func:`erasure_change`.
        labels: ``[N]`` int, pseudo label, 0 = background.
        valid: ``[N]`` bool, True for sampled rows.
        num_fg: Number of sampled foreground rows over all views.
        num_bg: Number of sampled background rows over all views.
        rate_fg: See :class:`IAPhase`.
        rate_bg: See :class:`IAPhase`.
        quirk: Copy a bug of the public code: without a foreground row, rows 0..10 stay whole. It means rows of the
            full ``[V * P]`` batch, so it is faithful only if those are given. For comparisons.

    Returns:
        ``[N]`` bool.

    Raises:
        ValueError: If the shapes disagree.
    """
    if change.dim() != 1 or not change.shape == labels.shape == valid.shape:
        raise ValueError(
            f'change, labels and valid need one shape [N], got {tuple(change.shape)}, {tuple(labels.shape)} and '
            f'{tuple(valid.shape)}'
        )
    keep = torch.zeros_like(valid)
    foreground, background = valid & (labels > 0), valid & (labels == 0)
    for rows, num, rate in ((foreground, num_fg, rate_fg), (background, num_bg, rate_bg)):
        keep = keep | (rows & (change > hardest_threshold(change, rows, num, rate)))
    if quirk:
        first = torch.arange(change.shape[0], device=change.device) < QUIRK_ROWS
        keep = keep & (foreground.any() | ~first)
    return keep
