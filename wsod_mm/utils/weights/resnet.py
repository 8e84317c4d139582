"""Names of ResNet's weights: caffe's and torchvision's to ours."""

from collections.abc import Mapping
from typing import Any

from .mapping import ConvertedWeights, Shape, WeightConversionError, plain_state_dict, verify_shapes
from .normalisation import input_meta, to_bgr

__all__ = ['convert_resnet', 'resnet_shapes']

_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_PREFIXES = ('backbone.', 'roi_head.shared_head.')
_LAYER4 = {'shared_head': 'roi_head.shared_head.', 'backbone': 'backbone.'}


def resnet_shapes(depth: int, base_channels: int = 64) -> dict[str, Shape]:
    """Name and shape of every weight of a ResNet body, named as torchvision does (``conv1`` ...
    ``layer4``).

    Args:
        depth: 18, 34, 50, 101 or 152.
        base_channels: Channels of the first stage; 64 in ResNet itself.

    Returns:
        Shapes by name; batch counters are not listed.
    """
    shapes: dict[str, Shape] = {}

    def norm(name: str, channels: int) -> None:
        shapes.update({f'{name}.{part}': (channels,) for part in ('weight', 'bias', 'running_mean', 'running_var')})

    def conv(name: str, number: str, source: int, target: int, kernel: int) -> None:
        shapes[f'{name}.conv{number}.weight'] = (target, source, kernel, kernel)
        norm(f'{name}.bn{number}', target)

    expansion = 1 if depth < 50 else 4
    shapes['conv1.weight'] = (base_channels, 3, 7, 7)
    norm('bn1', base_channels)
    inputs = base_channels
    for stage, blocks in enumerate(_BLOCKS[depth]):
        planes = base_channels * 2**stage
        for block in range(blocks):
            name = f'layer{stage + 1}.{block}'
            if expansion == 1:
                conv(name, '1', inputs, planes, 3)
                conv(name, '2', planes, planes, 3)
            else:
                conv(name, '1', inputs, planes, 1)
                conv(name, '2', planes, planes, 3)
                conv(name, '3', planes, planes * expansion, 1)
            if block == 0 and (stage > 0 or expansion > 1):
                shapes[f'{name}.downsample.0.weight'] = (planes * expansion, inputs, 1, 1)
                norm(f'{name}.downsample.1', planes * expansion)
            inputs = planes * expansion
    return shapes


def convert_resnet(
    checkpoint: Mapping[str, Any],
    source: str = 'caffe',
    rgb_to_bgr: bool = False,
    layer4: str = 'shared_head',
    base_channels: int = 64,
) -> ConvertedWeights:
    """Rename a ResNet's weights to those of our detectors.

    ``conv1``, ``bn1`` and ``layer1`` to ``layer3`` go to ``backbone``; ``layer4`` goes to
    ``roi_head.shared_head`` (collaborative learning) or to ``backbone`` (dilated C5, classifiers);
    the ImageNet classifier is dropped. A converted file passes unchanged, or moves ``layer4`` when
    asked to.

    Args:
        checkpoint: Content of the file.
        source: ``'caffe'`` (BGR, 0-255; ``style='caffe'``) or ``'torchvision'`` (RGB;
            ``style='pytorch'``).
        rgb_to_bgr: Reverse the input channels of conv1, so that RGB weights take BGR images; not
            done twice.
        layer4: ``'shared_head'`` or ``'backbone'``.
        base_channels: Channels of the first stage.

    Returns:
        The converted weights; ``meta`` also holds ``depth`` and ``style``.

    Raises:
        WeightConversionError: The file holds something else than a ResNet.
        ValueError: ``layer4`` or ``source`` is unknown.
    """
    if layer4 not in _LAYER4:
        raise ValueError(f'layer4 goes to {" or ".join(map(repr, _LAYER4))}, not to {layer4!r}')
    state, meta = plain_state_dict(checkpoint)
    bare = {_bare(name): value for name, value in state.items()}
    depth = _find_depth(bare)
    expected = resnet_shapes(depth, base_channels)
    verify_shapes(bare, expected, f'ResNet-{depth}')
    dropped = [name for name in bare if name not in expected and not name.endswith('.num_batches_tracked')]
    converted = {
        (_LAYER4[layer4] if name.startswith('layer4.') else 'backbone.') + name: bare[name] for name in expected
    }
    if 'channel_order' not in meta:  # else the file is ours
        meta = dict(
            input_meta('resnet', source),
            depth=depth,
            style='pytorch' if source == 'torchvision' else 'caffe',
        )
    result = ConvertedWeights(converted, meta, dropped)
    to_bgr(result, 'backbone.conv1.weight', rgb_to_bgr)
    result.notes.append(f'ResNet-{depth}; its blocks need style={meta.get("style")!r}')
    return result


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _find_depth(state: Mapping[str, Any]) -> int:
    blocks = tuple(
        len({name.split('.')[1] for name in state if name.startswith(f'layer{stage}.')}) for stage in range(1, 5)
    )
    bottleneck = 'layer1.0.conv3.weight' in state
    for depth, counts in _BLOCKS.items():
        if counts == blocks and bottleneck == (depth >= 50):
            return depth
    raise WeightConversionError(
        f'not a ResNet-18/34/50/101/152: it has {blocks} blocks in layer1..layer4; '
        f'the first names are {sorted(state)[:5]}'
    )
