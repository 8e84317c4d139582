"""Names of VGG16's weights: caffe's and torchvision's to ours."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .mapping import ConvertedWeights, Shape, WeightConversionError, plain_state_dict, verify_shapes
from .normalisation import input_meta, to_bgr

__all__ = ['convert_vgg16', 'vgg16_shapes']

_CONVS = {
    0: (3, 64),
    2: (64, 64),
    5: (64, 128),
    7: (128, 128),
    10: (128, 256),
    12: (256, 256),
    14: (256, 256),
    17: (256, 512),
    19: (512, 512),
    21: (512, 512),
    24: (512, 512),
    26: (512, 512),
    28: (512, 512),
}
_BODY, _HEAD = 'backbone.features', 'roi_head.shared_head'
# torchvision once began the classifier with Dropout; caffe's file has its numbers from then
_CLASSIFIERS = {'0': 'fc6', '1': 'fc6', '3': 'fc7', '4': 'fc7'}
_FIRST_CONV = f'{_BODY}.0.weight'


def vgg16_shapes(
    width_mult: float = 1.0, fc_channels: tuple[int, int] = (4096, 4096), roi_feat_size: int = 7
) -> dict[str, Shape]:
    """Name and shape of every converted weight.

    Args:
        width_mult: Factor on the channels, as in :class:`wsod_mm.models.backbones.VGG16`.
        fc_channels: Outputs of fc6 and fc7.
        roi_feat_size: Bins per side of the RoI pooling.

    Returns:
        Shapes by name, for VGG16 itself with the defaults (fc6 4096 x 25088).
    """
    shapes: dict[str, Shape] = {}

    def width(channels: int) -> int:
        return 3 if channels == 3 else max(1, int(channels * width_mult))

    for number, (source, target) in _CONVS.items():
        shapes[f'{_BODY}.{number}.weight'] = (width(target), width(source), 3, 3)
        shapes[f'{_BODY}.{number}.bias'] = (width(target),)
    inputs = (width(512) * roi_feat_size**2, fc_channels[0])
    for layer, source, target in zip(('fc6', 'fc7'), inputs, fc_channels, strict=True):
        shapes[f'{_HEAD}.{layer}.weight'] = (target, source)
        shapes[f'{_HEAD}.{layer}.bias'] = (target,)
    return shapes


def convert_vgg16(
    checkpoint: Mapping[str, Any],
    source: str = 'caffe',
    rgb_to_bgr: bool = False,
    shapes: Mapping[str, Shape] | None = None,
) -> ConvertedWeights:
    """Rename VGG16's weights to those of our detectors.

    ``features.N`` becomes ``backbone.features.N``, the first two layers of the classifier (numbered
    0 and 3, in older files 1 and 4) ``roi_head.shared_head.fc6`` and ``fc7``; the ImageNet
    classifier is dropped. A converted file passes unchanged.

    Args:
        checkpoint: Content of the file.
        source: ``'caffe'`` (BGR, 0-255) or ``'torchvision'`` (RGB, scaled by the standard
            deviation).
        rgb_to_bgr: Reverse the input channels of conv1_1, so that RGB weights take BGR images. Not
            done twice: the converted file says which order it wants.
        shapes: Expected shapes; VGG16's when ``None``.

    Returns:
        The converted weights.

    Raises:
        WeightConversionError: The file holds something else than VGG16.
    """
    state, meta = plain_state_dict(checkpoint)
    renamed: dict[str, Tensor] = {}
    dropped: list[str] = []
    origin: dict[str, str] = {}
    for name, value in state.items():
        target = _target_name(name)
        if target is None:
            dropped.append(name)
        elif target in renamed:
            raise WeightConversionError(f'{name} and {origin[target]} both are {target}')
        else:
            renamed[target], origin[target] = value, name
    expected = vgg16_shapes() if shapes is None else shapes
    verify_shapes(renamed, expected, 'VGG16')
    if 'channel_order' not in meta:  # else the file is ours
        meta = input_meta('vgg16', source)
    result = ConvertedWeights({name: renamed[name] for name in expected}, meta, dropped)
    dropped += [name for name in renamed if name not in expected]
    if source == 'caffe' and any(name.startswith('classifier.0.') for name in state):
        result.notes.append(
            "the classifier is numbered as in today's torchvision; if the file is torchvision's, "
            'its images are RGB: convert it with the torchvision rule'
        )
    to_bgr(result, _FIRST_CONV, rgb_to_bgr)
    return result


def _target_name(name: str) -> str | None:
    if name.startswith((f'{_BODY}.', f'{_HEAD}.fc6.', f'{_HEAD}.fc7.')):
        return name
    if name.startswith('features.'):
        return f'backbone.{name}'
    match = re.fullmatch(r'classifier\.(\d+)\.(weight|bias)', name)
    if match and match[1] in _CLASSIFIERS:
        return f'{_HEAD}.{_CLASSIFIERS[match[1]]}.{match[2]}'
    return None
