"""Which input a set of ImageNet weights wants, and reversing its channels."""

import copy

from .mapping import ConvertedWeights

__all__ = ['input_meta', 'to_bgr']

_INPUTS = {
    'caffe': dict(channel_order='bgr', mean=[102.9801, 115.9465, 122.7717], std=[1.0, 1.0, 1.0]),
    'caffe-largefov': dict(channel_order='bgr', mean=[104.008, 116.669, 122.675], std=[1.0, 1.0, 1.0]),
    'torchvision': dict(channel_order='rgb', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
}


def input_meta(network: str, source: str) -> dict:
    """Source and input convention of a public set of weights.

    Args:
        network: ``'vgg16'``, ``'resnet'`` or ``'resnet38'``.
        source: ``'caffe'``, ``'caffe-largefov'`` (DeepLab's means) or ``'torchvision'``.

    Returns:
        ``source``, ``channel_order``, ``mean`` and ``std`` (in that order of channels, 0-255
        scale).

    Raises:
        ValueError: ``source`` is unknown.
    """
    if source not in _INPUTS:
        raise ValueError(f'unknown source {source!r}; choose one of {", ".join(_INPUTS)}')
    return dict(source=f'{network}-{source}', **copy.deepcopy(_INPUTS[source]))


def to_bgr(weights: ConvertedWeights, first_conv: str, wanted: bool) -> None:
    """Reverse the input channels of the first convolution if asked for and not done yet.

    A note says which input the weights want.

    Args:
        weights: Converted weights, changed in place.
        first_conv: Name of the first convolution's weight ``[C, 3, k, k]``.
        wanted: Whether BGR input is asked for.
    """
    meta = weights.meta
    if wanted and meta['channel_order'] == 'rgb':
        weights.state_dict[first_conv] = weights.state_dict[first_conv].flip(1).contiguous()
        meta.update(channel_order='bgr', mean=meta['mean'][::-1], std=meta['std'][::-1])
        weights.notes.append('reversed the input channels of the first convolution: RGB to BGR')
    elif wanted:
        weights.notes.append('the weights take BGR already; the channels were left alone')
    order = meta['channel_order']
    weights.notes.append(
        f'these weights take {order.upper()} images: data_preprocessor=dict(mean={meta["mean"]}, '
        f'std={meta["std"]}, bgr_to_rgb={order == "rgb"})'
    )
