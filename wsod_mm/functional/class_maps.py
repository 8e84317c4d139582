"""Class activation maps from features: the linear map of a classifier, applied cell by cell, and its activation."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ['ACTIVATIONS', 'activate_class_maps', 'class_activation_maps']

ACTIVATIONS = ('relu', 'sqrt_relu')


def activate_class_maps(maps: Tensor, activation: str = 'relu') -> Tensor:
    """Activate the scores that a classifier gives every cell.

    Source: AffinityNet's public code. ``'sqrt_relu'`` is VGG16's there, to make up for the pooling after conv5 that
    the public network leaves out; ResNet38's and IRN's ResNet-50 have ``'relu'``.

    Args:
        maps: float ``[..., h, w]``.
        activation: ``'relu'`` or ``'sqrt_relu'``, the square root of the former. The square root has no finite
            gradient at 0: not for training.

    Returns:
        Of the shape and dtype of ``maps``, at least 0.

    Raises:
        ValueError: ``activation`` is unknown.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f'activation={activation!r}: must be one of {", ".join(map(repr, ACTIVATIONS))}')
    maps = F.relu(maps)
    return maps.sqrt() if activation == 'sqrt_relu' else maps


def class_activation_maps(features: Tensor, weight: Tensor, activation: str = 'relu') -> Tensor:
    """Raw class activation maps, not divided by their maxima: ``activation(W f)``, without the classifier's bias.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", eq. 2; AffinityNet's public code.

    Args:
        features: ``[N, D, h, w]`` float.
        weight: ``[C, D]`` or ``[C, D, 1, 1]`` float, of the linear layer after (or the 1x1 convolution before) the
            global average pooling.
        activation: As :func:`activate_class_maps` takes it.

    Returns:
        ``[N, C, h, w]`` float, at least 0.

    Raises:
        ValueError: Features and weight have different numbers of channels, or ``activation`` is unknown.
    """
    if features.dim() != 4 or weight.dim() not in (2, 4) or weight.flatten(1).shape[1] != features.shape[1]:
        raise ValueError(
            f'features {tuple(features.shape)} and weight {tuple(weight.shape)} do not fit; '
            'give [N, D, h, w] and [C, D] or [C, D, 1, 1]'
        )
    return activate_class_maps(F.conv2d(features, weight.flatten(1)[:, :, None, None]), activation)
