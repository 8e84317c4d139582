"""What the RoIs of the strong branch should be, given weighted pseudo ground truth, and which of them to look at."""

from typing import NamedTuple

import torch
from torch import Tensor

from .caffe_box_coder import Stds, encode_boxes_caffe
from .mining import Seeds
from .refinement import nearest_seeds

__all__ = ['ProposalTargets', 'RoISamples', 'proposal_targets', 'sample_rois']


class RoISamples(NamedTuple):
    """K sampled RoIs, foreground first.

    Attributes:
        rows: ``[K]`` int64, rows of the RoIs.
        foreground: ``[K]`` bool.
        valid: ``[K]`` bool, False (in all slots) if there was nothing to sample from.
    """

    rows: Tensor
    foreground: Tensor
    valid: Tensor


class ProposalTargets(NamedTuple):
    """Targets of K sampled RoIs.

    Attributes:
        labels: ``[K]`` int64, 0 = background, 1..C.
        deltas: ``[K, 4]`` float32, to the box that the RoI overlaps most, divided by the standard deviations.
        weights: ``[K]`` float32: foreground: the weight of that box; background: 1; 0 in slots that are not valid.
    """

    labels: Tensor
    deltas: Tensor
    weights: Tensor


@torch.no_grad()
def sample_rois(
    max_ious: Tensor,
    number: int = 256,
    fg_fraction: float = 0.25,
    fg_iou: float = 0.5,
    bg_iou: tuple[float, float] = (0.0, 0.5),
    noise: Tensor | None = None,
    draws: Tensor | None = None,
) -> RoISamples:
    """Draw a fixed number of RoIs.

    At most ``number * fg_fraction`` foreground RoIs (IoU >= ``fg_iou``) without replacement, the rest background
    (``bg_iou[0] <= IoU < bg_iou[1]``), with replacement if there are too few. With one kind alone all are of that kind,
    again with replacement if need be.

    Source: public code (py-faster-rcnn, Collaborative Learning), which lists the candidates; here shapes depend on R
    and the limits only.

    Args:
        max_ious: ``[R]`` float, IoU with the nearest pseudo box; negative: never drawn. R >= 1.
        number: K.
        fg_fraction: Largest share of foreground.
        fg_iou: See above.
        bg_iou: See above.
        noise: ``[R]`` float, finite: draws without replacement take the largest of a kind. ``None``: uniform random
            numbers of the global generator of the device.
        draws: ``[K]`` float in [0, 1): draws with replacement; slot s takes candidate ``floor(draws[s] * n)`` of the n
            candidates of its kind, which are sorted by falling noise. ``None``: random, as above.

    Returns:
        RoISamples.

    Raises:
        ValueError: If there is no RoI or a shape is wrong.
    """
    count, device = len(max_ious), max_ious.device
    if max_ious.dim() != 1 or count == 0:
        raise ValueError(f'sampling needs max_ious [R] with R >= 1, got {tuple(max_ious.shape)}')
    noise = torch.rand(count, device=device) if noise is None else noise
    draws = torch.rand(number, device=device) if draws is None else draws
    if noise.shape != (count,) or draws.shape != (number,):
        raise ValueError(
            f'noise must be [R] = {(count,)} and draws [K] = {(number,)}, got {tuple(noise.shape)} and '
            f'{tuple(draws.shape)}'
        )
    slots = torch.arange(number, device=device)
    foreground = max_ious >= fg_iou
    background = (max_ious >= bg_iou[0]) & (max_ious < bg_iou[1]) & ~foreground
    num_fg, num_bg = foreground.sum(), background.sum()
    limit = torch.where(num_bg > 0, int(number * fg_fraction), number)
    # only foreground: all slots; with background: no more than there are
    slots_fg = torch.where((num_bg > 0) & (num_fg < limit), num_fg, torch.where(num_fg > 0, limit, 0))
    order = noise.argsort(descending=True, stable=True)
    is_fg = slots < slots_fg

    def pick(candidates: Tensor, available: Tensor, place: Tensor, needed: Tensor) -> Tensor:
        listed = order[(~candidates[order]).int().argsort(stable=True)]  # candidates first
        again = (draws * available).long().clamp(max=count - 1)
        return listed[torch.where(needed > available, again, place.clamp(0, count - 1))]

    rows = torch.where(
        is_fg,
        pick(foreground, num_fg, slots, slots_fg),
        pick(background, num_bg, slots - slots_fg, number - slots_fg),
    )
    valid = (num_fg + num_bg > 0).expand(number)
    return RoISamples(rows, is_fg & valid, valid)


@torch.no_grad()
def proposal_targets(
    rois: Tensor,
    seeds: Seeds,
    samples: RoISamples,
    stds: Stds = (0.1, 0.1, 0.2, 0.2),
) -> ProposalTargets:
    """Labels, deltas and weights of sampled RoIs.

    Source: public code (Collaborative Learning). Pseudo boxes are not appended to the RoIs.

    Args:
        rois: ``[R, 4]`` float, inclusive corners.
        seeds: Pseudo ground truth, G >= 1 rows; the scores are the weights.
        samples: Which RoIs.
        stds: Standard deviations of the deltas.

    Returns:
        ProposalTargets. Background slots have the deltas to their nearest box as well; no loss looks at them.
    """
    boxes = rois.float()[samples.rows]
    nearest = nearest_seeds(boxes, seeds)[1]
    labels = torch.where(samples.foreground, seeds.labels[nearest], 0)
    weights = torch.where(samples.foreground, seeds.scores.float()[nearest], 1.0) * samples.valid
    return ProposalTargets(labels, encode_boxes_caffe(boxes, seeds.boxes.float()[nearest], stds), weights)
