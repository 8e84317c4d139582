"""Bookkeeping of views: which pooled rows belong to which image, view and proposal."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from torch import Tensor, nn

from wsod_mm.functional.sampling import Samples

__all__ = ['ImageViews', 'ViewGroup', 'arrange_views', 'pool_levels', 'pool_views', 'view_group']


class ViewGroup(NamedTuple):
    """Views of one scale, which went through the body together.

    Entry ``b`` of the B entries is view ``b // N`` of the group, of image ``b % N``, where N is the number of images.

    Attributes:
        maps: Feature maps ``[B, C_q, H_q, W_q]``; RoIs are pooled from the last one.
        boxes: Proposals of each entry, ``[P_n, 4]``, network-input pixels of that view, inclusive corners.
        flipped: Whether each entry is mirrored.
    """

    maps: tuple[Tensor, ...]
    boxes: list[Tensor]
    flipped: list[bool]


class ImageViews(NamedTuple):
    """The V views of one image.

    Attributes:
        boxes: ``[V, P, 4]``: the same proposals in the coordinates of each view.
        flipped: V values.
        rows: First and last-plus-one of its V * P pooled rows; row ``first + v * P + p`` is proposal p in view v.
    """

    boxes: Tensor
    flipped: tuple[bool, ...]
    rows: tuple[int, int]

    @property
    def num_views(self) -> int:
        """V."""
        return len(self.flipped)

    @property
    def num_proposals(self) -> int:
        """P."""
        return self.boxes.shape[1]


def view_group(maps: tuple[Tensor, ...], samples: SampleList) -> ViewGroup:
    """Read boxes and flips from data samples.

    Args:
        maps: Feature maps of the group.
        samples: One data sample per entry, with ``proposals`` and the meta information ``flip``.
    """
    return ViewGroup(
        tuple(maps), [sample.proposals.bboxes for sample in samples], [bool(sample.get('flip')) for sample in samples]
    )


def arrange_views(groups: Sequence[ViewGroup], num_images: int) -> list[ImageViews]:
    """Sort the entries of all groups by image; views in the order of groups, then of entries.

    Args:
        groups: The groups, each with a multiple of ``num_images`` entries.
        num_images: N.

    Returns:
        N ImageViews.

    Raises:
        ValueError: If the views of an image differ in the number of proposals, or an image lacks a view.
    """
    images, first = [], 0
    for n in range(num_images):
        boxes = [box for group in groups for box in group.boxes[n::num_images]]
        flipped = tuple(flag for group in groups for flag in group.flipped[n::num_images])
        counts = {len(box) for box in boxes}
        if len(counts) != 1 or any(len(group.boxes) % num_images for group in groups):
            raise ValueError(
                f'every image needs the same proposals in all of its views, got {[len(b) for b in boxes]} proposals; '
                'make the views with the transform WeakViews'
            )
        last = first + len(boxes) * counts.pop()
        images.append(ImageViews(torch.stack(boxes), flipped, (first, last)))
        first = last
    return images


def pool_views(
    extractor: nn.Module, groups: Sequence[ViewGroup], rings: tuple[str, ...], num_images: int
) -> tuple[Tensor, ...]:
    """Pool the proposals of all views.

    Args:
        extractor: RoI extractor with ``pool_rings``.
        groups: The views.
        rings: What to pool around each box, see ``RingRoIExtractor``.
        num_images: N.

    Returns:
        Per ring ``[sum_n V * P_n, C, h, w]``, rows in the order of :func:`arrange_views`.
    """
    pooled = [extractor.pool_rings(group.maps[-1:], bbox2roi(group.boxes), rings) for group in groups]
    if len(groups) == 1 and len(groups[0].boxes) == num_images:  # one view: rows are in order already
        return pooled[0]
    arranged = []
    for number in range(len(rings)):
        pieces = [part[number].split([len(b) for b in group.boxes]) for part, group in zip(pooled, groups, strict=True)]
        order = [piece for n in range(num_images) for entries in pieces for piece in entries[n::num_images]]
        arranged.append(torch.cat(order))
    return tuple(arranged)


def pool_levels(
    layers: Sequence[nn.Module], groups: Sequence[ViewGroup], samples: Sequence[Sequence[Samples]]
) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Pool sampled proposals from every feature map, those of all branches at once.

    Args:
        layers: A pooling layer per feature map, called with ``(map, rois [R, 5])``.
        groups: The views.
        samples: Of each branch, of each image.

    Returns:
        Per map ``[S, C_q, h, w]`` (S rows of all views, images and branches), and per branch and image ``[S]`` bool,
        which of them are its valid samples.
    """
    num_images, features, view = len(samples[0]), [[] for _ in layers], 0
    owners, flags = [], []  # of each run of rows: branch and image, and which are valid
    for group in groups:
        boxes = []
        for entry, proposals in enumerate(group.boxes):
            image, v = entry % num_images, view + entry // num_images
            boxes.append(proposals.index_select(0, torch.cat([branch[image].rows[v] for branch in samples])))
            for number, branch in enumerate(samples):
                owners.append((number, image))
                flags.append(branch[image].valid[v])
        view += len(group.boxes) // num_images
        rois = bbox2roi(boxes)
        for level, layer in enumerate(layers):
            features[level].append(layer(group.maps[level], rois))

    def of(owner: tuple[int, int]) -> Tensor:
        return torch.cat([f if o == owner else torch.zeros_like(f) for o, f in zip(owners, flags, strict=True)])

    valid = [[of((number, image)) for image in range(num_images)] for number in range(len(samples))]
    return [torch.cat(parts) for parts in features], valid
