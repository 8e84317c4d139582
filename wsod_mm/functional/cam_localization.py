"""Score maps from a classifier: activation maps of chosen classes, their normalisation and their resizing."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    'CAM_DIALECTS',
    'NORMALIZATIONS',
    'RESIZE_MODES',
    'cam_map',
    'cam_to_uint8',
    'normalize_cam',
    'resize_cam',
    'score_map',
]

NORMALIZATIONS = ('minmax', 'max', None)
RESIZE_MODES = ('bilinear', 'bicubic', 'cv2', 'cv2_cubic')

_CV2_MODES = {'cv2': cv2.INTER_LINEAR, 'cv2_cubic': cv2.INTER_CUBIC}


def cam_map(
    features: Tensor,
    weights: Tensor,
    class_ids: Tensor,
    normalize: str | None = 'minmax',
    relu: bool = False,
    reduce: str = 'sum',
    eps: float = 0.0,
) -> Tensor:
    """Class activation maps of chosen classes: ``M_k = sum_c w_kc F_c``, without the classifier's bias.

    Only the chosen classes are computed, and only their weights get a gradient; all classes of a batch are
    :func:`~.class_maps.class_activation_maps`. In float32 also under autocast.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", eq. 2; specs/cam.md 2.

    Args:
        features: ``[B, C, h, w]`` float, the last feature map.
        weights: ``[K, C]`` or ``[K, C, 1, 1]`` float, of the linear layer after (or the 1x1 convolution before) the
            global average pooling.
        class_ids: ``[B]`` or ``[B, N]`` int64, rows of ``weights``; -1: no class, a map of zeros, for images with
            fewer classes than others.
        normalize: As :func:`normalize_cam` takes it; ``None``: raw.
        relu: Cut negative values off before normalising.
        reduce: ``'sum'``, or ``'mean'`` over channels as wsolevaluation has it (the same up to scale).
        eps: As :func:`normalize_cam` takes it.

    Returns:
        ``[B, h, w]`` or ``[B, N, h, w]``, float32 (float64 for float64 features).

    Raises:
        ValueError: Shapes do not fit, a class id is out of range (seen on the CPU; a GPU reports the index itself),
            or a setting is unknown.
    """
    weights = weights.flatten(1)
    if features.dim() != 4 or weights.dim() != 2 or weights.shape[1] != features.shape[1]:
        raise ValueError(
            f'features {tuple(features.shape)} and weights {tuple(weights.shape)} do not fit; '
            'give [B, C, h, w] and [K, C] or [K, C, 1, 1]'
        )
    if class_ids.dim() not in (1, 2) or len(class_ids) != len(features) or class_ids.dtype != torch.int64:
        raise ValueError(
            f'class_ids is {class_ids.dtype} {tuple(class_ids.shape)} for {len(features)} images; '
            'give int64 [B] or [B, N]'
        )
    if reduce not in ('sum', 'mean'):
        raise ValueError(f"reduce={reduce!r}: must be 'sum' or 'mean'")
    _require_normalization(normalize)
    if class_ids.device.type == 'cpu' and class_ids.numel():  # on a GPU the check would wait for the device
        low, high = int(class_ids.min()), int(class_ids.max())
        if low < -1 or high >= len(weights):
            raise ValueError(
                f'class_ids reach from {low} to {high}; the classifier has classes 0 to {len(weights) - 1}'
            )
    ids = class_ids.to(features.device)
    batch, channels, height, width = features.shape
    with torch.autocast(features.device.type, enabled=False):
        features = _at_least_float32(features)
        chosen = weights.to(features.dtype)[ids.reshape(batch, -1).clamp(min=0)]
        maps = (chosen @ features.flatten(2)).view(*class_ids.shape, height, width)
        maps = maps / channels if reduce == 'mean' else maps
        maps = F.relu(maps) if relu else maps
        maps = torch.where((ids >= 0)[..., None, None], maps, maps.new_zeros(()))
        return normalize_cam(maps, normalize, eps)


def normalize_cam(maps: Tensor, mode: str | None = 'minmax', eps: float = 0.0) -> Tensor:
    """Bring every map to [0, 1]; a map that has no contrast or holds a number that is not finite becomes zeros.

    Differentiable; the gradient of such a map is 0. In float32 for half precision.

    Source: specs/cam.md 2. ``'minmax'`` with ``eps=0`` is the blog's, Zhou's and wsolevaluation's, with ``eps=1e-8``
    torch-cam's, with ``eps=1e-7`` grad-cam's; ``'max'`` that of the CAM paper's localisation.

    Args:
        maps: ``[..., h, w]`` float.
        mode: ``'minmax'``: ``(M - min) / (max - min + eps)``. ``'max'``: ``max(M, 0) / (max + eps)``. ``None``: as is,
            also what is not finite.
        eps: Added to the divisor.

    Returns:
        ``[..., h, w]``, float32 or float64.

    Raises:
        ValueError: ``mode`` is unknown, or the maps are empty or not float.
    """
    _require_normalization(mode)
    if mode is None:
        return maps
    if maps.dim() < 2 or 0 in maps.shape[-2:] or not maps.is_floating_point():
        raise ValueError(f'maps must be float [..., h, w] with h, w >= 1, got {maps.dtype} {tuple(maps.shape)}')
    maps = _at_least_float32(maps)
    finite = maps.isfinite().all(-1, keepdim=True).all(-2, keepdim=True)
    zero = maps.new_zeros(())
    maps = torch.where(finite, maps, zero)
    flat = maps.flatten(-2)
    # min(dim), not amin: amin would spread the gradient over ties
    low = flat.min(-1).values[..., None, None] if mode == 'minmax' else zero
    shifted = (maps - low).clamp(min=0)
    span = shifted.flatten(-2).max(-1).values[..., None, None]
    usable = span > 0
    return torch.where(usable, shifted / torch.where(usable, span + eps, torch.ones_like(span)), zero)


def cam_to_uint8(maps: Tensor) -> Tensor:
    """Maps in [0, 1] as whole numbers from 0 to 255, truncated: ``uint8(255 * M)``.

    Args:
        maps: Float of any shape; values outside [0, 1] are clamped, NaN becomes 0.

    Returns:
        uint8 of the same shape.
    """
    return (maps.nan_to_num(0.0).clamp(0, 1) * 255).to(torch.uint8)


def resize_cam(maps: Tensor, size: tuple[int, int], mode: str = 'bilinear') -> Tensor:
    """Resize maps, with half-pixel centres and without smoothing before shrinking.

    Args:
        maps: ``[..., h, w]``: float, or (with the modes of OpenCV) uint8.
        size: (H, W) in pixels.
        mode: ``'bilinear'`` or ``'bicubic'`` (a = -0.75; overshoots): torch, on the device, differentiable. ``'cv2'``
            or ``'cv2_cubic'``: the same by OpenCV, to the last bit of the reference code: on the host, map by map,
            without a gradient; the only ones for uint8, which OpenCV rounds on its way.

    Returns:
        ``[..., H, W]`` of the dtype and device of ``maps`` (float32 for half precision).

    Raises:
        ValueError: ``mode`` or the shape or dtype is unknown, or a size is not positive.
    """
    if mode not in RESIZE_MODES:
        raise ValueError(f'mode={mode!r}: must be one of {", ".join(map(repr, RESIZE_MODES))}')
    if maps.dim() < 2 or 0 in maps.shape[-2:] or min(size) < 1:
        raise ValueError(f'cannot resize maps {tuple(maps.shape)} to {tuple(size)}: every side must be at least 1')
    if not maps.is_floating_point() and (maps.dtype != torch.uint8 or mode not in _CV2_MODES):
        raise ValueError(f"maps are {maps.dtype}: give float, or uint8 with mode='cv2', not {mode!r}")
    maps = _at_least_float32(maps) if maps.is_floating_point() else maps
    height, width = size
    flat = maps.reshape(-1, *maps.shape[-2:])
    if not len(flat):
        return maps.new_zeros((*maps.shape[:-2], height, width))
    if mode in _CV2_MODES:
        host = flat.detach().cpu().numpy()
        resized = np.stack([cv2.resize(each, (width, height), interpolation=_CV2_MODES[mode]) for each in host])
        out = torch.from_numpy(resized).to(maps.device)
    else:
        with torch.autocast(maps.device.type, enabled=False):
            out = F.interpolate(flat[:, None], size=(height, width), mode=mode, align_corners=False)
    return out.reshape(*maps.shape[:-2], height, width)


def score_map(cams: Tensor, size: tuple[int, int], dialect: str = 'default') -> Tensor:
    """Score maps of an image from raw activation maps, in the order and the arithmetic of a reference.

    Source: specs/cam.md 2.

    Args:
        cams: ``[..., h, w]`` float, raw.
        size: (H, W) of the image in pixels.
        dialect: ``'default'``: resized bilinearly, then min-max. ``'blog'`` (also Zhou's demo): min-max, truncated to
            uint8, then resized by OpenCV. ``'max'``: negatives cut, divided by the maximum, then resized bilinearly
            (CAM and Grad-CAM papers). ``'wsol'``: float64, resized by OpenCV with cubics, then min-max. ``'gradcam'``:
            negatives cut, min-max with eps 1e-7, then resized bilinearly.

    Returns:
        ``[..., H, W]`` in [0, 1], or for ``'blog'`` uint8.

    Raises:
        ValueError: ``dialect`` is unknown.
    """
    if dialect not in CAM_DIALECTS:
        raise ValueError(f'dialect={dialect!r}: must be one of {", ".join(map(repr, CAM_DIALECTS))}')
    maps = CAM_DIALECTS[dialect](cams, size)
    if dialect in ('default', 'wsol'):  # resizing puts rounding errors on flat maps, which min-max would magnify
        flat = cams.flatten(-2).amax(-1) == cams.flatten(-2).amin(-1)
        maps = torch.where(flat[..., None, None], maps.new_zeros(()), maps)
    return maps


#: Functions of raw maps and (H, W), for :func:`score_map`.
CAM_DIALECTS: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    'default': lambda cams, size: normalize_cam(resize_cam(cams, size)),
    'blog': lambda cams, size: resize_cam(cam_to_uint8(normalize_cam(cams)), size, 'cv2'),
    'max': lambda cams, size: resize_cam(normalize_cam(cams, 'max'), size),
    'wsol': lambda cams, size: normalize_cam(resize_cam(cams.double(), size, 'cv2_cubic')),
    'gradcam': lambda cams, size: resize_cam(normalize_cam(cams.clamp(min=0), eps=1e-7), size),
}


def _at_least_float32(maps: Tensor) -> Tensor:
    return maps if maps.dtype == torch.float64 else maps.float()


def _require_normalization(mode: str | None) -> None:
    if mode not in NORMALIZATIONS:
        raise ValueError(f'normalize={mode!r}: must be one of {", ".join(map(repr, NORMALIZATIONS))}')
