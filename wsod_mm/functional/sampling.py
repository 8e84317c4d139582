"""Which proposals are foreground, background or unused, and a few of them drawn at random for every view (CASD)."""

from typing import NamedTuple

import torch
from torch import Tensor

from .mining import Seeds
from .refinement import Assignment, nearest_seeds

__all__ = ['Samples', 'casd_labels', 'sample_rows']


class Samples(NamedTuple):
    """Proposals drawn in every view, padded to a fixed length K: foreground slots first, then background slots.

    Attributes:
        rows: ``[V, K]`` int64, row of the proposal, 0 in padding slots.
        valid: ``[V, K]`` bool, False for padding slots.
        foreground: ``[V, K]`` bool, True for the valid foreground slots.
    """

    rows: Tensor
    valid: Tensor
    foreground: Tensor


def _check_thresholds(fg_iou: float, bg_low: float, bg_high: float) -> None:
    if not 0 <= bg_low <= bg_high <= fg_iou:
        raise ValueError(
            f'thresholds must satisfy 0 <= bg_low <= bg_high <= fg_iou, got {bg_low}, {bg_high} and {fg_iou}; '
            'otherwise a proposal would be foreground and background at once'
        )


@torch.no_grad()
def casd_labels(
    boxes: Tensor, seeds: Seeds, fg_iou: float = 0.6, bg_low: float = 0.1, bg_high: float = 0.4
) -> Assignment:
    """Split the proposals of an image into foreground, background and unused ones.

    Source: public code (CASD). It differs from OICR's rule in the strict foreground threshold, in the gap between
    background and foreground, and in the weights, which do not depend on the score of the seed.

    Args:
        boxes: ``[P, 4]`` float, proposals, inclusive corners. P >= 1.
        seeds: Pseudo ground truth in the same coordinates; duplicate boxes are allowed, the first one wins.
        fg_iou: A proposal with IoU > this takes the class of its nearest seed.
        bg_low: With ``bg_low <= IoU < bg_high`` a proposal is background.
        bg_high: See ``bg_low``.

    Returns:
        Assignment: weight 1 for foreground and background, 0 for unused proposals, whose label is 0 too. Without a
        valid seed every proposal is unused.

    Raises:
        ValueError: If the thresholds overlap.
    """
    _check_thresholds(fg_iou, bg_low, bg_high)
    max_ious, nearest = nearest_seeds(boxes, seeds)
    foreground = max_ious > fg_iou
    background = (max_ious >= bg_low) & (max_ious < bg_high)
    return Assignment(
        labels=torch.where(foreground, seeds.labels[nearest], torch.zeros_like(nearest)),
        weights=(foreground | background).to(max_ious.dtype),
        seed_index=torch.where(foreground, nearest, torch.full_like(nearest, -1)),
        max_ious=max_ious.clamp(min=0),
    )


def _draw(candidates: Tensor, noise: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """At most ``number`` of the candidates ``[P]`` in every view: those with the largest noise ``[V, P]``."""
    rows = noise.masked_fill(~candidates, float('-inf')).topk(min(number, len(candidates)), dim=1).indices
    valid = candidates[rows]
    return rows.masked_fill(~valid, 0), valid


@torch.no_grad()
def sample_rows(
    max_ious: Tensor,
    num_views: int,
    num_fg: int = 32,
    num_bg: int = 96,
    fg_iou: float = 0.6,
    bg_low: float = 0.1,
    bg_high: float = 0.4,
    noise: Tensor | None = None,
) -> Samples:
    """Draw foreground and background proposals uniformly without replacement, in every view anew.

    The shapes depend on P and the limits only, so nothing waits for the device.

    Source: public code (CASD), which draws with numpy and has a list of another length for every image.

    Args:
        max_ious: ``[P]`` float, IoU with the nearest seed; a negative value leaves a proposal out. P >= 1.
        num_views: V.
        num_fg: At most this many foreground proposals in a view.
        num_bg: The same for background.
        fg_iou: Foreground: IoU > this.
        bg_low: Background: ``bg_low <= IoU < bg_high``.
        bg_high: See ``bg_low``.
        noise: ``[V, P]`` finite floats; the largest of a kind are taken, in descending order. ``None``: uniform
            random numbers of the global generator of the device.

    Returns:
        Samples with ``K = min(num_fg, P) + min(num_bg, P)``; the padding slots are at the end of either part.

    Raises:
        ValueError: If the thresholds overlap, P is 0 or the noise has another shape.
    """
    _check_thresholds(fg_iou, bg_low, bg_high)
    if max_ious.dim() != 1 or len(max_ious) == 0:
        raise ValueError(f'sampling needs max_ious [P] with P >= 1, got {tuple(max_ious.shape)}')
    if noise is None:
        noise = torch.rand(num_views, len(max_ious), device=max_ious.device)
    elif noise.shape != (num_views, len(max_ious)):
        raise ValueError(f'noise must be [V, P] = {(num_views, len(max_ious))}, got {tuple(noise.shape)}')
    fg_rows, fg_valid = _draw(max_ious > fg_iou, noise, num_fg)
    bg_rows, bg_valid = _draw((max_ious >= bg_low) & (max_ious < bg_high), noise, num_bg)
    return Samples(
        rows=torch.cat((fg_rows, bg_rows), dim=1),
        valid=torch.cat((fg_valid, bg_valid), dim=1),
        foreground=torch.cat((fg_valid, torch.zeros_like(bg_valid)), dim=1),
    )
