"""From class activation maps and affinities to label maps: the walks of AffinityNet and of IRN."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_maps import predict_labels
from .crf_labels import background_score
from .pair_affinity import shifted_boundary_affinity
from .pixel_pairs import border_of, pair_offsets, path_offsets
from .random_walk import random_walk, reference_border, transition_matrix

__all__ = [
    'irn_scores',
    'irn_walk',
    'irn_walk_labels',
    'pooled_scores',
    'psa_scores',
    'psa_walk',
    'psa_walk_labels',
    'scores_to_labels',
]


def pooled_scores(cam: Tensor, alpha: float = 16.0, stride: int = 8) -> Tensor:
    """Scores of background and classes of each cell, from maps in full size.

    The background is (1 - largest map)^alpha of each pixel; all planes are then filled up with zeros on the right and
    at the bottom, and averaged over stride x stride pixels (zeros count).

    Args:
        cam: ``[K, H, W]`` in [0, 1], of the classes that are there; K may be 0.
        alpha: Power of the background. Public code: 16.
        stride: Pixels per cell.

    Returns:
        ``[K + 1, ceil(H / stride), ceil(W / stride)]``, background first.
    """
    if cam.dim() != 3:
        raise ValueError(f'cam must be [K, H, W], got {tuple(cam.shape)}')
    height, width = cam.shape[1:]
    planes = torch.cat([background_score(cam, alpha)[None], cam])
    return F.avg_pool2d(F.pad(planes, (0, -width % stride, 0, -height % stride)), stride)


@torch.no_grad()
def psa_walk(
    cam: Tensor,
    affinity: Tensor,
    alpha: float = 16.0,
    beta: float = 8.0,
    steps: int = 256,
    radius: int = 5,
    stride: int = 8,
    border: str = 'full',
    method: str = 'sparse',
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """AffinityNet: scores of background and classes of each cell after the walk.

    Source: AffinityNet paper, section 3.3, and the public code. Classes that are not there would stay 0, so that they
    need no planes.

    Args:
        cam: ``[K, H, W]`` float in [0, 1], of the classes that are there; K may be 0.
        affinity: ``[P, h, w]`` of each cell with cell + ``pair_offsets(radius)``, h = ceil(H / stride) and so on.
        alpha: Power of the background, see :func:`pooled_scores`.
        beta: Power of the affinities.
        steps: Of the walk. Public code: 2^8.
        radius: Of the neighbourhood.
        stride: Pixels per cell.
        border: ``'full'``: all pairs inside the map. ``'reference'``: only those of the public code, whose walk leaves
            ten cells at the corners alone.
        method: ``'sparse'`` or ``'stencil'``, the same numbers; see :func:`~.random_walk.transition_matrix`.
        dtype: Of the walk.

    Returns:
        ``[K + 1, h, w]`` in ``dtype``, background first.

    Raises:
        ValueError: If shapes do not fit or ``border`` is unknown.
    """
    scores = pooled_scores(cam.to(dtype), alpha, stride)
    offsets = pair_offsets(radius)
    if affinity.shape != (len(offsets), *scores.shape[1:]):
        raise ValueError(
            f'maps of {tuple(cam.shape[1:])} pixels with stride {stride} and radius {radius} need affinities '
            f'{(len(offsets), *scores.shape[1:])}, got {tuple(affinity.shape)}'
        )
    if border_of(border) == 'reference':
        affinity = reference_border(affinity, radius)
    return random_walk(scores, transition_matrix(affinity, offsets, beta, dtype, method), steps)


def psa_scores(walked: Tensor, size: tuple[int, int], stride: int = 8) -> Tensor:
    """Scores of each pixel: bilinear (half-pixel centres) times stride, without what had been filled up.

    Args:
        walked: ``[C, h, w]``.
        size: Height and width in pixels.
        stride: Pixels per cell.

    Returns:
        ``[C, H, W]``.
    """
    large = F.interpolate(walked[None], scale_factor=stride, mode='bilinear', align_corners=False)[0]
    if large.size(1) < size[0] or large.size(2) < size[1]:
        raise ValueError(f'{tuple(walked.shape[1:])} cells with stride {stride} do not cover {tuple(size)} pixels')
    return large[:, : size[0], : size[1]]


def scores_to_labels(scores: Tensor, keys: Tensor | Sequence[int]) -> Tensor:
    """Label of the largest score, the first of equal ones.

    Args:
        scores: ``[K + 1, H, W]``, background first.
        keys: ``[K]`` 0-based class ids, ascending.

    Returns:
        ``[H, W]`` uint8: 0 background, c + 1 class c.

    Raises:
        ValueError: If there are not K + 1 planes for K classes.
    """
    keys = torch.as_tensor(keys, dtype=torch.int64, device=scores.device)
    if len(scores) != len(keys) + 1:
        raise ValueError(f'{len(keys)} classes need {len(keys) + 1} planes, background first, got {len(scores)}')
    values = torch.cat([keys.new_zeros(1), keys + 1]).to(torch.uint8)
    return values[scores.argmax(dim=0)]


def psa_walk_labels(cam: Tensor, keys: Tensor | Sequence[int], affinity: Tensor, stride: int = 8, **walk) -> Tensor:
    """AffinityNet: the label map of an image, from its class activation maps and affinities.

    Args:
        cam: ``[K, H, W]``; without classes everything is background.
        keys: ``[K]`` 0-based class ids, ascending.
        affinity: ``[P, h, w]``, see :func:`psa_walk`.
        stride: Pixels per cell.
        **walk: Further arguments of :func:`psa_walk`.

    Returns:
        ``[H, W]`` uint8: 0 background, c + 1 class c.
    """
    walked = psa_walk(cam, affinity, stride=stride, **walk)
    return scores_to_labels(psa_scores(walked, tuple(cam.shape[1:]), stride), keys)


@torch.no_grad()
def irn_walk(
    cam: Tensor,
    edge: Tensor,
    beta: float = 10.0,
    steps: int = 256,
    radius: int = 5,
    method: str = 'sparse',
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """IRN: scores of each cell after a walk that boundaries stop.

    The walk starts at the maps times (1 - boundary). Affinities are those of
    :func:`~.pair_affinity.shifted_boundary_affinity`, of all pairs inside the map. Source: IRN paper, section 4.2, and
    the public code, which fills up the boundary map with ones instead and drops the pairs that lead there.

    Args:
        cam: ``[K, h, w]`` float, not negative; any planes, class or instance.
        edge: ``[h, w]`` float in [0, 1], boundary of each cell.
        beta: Power of the affinities.
        steps: Of the walk. Public code: 2^8.
        radius: Of the neighbourhood. The public code trains with 10 and walks with 5.
        method: ``'sparse'`` or ``'stencil'``, the same numbers.
        dtype: Of the walk.

    Returns:
        ``[K, h, w]`` in ``dtype``.

    Raises:
        ValueError: If shapes do not fit.
    """
    if cam.dim() != 3 or edge.shape != cam.shape[1:]:
        raise ValueError(f'cam must be [K, h, w] and edge [h, w], got {tuple(cam.shape)} and {tuple(edge.shape)}')
    affinity = shifted_boundary_affinity(edge.to(dtype), radius)
    transition = transition_matrix(affinity, path_offsets(radius), beta, dtype, method)
    return random_walk(cam.to(dtype) * (1 - edge.to(dtype)), transition, steps)


def irn_scores(walked: Tensor, size: tuple[int, int], stride: int = 4) -> Tensor:
    """Scores of each pixel, relative to the largest of all planes.

    Args:
        walked: ``[K, h, w]``; K may be 0.
        size: Height and width in pixels.
        stride: Pixels per cell.

    Returns:
        ``[K, H, W]``, at most 1; zeros where everything is 0.
    """
    if not len(walked):
        return walked.new_zeros(0, *size)
    scores = psa_scores(walked, size, stride)
    largest = scores.amax()
    return scores / torch.where(largest > 0, largest, 1)


def irn_walk_labels(
    cam: Tensor,
    keys: Tensor | Sequence[int],
    edge: Tensor,
    size: tuple[int, int],
    bg_threshold: float = 0.25,
    stride: int = 4,
    **walk,
) -> Tensor:
    """IRN: the semantic label map of an image.

    Args:
        cam: ``[K, h, w]``, h = ceil(H / stride) and so on; without classes everything is background.
        keys: ``[K]`` 0-based class ids, ascending.
        edge: ``[h, w]``, boundary.
        size: Height and width of the image in pixels.
        bg_threshold: Score of the background. Public code: 0.25.
        stride: Pixels per cell.
        **walk: Further arguments of :func:`irn_walk`.

    Returns:
        ``[H, W]`` uint8: 0 background, c + 1 class c; all background where no score is above 0.
    """
    scores = irn_scores(irn_walk(cam, edge, **walk), size, stride)
    return predict_labels(scores, torch.as_tensor(keys, dtype=torch.int64), bg_threshold).to(torch.uint8)
