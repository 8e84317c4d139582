"""Names of AffinityNet's published weights, and of the ImageNet weights it starts from, to ours."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .mapping import ConvertedWeights, Shape, WeightConversionError, plain_state_dict, verify_shapes
from .normalisation import input_meta, to_bgr

__all__ = ['convert_psa', 'psa_shapes']

_TRUNKS = ('vgg16', 'resnet38')
_SOURCES = {'vgg16': 'caffe-largefov', 'resnet38': 'torchvision'}
_FIRST_CONVS = {'vgg16': 'backbone.conv1_1.weight', 'resnet38': 'backbone.conv1a.weight'}
_GROUPS = {'vgg16': (8, 16, 32), 'resnet38': None}
_FORMATS = ('published', 'caffe', 'mxnet')
_AFFINITY_HEAD = re.compile(r'(f8_\d|gn8_\d|f9)\.(weight|bias)')
_BLOCK = re.compile(
    r'(?P<kind>res|bn)(?P<stage>\d)(a|b(?P<number>\d+))_branch(?P<tag>\w+?)_(?P<part>weight|gamma|beta|moving_(mean|var))'
)
_PARTS = {
    'weight': 'weight',
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_var': 'running_var',
}


def psa_shapes(trunk: str, num_classes: int | None = None, affinity: bool = False) -> dict[str, Shape]:
    """Name and shape of every weight of a network of AffinityNet, as our models have them.

    Args:
        trunk: ``'vgg16'`` or ``'resnet38'``.
        num_classes: Classes of the classifier's head; ``None``: there is none.
        affinity: Whether AffinityNet's head is there.

    Returns:
        Shapes by name, without the counters of batch norms.

    Raises:
        ValueError: ``trunk`` is unknown.
    """
    if trunk not in _TRUNKS:
        raise ValueError(f'unknown trunk {trunk!r}; choose one of {", ".join(_TRUNKS)}')
    # here, so that files of other networks are converted without importing MMDetection
    from wsod_mm.models.backbones import ResNet38, VGG16LargeFOV
    from wsod_mm.models.segmentors import AffinityHead

    with torch.device('meta'):
        body = VGG16LargeFOV() if trunk == 'vgg16' else ResNet38()
        head = AffinityHead(body.tap_channels, norm_groups=_GROUPS[trunk])
    modules = {'backbone': body, **({'head': head} if affinity else {})}
    shapes = {
        f'{prefix}.{name}': tuple(value.shape)
        for prefix, module in modules.items()
        for name, value in module.state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    if num_classes is not None:
        shapes['head.fc.weight'] = (num_classes, body.tap_channels[-1], 1, 1)
    return shapes


def convert_psa(
    checkpoint: Mapping[str, Any],
    trunk: str = 'vgg16',
    format: str = 'published',
    rgb_to_bgr: bool = False,
    shapes: Mapping[str, Shape] | None = None,
) -> ConvertedWeights:
    """Rename weights of AffinityNet's networks to those of our models.

    The layers of the trunks have the published names in our models, so that these only get ``backbone.`` in front;
    ``fc8`` is ``head.fc`` of ``ImageClassifier`` (with a ``GAPClsHead`` of ``feature='conv_gap'`` and ``bias=False``),
    ``f8_3`` ... ``f9`` and ``gn8_*`` are ``head.*`` of ``AffinityNet``. A converted file passes unchanged.

    Args:
        checkpoint: Content of the file.
        trunk: ``'vgg16'`` or ``'resnet38'``.
        format: ``'published'``: a state dict of the public code, such as ``res38_cls.pth``. ``'caffe'``: layers of
            ``vgg16_20M.caffemodel``. ``'mxnet'``: those of ``ilsvrc-cls_rna-a1_cls1000_ep-0001.params``. The last two
            have the classifier of ImageNet, which is dropped.
        rgb_to_bgr: Reverse the input channels of the first convolution where it wants RGB; not done twice.
        shapes: Expected shapes; those of :func:`psa_shapes` when ``None``.

    Returns:
        The converted weights.

    Raises:
        WeightConversionError: The file holds something else.
        ValueError: ``trunk`` or ``format`` is unknown.
    """
    if trunk not in _TRUNKS or format not in _FORMATS:
        raise ValueError(
            f'trunk={trunk!r}, format={format!r}: choose one of {", ".join(_TRUNKS)} and one of {", ".join(_FORMATS)}'
        )
    state, meta = plain_state_dict(checkpoint)
    rename = _mxnet_name if format == 'mxnet' else _published_name
    renamed, dropped = _rename(state, rename, heads=format == 'published')
    if shapes is None:
        classifier = renamed.get('head.fc.weight')
        affinity = any(name.startswith(('head.f8', 'head.f9', 'head.gn8')) for name in renamed)
        shapes = psa_shapes(trunk, None if classifier is None else classifier.shape[0], affinity)
    verify_shapes(renamed, shapes, f"{trunk} of AffinityNet (format '{format}')")
    dropped += [name for name in renamed if name not in shapes and not name.endswith('.num_batches_tracked')]
    if 'channel_order' not in meta:  # else the file is ours
        meta = input_meta(trunk, _SOURCES[trunk])
    result = ConvertedWeights({name: renamed[name] for name in shapes}, meta, dropped)
    if not any(name.startswith('head.') for name in shapes):
        result.notes.append('the body only; the heads start from random weights')
    to_bgr(result, _FIRST_CONVS[trunk], rgb_to_bgr)
    return result


def _rename(
    state: Mapping[str, Tensor], rename: Callable[[str], str | None], heads: bool
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights under our names, and the names that have no place."""
    renamed: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    dropped = []
    for name, value in state.items():
        target = name if name.startswith(('backbone.', 'head.')) else rename(name)
        if target is None or (target.startswith('head.') and not heads):
            dropped.append(name)
        elif target in renamed:
            raise WeightConversionError(f'{name} and {origin[target]} both are {target}')
        else:
            renamed[target], origin[target] = value, name
    return renamed, dropped


def _published_name(name: str) -> str:
    if name in ('fc8.weight', 'fc8.bias'):
        return f'head.fc.{name.removeprefix("fc8.")}'
    return f'head.{name}' if _AFFINITY_HEAD.fullmatch(name) else f'backbone.{name}'


def _mxnet_name(name: str) -> str | None:
    """``arg:res4b2_branch2a_weight`` to ``backbone.b4_2.conv_branch2a.weight``, and the like."""
    name = name.removeprefix('arg:').removeprefix('aux:')
    if name == 'conv1a_weight':
        return 'backbone.conv1a.weight'
    final = re.fullmatch(r'bn7_(gamma|beta|moving_mean|moving_var)', name)
    if final:
        return f'backbone.bn7.{_PARTS[final[1]]}'
    found = _BLOCK.fullmatch(name)
    if not found:
        return None
    block = f'b{found["stage"]}' + (f'_{found["number"]}' if found['number'] else '')
    layer = 'conv' if found['kind'] == 'res' else 'bn'
    return f'backbone.{block}.{layer}_branch{found["tag"]}.{_PARTS[found["part"]]}'
