"""Attention maps of several views or layers, and the losses that pull them to a common target (CASD)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    'spatial_attention',
    'unflip_maps',
    'attention_target',
    'attention_consistency',
    'image_wise_loss',
    'layer_wise_loss',
    'whole_map_consistency',
    'shared_rows',
    'divide_by_rows',
    'ramp_up',
]


def spatial_attention(features: Tensor, minmax: bool = False) -> Tensor:
    """Reduce feature maps to attention maps: the sigmoid of the mean over channels.

    Source: CASD paper; ``minmax`` from its public code, which confines the attention to [0.5, 0.731].
    Always computed in float32.

    Args:
        features: ``[N, C, h, w]`` float.
        minmax: Stretch every map to [0, 1] before the sigmoid. The gradient through the minimum and the maximum goes to
            one cell each, also among ties. A constant map becomes 0 everywhere, which is an attention of 0.5.

    Returns:
        ``[N, h, w]`` float32, in (0, 1).

    Raises:
        ValueError: If ``features`` is not a batch of non-empty maps.
    """
    if features.dim() != 4 or 0 in features.shape[1:]:
        raise ValueError(f'attention needs features [N, C, h, w] with C, h, w >= 1, got {tuple(features.shape)}')
    with torch.autocast(device_type=features.device.type, enabled=False):
        maps = features.mean(dim=1, dtype=torch.float32)
        if minmax:
            flat = maps.flatten(1)
            # min(dim), not amin: amin would spread the gradient over ties
            low, high = flat.min(dim=1).values[:, None, None], flat.max(dim=1).values[:, None, None]
            span = high - low
            # not clamp(min=eps): a constant map would get gradients of 1 / eps
            maps = (maps - low) / torch.where(span > 0, span, torch.ones_like(span))
        return maps.sigmoid()


def unflip_maps(maps: Tensor, flipped: Sequence[bool]) -> Tensor:
    """Mirror the maps of the flipped views along x, so that one cell means one place in all views.

    Args:
        maps: ``[V, K, h, w]``, maps of the same K boxes in V views, each in the frame of its view.
        flipped: V flags, True where the view is a horizontal mirror image.

    Returns:
        ``[V, K, h, w]``, in the frame of the unflipped image.

    Raises:
        ValueError: If the number of flags is not V.
    """
    if maps.dim() != 4 or len(flipped) != maps.shape[0] or not len(flipped):
        raise ValueError(f'need maps [V, K, h, w] and V flip flags, got {tuple(maps.shape)} and {len(flipped)} flags')
    return torch.stack([view.flip(-1) if flip else view for view, flip in zip(maps, flipped, strict=True)])


def attention_target(maps: Tensor) -> Tensor:
    """Aggregate the maps of all views: the element-wise maximum, without a gradient.

    Source: CASD paper.

    Args:
        maps: ``[V, K, h, w]`` float, in one frame.

    Returns:
        ``[K, h, w]`` float, detached.
    """
    return maps.detach().amax(dim=0)


def attention_consistency(
    maps: Tensor, valid: Tensor | None = None, distance: str = 'mse', eps: float = 1e-12
) -> Tensor:
    """Distance of the maps of every view from their common target (:func:`attention_target`).

    Source: CASD paper for the loss; ``'mse'`` from its public code.

    Args:
        maps: ``[V, K, h, w]`` float, in one frame.
        valid: ``[K]`` bool, False for padding rows; ``None``: all rows count.
        distance: ``'mse'``: the squared difference, averaged over rows and cells and summed over views; ``'l2'``: the
            Euclidean norm of the difference of each row's map, summed over views and averaged over rows.
        eps: Added inside the square root of ``'l2'``, which has no gradient at 0 otherwise.

    Returns:
        Scalar float32; 0 with a graph when no row is valid.

    Raises:
        ValueError: For an unknown ``distance`` or wrong shapes.
    """
    if distance not in ('mse', 'l2'):
        raise ValueError(f"distance must be 'mse' or 'l2', got {distance!r}")
    if maps.dim() != 4 or (valid is not None and valid.shape != maps.shape[1:2]):
        raise ValueError(
            f'need maps [V, K, h, w] and valid [K], got {tuple(maps.shape)} and '
            f'{None if valid is None else tuple(valid.shape)}'
        )
    with torch.autocast(device_type=maps.device.type, enabled=False):
        maps = maps.float()
        squared = (maps - attention_target(maps)).square().flatten(2)
        rows = squared.mean(dim=2) if distance == 'mse' else (squared.sum(dim=2) + eps).sqrt()
        if valid is None:
            return rows.sum() / max(rows.shape[1], 1)
        return torch.where(valid, rows, torch.zeros_like(rows)).sum() / valid.sum().clamp(min=1)


def image_wise_loss(
    features: Tensor,
    flipped: Sequence[bool],
    valid: Tensor | None = None,
    distance: str = 'mse',
    minmax: bool = False,
) -> Tensor:
    """Image-wise self-distillation: the attention of one proposal agrees in all views of the image.

    Source: CASD paper; the defaults are ours (no min-max, mean over rows and cells). The variants of the public code:

    * ``ca_iw`` (branch may30, never called): ``minmax=True`` on the rows that all views sampled
      (:func:`shared_rows` with ``'intersection'``).
    * master (behind a flag that is off after the first iteration): ``minmax=True`` on the rows of view 0
      (``'first'``); the losses of both branches go through :func:`divide_by_rows`.

    Args:
        features: ``[V, K, C, h, w]`` float, unmasked pooled features of the same K proposals in each of V views.
        flipped: V flags, True where the view is mirrored.
        valid: ``[K]`` bool, False for padding rows; ``None``: all rows count.
        distance: ``'mse'`` or ``'l2'``, see :func:`attention_consistency`.
        minmax: See :func:`spatial_attention`.

    Returns:
        Scalar float32; 0 with a graph when no row is valid.

    Raises:
        ValueError: For wrong shapes or an unknown ``distance``.
    """
    if features.dim() != 5:
        raise ValueError(f'the image-wise loss needs features [V, K, C, h, w], got {tuple(features.shape)}')
    maps = spatial_attention(features.flatten(0, 1), minmax=minmax).unflatten(0, features.shape[:2])
    return attention_consistency(unflip_maps(maps, flipped), valid, distance)


def layer_wise_loss(
    features: Sequence[Tensor], valid: Tensor | None = None, distance: str = 'mse', minmax: bool = False
) -> Tensor:
    """Layer-wise self-distillation: the attention of one proposal agrees in all layers of the backbone.

    Source: CASD paper; there is no public code for it (its ``ca_lw`` is :func:`whole_map_consistency`). ONE view; the
    caller averages over views.

    Args:
        features: Q tensors ``[N, C_q, h, w]`` float, the same N proposals pooled from Q layers to one size.
        valid: ``[N]`` bool, False for padding rows; ``None``: all rows count.
        distance: ``'mse'`` or ``'l2'``, see :func:`attention_consistency`.
        minmax: See :func:`spatial_attention`.

    Returns:
        Scalar float32, summed over layers; 0 with a graph when no row is valid.

    Raises:
        ValueError: If there is no layer, the layers differ in rows or map size, or ``distance`` is unknown.
    """
    if not features or len({(f.shape[0], *f.shape[2:]) for f in features}) != 1:
        raise ValueError(
            'the layer-wise loss needs one or more tensors [N, C_q, h, w] that agree in N, h and w, got '
            f'{[tuple(f.shape) for f in features]}'
        )
    maps = torch.stack([spatial_attention(f, minmax=minmax) for f in features])
    return attention_consistency(maps, valid, distance)


def whole_map_consistency(
    features: Sequence[Tensor],
    flipped: Sequence[bool] = (False, True),
    distance: str = 'mse',
    minmax: bool = False,
) -> Tensor:
    """Consistency of whole convolution maps of an image and its mirror image, summed over scales.

    Source: public code of CASD, ``ca_lw`` of branch may30, which is never called and is NOT the layer-wise loss of the
    paper.

    Args:
        features: One tensor ``[V, C, H, W]`` float a scale, the V views of the image at that scale. Scales may differ
            in size; they are not compared with each other.
        flipped: V flags, True where the view is mirrored.
        distance: ``'mse'`` or ``'l2'``, see :func:`attention_consistency`; the whole map is one row.
        minmax: See :func:`spatial_attention`.

    Returns:
        Scalar float32.

    Raises:
        ValueError: If there is no scale, or for wrong shapes or an unknown ``distance``.
    """
    if not features:
        raise ValueError('whole-map consistency needs the maps of at least one scale')
    return torch.stack([image_wise_loss(f[:, None], flipped, None, distance, minmax) for f in features]).sum()


def shared_rows(sampled: Tensor, size: int, mode: str = 'intersection') -> tuple[Tensor, Tensor]:
    """Choose the proposals of the image-wise loss from what each view has sampled for refinement.

    Source: public code of CASD: ``'intersection'`` in branch may30, ``'first'`` in master.

    Args:
        sampled: ``[V, P]`` bool, True where a view sampled a proposal.
        size: Length of the result; at most P rows are returned, members beyond ``size`` are dropped.
        mode: ``'intersection'``, ``'union'``, or ``'first'`` (the rows of view 0).

    Returns:
        rows: ``[K]`` int64 with K = min(size, P), proposals in ascending order, then padding.
        valid: ``[K]`` bool, False for padding.

    Raises:
        ValueError: For an unknown ``mode``.
    """
    if mode not in ('intersection', 'union', 'first'):
        raise ValueError(f"mode must be 'intersection', 'union' or 'first', got {mode!r}")
    if mode == 'first':
        member = sampled[0]
    else:
        member = sampled.all(dim=0) if mode == 'intersection' else sampled.any(dim=0)
    rows = member.int().argsort(descending=True, stable=True)[:size]
    return rows, member[rows]


def divide_by_rows(losses: Sequence[Tensor], last_valid: Tensor) -> Tensor:
    """Add the image-wise losses of all refinement branches and divide by the number of rows of the last branch.

    Source: public code of CASD, master. The losses are means over rows already, so this makes them about 1e-5.

    Args:
        losses: One scalar a branch, from :func:`image_wise_loss`.
        last_valid: ``[K]`` bool, the valid rows of the last branch.

    Returns:
        Scalar float32; 0 with a graph when no row is valid.
    """
    return torch.stack(list(losses)).sum() / last_valid.sum().clamp(min=1)


def ramp_up(iteration: int, start: int = 0, length: int = 45000) -> float:
    """Weight of a loss that is switched on late: ``exp(-5 (1 - t)^2)``, with t from 0 to 1.

    Source: public code of CASD, which computes it (start 0, length 45,000) and does not use it.

    Args:
        iteration: Current iteration, 0-based.
        start: First iteration with the loss.
        length: Iterations from ``start`` to the full weight; 0: full weight at once.

    Returns:
        0 before ``start``, then from exp(-5) = 0.0067 up to 1.

    Raises:
        ValueError: If ``length`` is negative.
    """
    if length < 0:
        raise ValueError(f'length must not be negative, got {length}')
    if iteration < start:
        return 0.0
    t = min((iteration - start) / length, 1.0) if length else 1.0
    return math.exp(-5.0 * (1.0 - t) ** 2)
