"""Instances of IRN: displacements lead cells to centroids, centroids make clusters, walks fill their masks."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from .walk_labels import irn_scores, irn_walk

__all__ = [
    'InstanceMasks',
    'cluster_centroids',
    'detect_instances',
    'find_instances',
    'instance_scores',
    'instance_shapes',
    'refine_centroids',
]


class InstanceMasks(NamedTuple):
    """Instances of one image.

    Attributes:
        scores: ``[R]`` float32.
        labels: ``[R]`` int64, 0-based class ids.
        masks: ``[R, H, W]`` bool.
    """

    scores: Tensor
    labels: Tensor
    masks: Tensor


@torch.no_grad()
def refine_centroids(displacement: Tensor, iterations: int = 300) -> Tensor:
    """Where every cell ends when it follows the displacements.

    All cells move at once: p becomes p + d(p), kept inside the map, with d bilinear between cells. Source: IRN paper,
    section 4.3; number of iterations and rounding from the public code.

    Args:
        displacement: ``[2, h, w]`` float, (dy, dx) in cells towards the centroid.
        iterations: Public code: 300.

    Returns:
        ``[2, h, w]`` int64, (y, x) of the cell where each one ends; halves go to the even cell.

    Raises:
        ValueError: If the shape is another one.
    """
    if displacement.dim() != 3 or displacement.size(0) != 2:
        raise ValueError(f'displacement must be [2, h, w] (dy, dx), got {tuple(displacement.shape)}')
    height, width = displacement.shape[1:]
    last = displacement.new_tensor([height - 1, width - 1])[:, None]
    field = displacement.flatten(1)
    places = torch.stack(
        torch.meshgrid(
            *(torch.arange(n, dtype=field.dtype, device=field.device) for n in (height, width)), indexing='ij'
        )
    ).flatten(1)
    for _ in range(iterations):
        low = places.floor()
        part_y, part_x = places - low
        (top, left), (bottom, right) = low.long(), places.ceil().long()
        moved = (
            field[:, top * width + left] * ((1 - part_y) * (1 - part_x))
            + field[:, top * width + right] * ((1 - part_y) * part_x)
            + field[:, bottom * width + left] * (part_y * (1 - part_x))
            + field[:, bottom * width + right] * (part_y * part_x)
        )
        places = (places + moved).clamp(min=0).minimum(last)
    return places.round().long().unflatten(1, (height, width))


def cluster_centroids(centroids: Tensor, displacement: Tensor, threshold: float = 2.5) -> Tensor:
    """Groups of cells that end in the same place.

    Places are the 4-connected components of cells with short displacement. A cell belongs to that in which it ends; all
    that end outside of them form one more cluster (as in the public code), which comes first. Runs on the host.

    Args:
        centroids: ``[2, h, w]`` int64 (y, x), from :func:`refine_centroids`.
        displacement: ``[2, h, w]`` (dy, dx) in cells.
        threshold: Euclidean length below which a displacement is short, in cells. Public code: 2.5.

    Returns:
        ``[K, h, w]`` bool, one mask per cluster: a partition of the map, at least one.
    """
    short = displacement.double().square().sum(dim=0).sqrt() < threshold
    component = torch.from_numpy(_components(short.cpu().numpy())[0]).to(centroids.device)
    reached = component[centroids[0], centroids[1]]
    return reached == reached.unique()[:, None, None]  # sorted: the order of the components


def instance_scores(
    cam: Tensor, clusters: Tensor, edge: Tensor, size: tuple[int, int], stride: int = 4, **walk
) -> Tensor:
    """Scores of all pairs of class and cluster after the walk.

    Args:
        cam: ``[K, h, w]`` of the classes that are there.
        clusters: ``[M, h, w]`` bool.
        edge: ``[h, w]``, boundary in [0, 1].
        size: Height and width of the image in pixels.
        stride: Pixels per cell.
        **walk: Further arguments of :func:`~.walk_labels.irn_walk`.

    Returns:
        ``[K * M, H, W]`` float32, all clusters of the first class first; relative to the largest of all.
    """
    planes = (cam[:, None] * clusters).flatten(0, 1)
    # float32 from here on: there may be hundreds of planes, in full size
    return irn_scores(irn_walk(planes, edge, **walk).float(), size, stride)


def instance_shapes(scores: Tensor, bg_threshold: float = 0.25) -> Tensor:
    """Pixels where a plane has the largest score of all, above the background's.

    Args:
        scores: ``[M, H, W]``.
        bg_threshold: Score of the background, which wins ties. Public code: 0.25.

    Returns:
        ``[M, H, W]`` bool.
    """
    if not len(scores):
        return torch.zeros_like(scores, dtype=torch.bool)
    best, plane = scores.max(dim=0)
    plane = torch.where(best > bg_threshold, plane, -1)
    return plane == torch.arange(len(scores), device=scores.device)[:, None, None]


def detect_instances(
    scores: Tensor, shapes: Tensor, labels: Tensor, min_area: float = 0.01, drop_zero: bool = False
) -> InstanceMasks:
    """Instances: every 4-connected fragment of every shape. Runs on the host.

    The score of a fragment is the largest of its plane in there, and 0 for small ones, which the public code keeps and
    evaluates.

    Args:
        scores: ``[M, H, W]``.
        shapes: ``[M, H, W]`` bool.
        labels: ``[M]`` int64, class of each plane.
        min_area: Share of the image below which a fragment is small. Public code: 0.01.
        drop_zero: Leave out fragments whose score is 0.

    Returns:
        :class:`InstanceMasks` on the device of ``scores``, by plane and then by the first pixel in row-major order;
        without rows if there is none.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if scores.dim() != 3 or shapes.shape != scores.shape or labels.shape != scores.shape[:1]:
        raise ValueError(
            f'detect_instances needs scores and shapes [M, H, W] and labels [M], got {tuple(scores.shape)}, '
            f'{tuple(shapes.shape)} and {tuple(labels.shape)}'
        )
    found, classes, masks = [], [], []
    smallest = min_area * scores[0].numel() if len(scores) else 0
    for plane in shapes.flatten(1).any(dim=1).nonzero().flatten().tolist():
        component, count = _components(shapes[plane].cpu().numpy())
        index = np.arange(1, count + 1)
        best = ndimage.maximum(scores[plane].cpu().numpy(), component, index).astype(np.float32)
        best[np.bincount(component.ravel(), minlength=count + 1)[1:] < smallest] = 0
        if drop_zero:
            index, best = index[best > 0], best[best > 0]
        found.append(torch.from_numpy(best))
        classes.append(labels[plane].cpu().expand(len(index)))
        masks.append(torch.from_numpy(component == index[:, None, None]))
    if not found:
        found, classes = [torch.zeros(0)], [labels.new_zeros(0)]
        masks = [torch.zeros(0, *scores.shape[1:], dtype=torch.bool)]
    return InstanceMasks(*(torch.cat([row.to(scores.device) for row in rows]) for rows in (found, classes, masks)))


def find_instances(
    cam: Tensor,
    keys: Tensor,
    displacement: Tensor,
    edge: Tensor,
    size: tuple[int, int],
    bg_threshold: float = 0.25,
    cluster_threshold: float = 2.5,
    iterations: int = 300,
    min_area: float = 0.01,
    drop_zero: bool = False,
    **walk,
) -> InstanceMasks:
    """IRN: the instances of an image, from its maps.

    Args:
        cam: ``[K, h, w]``; K may be 0.
        keys: ``[K]`` 0-based class ids.
        displacement: ``[2, h, w]`` (dy, dx) in cells.
        edge: ``[h, w]``, boundary in [0, 1].
        size: Height and width of the image in pixels.
        bg_threshold: Of :func:`instance_shapes`.
        cluster_threshold: Of :func:`cluster_centroids`.
        iterations: Of :func:`refine_centroids`.
        min_area: Of :func:`detect_instances`.
        drop_zero: Of :func:`detect_instances`.
        **walk: Further arguments of :func:`instance_scores`.

    Returns:
        :class:`InstanceMasks`; without rows for an image without classes.
    """
    keys = torch.as_tensor(keys, dtype=torch.int64, device=cam.device)
    clusters = cluster_centroids(refine_centroids(displacement, iterations), displacement, cluster_threshold)
    scores = instance_scores(cam, clusters, edge, size, **walk)
    shapes = instance_shapes(scores, bg_threshold)
    return detect_instances(scores, shapes, keys.repeat_interleave(len(clusters)), min_area, drop_zero)


def _components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """4-connected components, numbered by their first cell in row-major order, and how many there are."""
    component, count = ndimage.label(mask)
    _, first = np.unique(component, return_index=True)
    first = first[-count:] if count else first[:0]
    rank = np.zeros(count + 1, dtype=np.int64)
    rank[1 + np.argsort(first)] = np.arange(1, count + 1)
    return rank[component], count
