"""Names of the weights that IRN's public code writes, to ours."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .mapping import ConvertedWeights, Shape, plain_state_dict, verify_shapes
from .normalisation import input_meta, to_bgr
from .resnet import resnet_shapes

__all__ = ['convert_irn', 'irn_shapes']

_MEAN_SHIFT = 'head.fc_dp7.4.running_mean'
# the public code registers every layer twice or three times; these are the second and third names
_ALIASES = re.compile(r'(stage\d|backbone\.\d|newly_added|edge_layers|dp_layers|fc_dp7\.4)\b.*')


def irn_shapes(num_classes: int | None = None, heads: bool = False) -> dict[str, Shape]:
    """Name and shape of every weight of IRN's ResNet-50 and of what is on it, as our models have them.

    Args:
        num_classes: Classes of the classifier's head; ``None``: there is none.
        heads: Whether the boundary and displacement branches are there.

    Returns:
        Shapes by name.
    """
    shapes = {f'backbone.{name}': shape for name, shape in resnet_shapes(50).items()}
    if num_classes is not None:
        shapes['head.fc.weight'] = (num_classes, 2048, 1, 1)
    if heads:
        # here, so that files of other networks are converted without importing MMDetection
        from wsod_mm.models.segmentors import IRNHead

        with torch.device('meta'):
            head = IRNHead()
        shapes.update({f'head.{name}': tuple(value.shape) for name, value in head.state_dict().items()})
    return shapes


def convert_irn(
    checkpoint: Mapping[str, Any], rgb_to_bgr: bool = False, shapes: Mapping[str, Shape] | None = None
) -> ConvertedWeights:
    """Rename the weights of IRN's ``res50_cam.pth`` or ``res50_irn.pth`` to those of our models.

    ``resnet50.*`` goes to ``backbone``, ``classifier`` to ``head.fc`` of ``ImageClassifier``, ``fc_edge*`` and
    ``fc_dp*`` to ``head`` of ``IRNet``. A converted file passes unchanged. (Files of torchvision: ``convert_resnet``
    with ``layer4='backbone'``.)

    Args:
        checkpoint: Content of the file.
        rgb_to_bgr: Reverse the input channels of the first convolution, so that it takes BGR; not done twice.
        shapes: Expected shapes; those of :func:`irn_shapes` when ``None``.

    Returns:
        The converted weights.

    Raises:
        WeightConversionError: The file holds something else.
    """
    state, meta = plain_state_dict(checkpoint)
    renamed: dict[str, Tensor] = {}
    dropped = []
    for name, value in state.items():
        target = _target_name(name)
        if target is None:
            dropped.append(name)
        else:
            renamed[target] = value
    if shapes is None:
        classifier = renamed.get('head.fc.weight')
        heads = any(name.startswith('head.fc_') for name in renamed)
        shapes = irn_shapes(None if classifier is None else classifier.shape[0], heads)
        if _MEAN_SHIFT in shapes and _MEAN_SHIFT not in renamed:
            # a checkpoint from before the mean displacement was taken: nothing is subtracted then
            renamed[_MEAN_SHIFT] = torch.zeros(2)
    verify_shapes(renamed, shapes, 'ResNet-50 of IRN')
    dropped += [name for name in renamed if name not in shapes and not name.endswith('.num_batches_tracked')]
    dropped = [name for name in dropped if not _ALIASES.fullmatch(name)]
    if 'channel_order' not in meta:  # else the file is ours
        meta = dict(input_meta('resnet', 'torchvision'), depth=50, style='pytorch')
    result = ConvertedWeights({name: renamed[name] for name in shapes}, meta, dropped)
    to_bgr(result, 'backbone.conv1.weight', rgb_to_bgr)
    return result


def _target_name(name: str) -> str | None:
    if name.startswith('resnet50.'):
        return name.replace('resnet50.', 'backbone.', 1)
    if name == 'mean_shift.running_mean':
        return _MEAN_SHIFT
    if name.startswith('classifier.'):
        return name.replace('classifier.', 'head.fc.', 1)
    if _ALIASES.fullmatch(name):
        return None
    if name.startswith(('fc_edge', 'fc_dp')):
        return f'head.{name}'
    return name if name.startswith(('backbone.', 'head.')) else None
