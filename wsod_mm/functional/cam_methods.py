"""Maps that explain a score, from activations and the score's gradients: the Grad-CAM family.

A stands for activations ``[B, C, h, w]``, G for the gradients of the score before the softmax by them, of the same
shape. All maps are raw: :func:`scale_cams` cuts negative values off, normalises and resizes them.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .cam_localization import normalize_cam, resize_cam, score_map

__all__ = [
    'GRADIENT_METHODS',
    'ablation_weights',
    'activation_masks',
    'eigen_cam',
    'eigen_grad_cam',
    'elementwise_cam',
    'featmap_cam',
    'fuse_cams',
    'grad_cam',
    'grad_cam_plusplus',
    'grad_cam_plusplus_weights',
    'grad_cam_weights',
    'hires_cam',
    'layer_cam',
    'scale_cams',
    'score_cam_weights',
    'weighted_map',
    'xgrad_cam',
    'xgrad_cam_weights',
]

FUSIONS = ('mean', 'max', 'tanh_max')


def grad_cam_weights(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: mean of G over the map, ``[B, C]``."""
    _require_pair(activations, gradients)
    return gradients.mean(dim=(2, 3))


def grad_cam_plusplus_weights(activations: Tensor, gradients: Tensor, dialect: str = 'grad-cam') -> Tensor:
    """Grad-CAM++: ``sum_hw a relu(G)`` with ``a = G^2 / (2 G^2 + S + eps)``, 0 where G is 0.

    Source: Chattopadhyay et al., "Grad-CAM++"; specs/cam.md 6. Two public codes give different numbers.

    Args:
        activations: ``[B, C, h, w]`` float.
        gradients: The same shape.
        dialect: ``'grad-cam'``: ``S = sum_hw(A) G^3``, eps 1e-6. ``'torch-cam'``: ``S = sum_hw(A G^3)``, eps 1e-8.

    Returns:
        ``[B, C]``.

    Raises:
        ValueError: ``dialect`` is unknown, or shapes do not fit.
    """
    _require_pair(activations, gradients)
    if dialect not in ('grad-cam', 'torch-cam'):
        raise ValueError(f"dialect={dialect!r}: must be 'grad-cam' or 'torch-cam'")
    square, cube = gradients**2, gradients**3
    if dialect == 'grad-cam':
        total, eps = activations.sum(dim=(2, 3), keepdim=True) * cube, 1e-6
    else:
        total, eps = (activations * cube).sum(dim=(2, 3), keepdim=True), 1e-8
    alpha = torch.where(gradients != 0, square / (2 * square + total + eps), gradients.new_zeros(()))
    return (alpha * F.relu(gradients)).sum(dim=(2, 3))


def xgrad_cam_weights(activations: Tensor, gradients: Tensor, eps: float = 1e-7) -> Tensor:
    """XGrad-CAM: ``sum_hw G A / (sum_hw A + eps)``, ``[B, C]``."""
    _require_pair(activations, gradients)
    total = activations.sum(dim=(2, 3), keepdim=True) + eps
    return (gradients * activations / total).sum(dim=(2, 3))


def score_cam_weights(scores: Tensor, baseline: Tensor | None = None) -> Tensor:
    """Score-CAM: softmax over channels of the scores of images masked by :func:`activation_masks`.

    Args:
        scores: ``[B, C]`` float.
        baseline: ``[B]``, score of the image that torch-cam subtracts first; it changes nothing but rounding.

    Returns:
        ``[B, C]``, sums 1.
    """
    return (scores if baseline is None else scores - baseline[:, None]).softmax(dim=1)


def activation_masks(activations: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks for Score-CAM: activations upsampled to the image and then min-max normalised, ``[B, C, H, W]``."""
    _require_maps(activations, 'activations')
    return score_map(activations, size)


def ablation_weights(score: Tensor, ablated: Tensor) -> Tensor:
    """Ablation-CAM: what the score loses without a channel, as a part of it; 0 where the score is 0.

    Args:
        score: ``[B]`` float.
        ablated: ``[B, C]``, scores with channel c of the activations zeroed.

    Returns:
        ``[B, C]``.
    """
    score = score[:, None]
    return torch.where(score == 0, score.new_zeros(()), (score - ablated) / torch.where(score == 0, 1, score))


def weighted_map(weights: Tensor, activations: Tensor) -> Tensor:
    """``sum_c w_c A_c``: ``[B, C]`` and ``[B, C, h, w]`` to ``[B, h, w]``.

    Raises:
        ValueError: Shapes do not fit.
    """
    _require_maps(activations, 'activations')
    if weights.shape != activations.shape[:2]:
        raise ValueError(f'weights {tuple(weights.shape)} and activations {tuple(activations.shape)} do not fit')
    return (weights[:, :, None, None] * activations).sum(dim=1)


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al.), ``[B, h, w]``."""
    return weighted_map(grad_cam_weights(activations, gradients), activations)


def grad_cam_plusplus(activations: Tensor, gradients: Tensor, dialect: str = 'grad-cam') -> Tensor:
    """Grad-CAM++, ``[B, h, w]``; see :func:`grad_cam_plusplus_weights`."""
    return weighted_map(grad_cam_plusplus_weights(activations, gradients, dialect), activations)


def xgrad_cam(activations: Tensor, gradients: Tensor, eps: float = 1e-7) -> Tensor:
    """XGrad-CAM (Fu et al.), ``[B, h, w]``."""
    return weighted_map(xgrad_cam_weights(activations, gradients, eps), activations)


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM (Jiang et al.): ``sum_c relu(G) A``, ``[B, h, w]``."""
    _require_pair(activations, gradients)
    return (F.relu(gradients) * activations).sum(dim=1)


def hires_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM (Draelos and Carin): ``sum_c G A``, ``[B, h, w]``."""
    _require_pair(activations, gradients)
    return (gradients * activations).sum(dim=1)


def elementwise_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM element by element: ``sum_c relu(G A)``, ``[B, h, w]``."""
    _require_pair(activations, gradients)
    return F.relu(gradients * activations).sum(dim=1)


def eigen_cam(activations: Tensor, sign: str = 'positive') -> Tensor:
    """EigenCAM (Muhammad and Yeasin): the cells projected on their first principal direction, without any class.

    Source: specs/cam.md 6. The direction's sign is arbitrary; the reference takes what LAPACK gives.

    Args:
        activations: ``[B, C, h, w]`` float; NaN counts as 0.
        sign: ``'positive'``: that in which the map rises with the sum over channels. ``'raw'``: that of the solver.

    Returns:
        ``[B, h, w]``, mean 0; float32 for half precision.

    Raises:
        ValueError: ``sign`` is unknown, or the shape is wrong.
    """
    _require_maps(activations, 'activations')
    if sign not in ('positive', 'raw'):
        raise ValueError(f"sign={sign!r}: must be 'positive' or 'raw'")
    with torch.autocast(activations.device.type, enabled=False):
        rows = activations if activations.dtype == torch.float64 else activations.float()
        rows = torch.where(rows.isnan(), rows.new_zeros(()), rows).flatten(2).transpose(1, 2)
        rows = rows - rows.mean(dim=1, keepdim=True)
        direction = torch.linalg.svd(rows, full_matrices=False).Vh[:, 0]
        cam = (rows @ direction[:, :, None])[..., 0]
        if sign == 'positive':
            falls = (cam.detach() * rows.detach().sum(dim=2)).sum(dim=1, keepdim=True) < 0
            cam = torch.where(falls, -cam, cam)
    return cam.view(len(activations), *activations.shape[2:])


def eigen_grad_cam(activations: Tensor, gradients: Tensor, sign: str = 'positive') -> Tensor:
    """EigenCAM of ``G A``, ``[B, h, w]``; see :func:`eigen_cam`."""
    _require_pair(activations, gradients)
    return eigen_cam(gradients * activations, sign)


def featmap_cam(activations: Tensor) -> Tensor:
    """Mean over channels, without any class (mmdet's FeatmapAM), ``[B, h, w]``."""
    _require_maps(activations, 'activations')
    return activations.mean(dim=1)


#: Methods that need activations and gradients alone, by name.
GRADIENT_METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'gradcam': grad_cam,
    'gradcam++': grad_cam_plusplus,
    'xgradcam': xgrad_cam,
    'layercam': layer_cam,
    'hirescam': hires_cam,
    'elementwise': elementwise_cam,
    'eigengradcam': eigen_grad_cam,
}


def scale_cams(maps: Tensor, size: tuple[int, int] | None = None, relu: bool = True, eps: float = 1e-7) -> Tensor:
    """Raw maps as pictures: negative values cut off, min-max, resized bilinearly.

    Source: specs/cam.md 2 and 6 (grad-cam).

    Args:
        maps: ``[..., h, w]`` float; maps without contrast become zeros.
        size: (H, W) of the input; ``None``: not resized.
        relu: Cut negative values off first.
        eps: Added to the divisor.

    Returns:
        ``[..., H, W]`` in [0, 1].
    """
    maps = normalize_cam(F.relu(maps) if relu else maps, eps=eps)
    return maps if size is None else resize_cam(maps, size)


def fuse_cams(layers: Sequence[Tensor], fusion: str = 'mean', eps: float = 1e-7) -> Tensor:
    """One map from those of several layers, normalised again.

    Args:
        layers: ``[B, H, W]`` each, of one size and scaled.
        fusion: ``'mean'`` (grad-cam), ``'max'``, or ``'tanh_max'``: the maximum of ``tanh(2 M)`` (torch-cam).
        eps: See :func:`scale_cams`.

    Returns:
        ``[B, H, W]`` in [0, 1].

    Raises:
        ValueError: There is no layer, or ``fusion`` is unknown.
    """
    if fusion not in FUSIONS:
        raise ValueError(f'fusion={fusion!r}: must be one of {", ".join(map(repr, FUSIONS))}')
    if not len(layers):
        raise ValueError('no layers to fuse: give at least one map')
    stacked = F.relu(torch.stack(list(layers)))
    if fusion == 'mean':
        fused = stacked.mean(dim=0)
    else:
        fused = ((2 * stacked).tanh() if fusion == 'tanh_max' else stacked).amax(dim=0)
    return scale_cams(fused, eps=eps)


def _require_maps(maps: Tensor, name: str) -> None:
    if maps.dim() != 4 or 0 in maps.shape[1:]:
        raise ValueError(
            f'{name} must be [B, C, h, w], got {tuple(maps.shape)}; a transformer needs its tokens laid out as a map'
        )


def _require_pair(activations: Tensor, gradients: Tensor) -> None:
    _require_maps(activations, 'activations')
    if activations.shape != gradients.shape:
        raise ValueError(
            f'activations {tuple(activations.shape)} and gradients {tuple(gradients.shape)} must have one shape'
        )
