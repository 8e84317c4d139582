"""What the anchors of a region proposal network should be, given weighted pseudo ground truth."""

from typing import NamedTuple

import torch
from torch import Tensor

from .anchors import inside_anchors
from .boxes import bbox_overlaps_inclusive
from .caffe_box_coder import encode_boxes_caffe
from .mining import Seeds

__all__ = ['AnchorTargets', 'WEIGHT_ORDERS', 'anchor_targets', 'reference_weight_order', 'sample_anchors']

WEIGHT_ORDERS = ('aligned', 'reference')


class AnchorTargets(NamedTuple):
    """Targets of the N anchors of an image, in the order of the anchors.

    Attributes:
        labels: ``[N]`` int64: 1 object, 0 background, -1 not used.
        deltas: ``[N, 4]`` float32, to the box that the anchor overlaps most; 0 outside of the image.
        weights: ``[N]`` float32: label 0: 1; labels 1 and -1: the weight of that box; 0 outside of the image.
    """

    labels: Tensor
    deltas: Tensor
    weights: Tensor


@torch.no_grad()
def sample_anchors(labels: Tensor, number: int = 256, fg_fraction: float = 0.5, noise: Tensor | None = None) -> Tensor:
    """Take at most ``number`` labels, at most a fraction of them objects; the others become -1.

    Source: public code (py-faster-rcnn). Shapes do not depend on the values.

    Args:
        labels: ``[N]`` int64: 1, 0 or -1.
        number: Samples of both kinds.
        fg_fraction: Largest share of objects; what they leave is filled with background.
        noise: ``[N]`` float, finite: of a kind those with the largest noise stay. ``None``: uniform random numbers of
            the global generator of the device.

    Returns:
        ``[N]`` int64.

    Raises:
        ValueError: If the noise has another shape.
    """
    if noise is None:
        noise = torch.rand(labels.shape, device=labels.device)
    elif noise.shape != labels.shape:
        raise ValueError(f'noise must be [N] = {tuple(labels.shape)}, got {tuple(noise.shape)}')
    if len(labels) == 0:
        return labels
    foreground, background = labels == 1, labels == 0
    # one sort for both kinds: objects first, by falling noise within a kind
    kind = torch.where(foreground, 0, torch.where(background, 1, 2))
    order = noise.argsort(descending=True, stable=True)
    order = order[kind[order].argsort(stable=True)]
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    num_fg = foreground.sum()
    kept_fg = foreground & (place < int(number * fg_fraction))
    kept_bg = background & (place - num_fg < number - kept_fg.sum())
    return torch.where(kept_fg | kept_bg, labels, -1)


@torch.no_grad()
def anchor_targets(
    anchors: Tensor,
    seeds: Seeds,
    size: tuple[int, int],
    pos_iou: float = 0.7,
    neg_iou: float = 0.3,
    min_best_iou: float = 0.0,
    number: int | None = 256,
    fg_fraction: float = 0.5,
    border: int = 0,
    noise: Tensor | None = None,
) -> AnchorTargets:
    """Label anchors, sample them, and give each the box that it overlaps most, with that box's weight.

    Anchors outside of the image are not used. Below ``neg_iou`` an anchor is background; the anchors that overlap a box
    best (all of equal ones) and those with at least ``pos_iou`` are objects, also of the former. The regression target
    is the anchor's own best box even if another box made it an object (MMDetection's low-quality matching differs).

    Source: public code (Collaborative Learning). A pseudo box that overlaps no anchor is overlapped best by all the
    anchors that it does not touch: the public code makes them objects. ``min_best_iou`` prevents that.

    Args:
        anchors: ``[N, 4]`` float, inclusive corners.
        seeds: Pseudo ground truth, G >= 1 rows; the scores are the weights.
        size: Image height and width in pixels.
        pos_iou: Objects have IoU >= this with some box,
        neg_iou: background has IoU < this with every box.
        min_best_iou: The best IoU of a box makes objects only if it is >= this.
        number: See :func:`sample_anchors`; ``None``: no sampling.
        fg_fraction: See :func:`sample_anchors`.
        border: Pixels by which an anchor may leave the image.
        noise: See :func:`sample_anchors`.

    Returns:
        AnchorTargets. Without a valid box no anchor is used and all weights are 0.
    """
    anchors, boxes = anchors.float(), seeds.boxes.float()
    usable = inside_anchors(anchors, size, border) & seeds.valid.any()
    ious = bbox_overlaps_inclusive(anchors, boxes).masked_fill(~(usable[:, None] & seeds.valid), -1.0)
    best, nearest = ious.max(dim=1)
    of_box = ious.max(dim=0).values if len(ious) else ious.new_full((len(boxes),), -1.0)
    attains = ((ious == of_box) & seeds.valid & (of_box >= min_best_iou)).any(dim=1)
    labels = torch.full_like(nearest, -1)
    labels = torch.where(best < neg_iou, 0, labels)
    labels = torch.where(attains | (best >= pos_iou), 1, labels)
    labels = torch.where(usable, labels, -1)
    if number is not None:
        labels = sample_anchors(labels, number, fg_fraction, noise)
    weights = torch.where(labels == 0, 1.0, seeds.scores.float()[nearest]) * usable
    deltas = encode_boxes_caffe(anchors, boxes[nearest])
    return AnchorTargets(labels, torch.where(usable[:, None], deltas, 0.0), weights)


def reference_weight_order(weights: Tensor, num_anchors: int) -> Tensor:
    """The weights that the public code of Collaborative Learning really uses for the RPN's classification.

    It stores weights row by row, column by column, anchor by anchor, and reads them as if they were stored anchor by
    anchor first; most anchors get the weight of another one, many of an anchor outside of the image, 0.

    Args:
        weights: ``[N]``, in the order of the anchors: (row, column, anchor).
        num_anchors: Anchors of a cell, A.

    Returns:
        ``[N]``, in the order of the anchors.
    """
    return weights.view(num_anchors, -1).t().reshape(-1)
