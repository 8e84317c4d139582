"""Names of the weights of the blog's classifier and of wsolevaluation's checkpoints, to ours."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .mapping import ConvertedWeights, Shape, WeightConversionError, plain_state_dict, verify_shapes
from .normalisation import input_meta, to_bgr
from .resnet import resnet_shapes
from .vgg16 import vgg16_shapes

__all__ = ['convert_wsol_resnet', 'convert_wsol_vgg16', 'wsol_shapes']

_HEADS = {'fc.': 'cam_head.fc.', 'conv6.': 'cam_head.conv6.', 'classifier_A.': 'cam_head.classifier_a.'}
_HEADS['classifier_B.'] = 'cam_head.classifier_b.'
_VGG_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def wsol_shapes(trunk: str, num_classes: int, head: str = 'cam', base_channels: int = 64) -> dict[str, Shape]:
    """Name and shape of every weight of ``CAMLocalizer``.

    Args:
        trunk: ``'resnet18'``, ``'resnet50'`` or ``'vgg16'``.
        num_classes: C.
        head: ``'cam'`` (on VGG16 with its convolution of 1024 channels), or on ResNets ``'acol'``.
        base_channels: Of the ResNet.

    Returns:
        Shapes by name.
    """
    if trunk == 'vgg16':
        shapes = {name: shape for name, shape in vgg16_shapes().items() if name.startswith('backbone.')}
        shapes |= {'cam_head.conv6.weight': (1024, 512, 3, 3), 'cam_head.conv6.bias': (1024,)}
        channels = 1024
    else:
        depth = int(trunk.removeprefix('resnet'))
        shapes = {f'backbone.{name}': shape for name, shape in resnet_shapes(depth, base_channels).items()}
        channels = base_channels * 8 * (1 if depth < 50 else 4)
    if head == 'cam':
        return shapes | {'cam_head.fc.weight': (num_classes, channels), 'cam_head.fc.bias': (num_classes,)}
    for letter in 'ab':
        for number, shape in ((0, (1024, channels, 3, 3)), (2, (1024, 1024, 3, 3)), (4, (num_classes, 1024, 1, 1))):
            shapes[f'cam_head.classifier_{letter}.{number}.weight'] = shape
            shapes[f'cam_head.classifier_{letter}.{number}.bias'] = shape[:1]
    return shapes


def convert_wsol_resnet(
    checkpoint: Mapping[str, Any], rgb_to_bgr: bool = False, depth: int = 50, base_channels: int = 64
) -> ConvertedWeights:
    """Rename the weights of a ResNet classifier to those of ``CAMLocalizer``.

    ``conv1`` ... ``layer4`` go to ``backbone``, ``fc`` to ``cam_head.fc``, ACoL's classifiers to
    ``cam_head.classifier_a`` and ``_b``. In checkpoints of ADL the dropout layers take numbers among the blocks
    (``layer3.1`` has no weight); blocks are counted afresh. A converted file passes unchanged.

    Args:
        checkpoint: The blog's ``epoch N.pth`` or wsolevaluation's ``*_checkpoint.pth.tar`` (CAM, HaS, CutMix, ADL,
            ACoL).
        rgb_to_bgr: Reverse the input channels of the first convolution; not done twice.
        depth: 18 (blog) or 50.
        base_channels: Of the first stage.

    Returns:
        The converted weights.

    Raises:
        WeightConversionError: The file holds something else, such as SPG, whose head is not ours.
    """
    state, meta = plain_state_dict(checkpoint)
    _refuse_spg(state)
    dropped: list[str] = []
    renamed: dict[str, Tensor] = {}
    shifted = False
    for name, value in state.items():
        bare = name.removeprefix('backbone.')
        match = re.fullmatch(r'(layer\d)\.(\d+)\.(.+)', bare)
        if match:
            number = _blocks(state, match[1]).index(int(match[2]))
            shifted |= number != int(match[2])
            renamed[f'backbone.{match[1]}.{number}.{match[3]}'] = value
        elif bare.startswith(('conv1.', 'bn1.')):
            renamed[f'backbone.{bare}'] = value
        else:
            _head(name, value, renamed, dropped)
    shapes = wsol_shapes(f'resnet{depth}', *_classes(renamed), base_channels)
    verify_shapes(renamed, shapes, f'ResNet-{depth} classifier')
    dropped += [name for name in renamed if name not in shapes and not name.endswith('.num_batches_tracked')]
    if 'channel_order' not in meta:  # else the file is ours
        meta = dict(input_meta('resnet', 'torchvision'), depth=depth, style='pytorch')
    result = ConvertedWeights({name: renamed[name] for name in shapes}, meta, dropped)
    if shifted:
        result.notes.append('a checkpoint of ADL: the blocks of layer3 and layer4 were numbered without its layers')
    to_bgr(result, 'backbone.conv1.weight', rgb_to_bgr)
    return result


def convert_wsol_vgg16(checkpoint: Mapping[str, Any], rgb_to_bgr: bool = False) -> ConvertedWeights:
    """Rename the weights of wsolevaluation's VGG16 (CAM, HaS, CutMix, ADL) to those of ``CAMLocalizer``.

    Convolutions of ``features`` are counted in their order, so that the layers of ADL do not matter. A converted file
    passes unchanged.

    Args:
        checkpoint: Content of the file.
        rgb_to_bgr: Reverse the input channels of the first convolution; not done twice.

    Returns:
        The converted weights.

    Raises:
        WeightConversionError: The file holds something else: SPG and ACoL, whose VGG16 has other poolings, and maps of
            28 x 28, whose conv5 is not dilated as ours is.
    """
    state, meta = plain_state_dict(checkpoint)
    _refuse_spg(state)
    if any(name.startswith('classifier_A.') for name in state):
        raise WeightConversionError("ACoL's VGG16 has other poolings than our VGG16; its ResNet-50 can be converted")
    convs = sorted(
        {int(m[1]) for m in map(re.compile(r'(?:backbone\.)?features\.(\d+)\.weight').fullmatch, state) if m}
    )
    if len(convs) != len(_VGG_CONVS):
        raise WeightConversionError(f'not a VGG16: it has {len(convs)} convolutions in features')
    _require_14x14(convs)
    dropped: list[str] = []
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        match = re.fullmatch(r'(?:backbone\.)?features\.(\d+)\.(weight|bias)', name)
        if match:
            renamed[f'backbone.features.{_VGG_CONVS[convs.index(int(match[1]))]}.{match[2]}'] = value
        else:
            _head(name, value, renamed, dropped)
    shapes = wsol_shapes('vgg16', *_classes(renamed))
    verify_shapes(renamed, shapes, 'VGG16 classifier with conv6')
    dropped += [name for name in renamed if name not in shapes]
    if 'channel_order' not in meta:
        meta = input_meta('vgg16', 'torchvision')
    result = ConvertedWeights({name: renamed[name] for name in shapes}, meta, dropped)
    if convs != list(_VGG_CONVS):
        result.notes.append('a checkpoint of ADL: the convolutions were numbered without its layers')
    to_bgr(result, 'backbone.features.0.weight', rgb_to_bgr)
    return result


def _blocks(state: Mapping[str, Any], layer: str) -> list[int]:
    """Numbers that blocks of a layer have, ascending."""
    pattern = re.compile(rf'(?:backbone\.)?{layer}\.(\d+)\..+')
    return sorted({int(match[1]) for match in map(pattern.fullmatch, state) if match})


def _require_14x14(convs: Sequence[int]) -> None:
    """conv4_3 and conv5_1 have a pooling between them: four numbers apart with ADL, three without."""
    gap = convs[10] - convs[9]
    with_adl = convs[7] - convs[6] == 4
    if gap != (4 if with_adl else 3):
        raise WeightConversionError(
            'a VGG16 with maps of 28 x 28 (large_feature_map=True): its conv5 is not dilated, ours at stride 8 is; '
            'train it here, or convert one with maps of 14 x 14'
        )


def _head(name: str, value: Tensor, renamed: dict[str, Tensor], dropped: list[str]) -> None:
    for prefix, ours in _HEADS.items():
        if name.startswith((prefix, ours)):
            renamed[ours + name.removeprefix(ours).removeprefix(prefix)] = value
            return
    dropped.append(name)


def _classes(renamed: Mapping[str, Tensor]) -> tuple[int, str]:
    """Number of classes and kind of the head."""
    for name, head in (('cam_head.fc.weight', 'cam'), ('cam_head.classifier_a.4.weight', 'acol')):
        if name in renamed:
            return renamed[name].shape[0], head
    raise WeightConversionError('no classifier found: neither fc nor classifier_A')


def _refuse_spg(state: Mapping[str, Any]) -> None:
    if any(name.startswith('SPG_') for name in state):
        raise WeightConversionError(
            'a checkpoint of SPG: its side branches leave the trunk at other places than in SPGHead; train it here'
        )
