"""Checkpoints of Collaborative Learning's public code to ours, and back."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .mapping import ConvertedWeights, Shape, WeightConversionError, plain_state_dict, verify_shapes
from .normalisation import input_meta
from .resnet import resnet_shapes
from .vgg16 import vgg16_shapes

__all__ = ['convert_collaborative', 'export_collaborative']

_SHARED, _STAGE_1, _WEAK = 'roi_head.shared_head', 'roi_head.bbox_head', 'roi_head.weak_head'
#: layer there -> layer here, with the same weights
_WEAK_LAYERS = {'cls_score_net': 'fc_cls', 'bbox_pred_net': 'fc_det'}
_PLAIN = {'rpn_net': 'rpn_head.rpn_conv', 'rpn_bbox_pred_net': 'rpn_head.rpn_reg'}
#: and with others
_RPN_CLS = 'rpn_cls_score_net', 'rpn_head.rpn_cls'
_CLS = 'cls_score_net_fast', 'roi_head.bbox_head.fc_cls'
_REG = 'bbox_pred_net_fast', 'roi_head.bbox_head.fc_reg'
_STRONG_LAYERS = (*_PLAIN, _RPN_CLS[0], _CLS[0], _REG[0])
_PARTS = ('weight', 'bias')
_CLASSIFIERS = {'0': 'fc6', '3': 'fc7'}
_OURS = ('backbone.', 'roi_head.', 'rpn_head.')


def convert_collaborative(
    checkpoint: Mapping[str, Any], num_classes: int | None = None, shapes: Mapping[str, Shape] | None = None
) -> ConvertedWeights:
    """Rename and rearrange a checkpoint of the public code, VGG16 or ResNet, for our detectors.

    The RPN's two logits of an anchor become their difference, which says the same; background moves from the first to
    the last row of the strong classifier, and its four deltas, which nobody reads, go.

    A file with the weak branch alone (stage 1, the "WSDDN" of the public README) gets the names of stage 1
    (``roi_head.bbox_head``): it can be tested as a WSDDN, and a ``CollaborativeRCNN`` can start from it. A converted
    file passes unchanged.

    Args:
        checkpoint: Content of ``vgg16_faster_rcnn_iter_N.pth`` or of a WSDDN file.
        num_classes: Classes of the model that will load it; where the file's heads have others they are left out, with
            a note. ``None``: whatever the file has.
        shapes: Expected shapes of body, fc6 and fc7 (or layer4) under our names; ``None``: those of the networks.

    Returns:
        The converted weights; ``meta`` has ``num_classes``, that of the heads.

    Raises:
        WeightConversionError: The file holds something else.
    """
    state, meta = plain_state_dict(checkpoint)
    ours = any(name.startswith(_OURS) for name in state)
    body, dropped = _body(state, ours)
    if shapes is None:
        shapes = _network_shapes(body)
    verify_shapes(body, shapes, 'body of Collaborative Learning')
    if ours:
        heads = {name: state[name] for name in state if name.startswith(_OURS) and name not in body}
        heads = {name: value for name, value in heads.items() if not name.endswith('.num_batches_tracked')}
    else:
        heads = _heads(state)
    classes = _class_count(heads)
    result = ConvertedWeights(
        {**{name: body[name] for name in shapes}, **heads},
        dict(meta) if 'channel_order' in meta else dict(input_meta(_network(body), 'caffe')),
        dropped,
    )
    result.meta['num_classes'] = classes
    result.notes.append('these weights take BGR images, mean [102.9801, 115.9465, 122.7717] and no std')
    if not any(name.startswith('rpn_head.') for name in heads):
        result.notes.append(
            'there is no strong branch in the file: RPN and strong head are left at their initial weights'
        )
    if num_classes is not None and num_classes != classes:
        _drop_class_layers(result, classes, num_classes)
    return result


def export_collaborative(checkpoint: Mapping[str, Any]) -> ConvertedWeights:
    """Give one of our checkpoints the names and the layout of the public code: the way back.

    The RPN's background logits are 0, and so are the background's box deltas; converted again, the file is bit by bit
    the checkpoint it was.

    Args:
        checkpoint: Of a ``CollaborativeRCNN``, or of a WSDDN (stage 1).

    Returns:
        The converted weights, to be written as a bare state dict in PyTorch's old format, which the public code
        (PyTorch 0.2) reads. A teacher is dropped.

    Raises:
        WeightConversionError: It is another model's.
    """
    state, _ = plain_state_dict(checkpoint)
    weak = _STAGE_1 if f'{_STAGE_1}.fc_det.weight' in state else _WEAK
    plain = {f'{weak}.{ours}': theirs for theirs, ours in _WEAK_LAYERS.items()}
    stage_1 = weak == _STAGE_1
    if not stage_1:
        plain.update({ours: theirs for theirs, ours in _PLAIN.items()})
    needed = [*plain, *([] if stage_1 else (_RPN_CLS[1], _CLS[1], _REG[1]))]
    missing = [f'{layer}.{part}' for layer in needed for part in _PARTS if f'{layer}.{part}' not in state]
    if missing:
        raise WeightConversionError(f'not a checkpoint of CollaborativeRCNN or of WSDDN: {", ".join(missing)} missing')
    exported: dict[str, Tensor] = {}
    dropped = []
    for name, value in state.items():
        layer, _, part = name.rpartition('.')
        target = f'{plain[layer]}.{part}' if layer in plain else _their_body_name(name)
        if target is not None:
            exported[target] = value
        elif layer not in needed:
            dropped.append(name)
    if not stage_1:
        for part in _PARTS:
            logits, scores, deltas = (state[f'{pair[1]}.{part}'] for pair in (_RPN_CLS, _CLS, _REG))
            exported[f'{_RPN_CLS[0]}.{part}'] = torch.cat((torch.zeros_like(logits), logits))
            exported[f'{_CLS[0]}.{part}'] = scores.roll(1, 0)
            exported[f'{_REG[0]}.{part}'] = torch.cat((torch.zeros_like(deltas[:4]), deltas))
    return ConvertedWeights(exported, {}, dropped, ['a bare state dict in the format of PyTorch before 1.6'], bare=True)


def _body(state: Mapping[str, Tensor], ours: bool) -> tuple[dict[str, Tensor], list[str]]:
    """Weights of body and shared head under our names, and the names that have no place."""
    body: dict[str, Tensor] = {}
    dropped = []
    known = {f'{layer}.{part}' for layer in (*_WEAK_LAYERS, *_STRONG_LAYERS) for part in _PARTS}
    for name, value in state.items():
        if ours:
            target = name if name.startswith(('backbone.', f'{_SHARED}.')) else None
        else:
            target = _our_body_name(name)
        if target is not None and not target.endswith('.num_batches_tracked'):
            body[target] = value
        elif name not in known and not name.endswith('.num_batches_tracked') and not name.startswith(_OURS):
            dropped.append(name)
    return body, dropped


def _our_body_name(name: str) -> str | None:
    if name.startswith('vgg.features.'):
        return name.replace('vgg.', 'backbone.', 1)
    if name.startswith('resnet.') and not name.startswith('resnet.fc.'):
        start = f'{_SHARED}.' if name.startswith('resnet.layer4.') else 'backbone.'
        return name.replace('resnet.', start, 1)
    match = re.fullmatch(r'vgg\.classifier\.(\d+)\.(weight|bias)', name)
    return f'{_SHARED}.{_CLASSIFIERS[match[1]]}.{match[2]}' if match and match[1] in _CLASSIFIERS else None


def _their_body_name(name: str) -> str | None:
    if name.endswith('.num_batches_tracked'):
        return None
    if name.startswith('backbone.features.'):
        return name.replace('backbone.', 'vgg.', 1)
    if name.startswith('backbone.'):
        return name.replace('backbone.', 'resnet.', 1)
    if name.startswith(f'{_SHARED}.layer4.'):
        return name.replace(f'{_SHARED}.', 'resnet.', 1)
    for number, layer in _CLASSIFIERS.items():
        if name.startswith(f'{_SHARED}.{layer}.'):
            return name.replace(f'{_SHARED}.{layer}', f'vgg.classifier.{number}', 1)
    return None


def _network(body: Mapping[str, Tensor]) -> str:
    return 'vgg16' if any(name.startswith('backbone.features.') for name in body) else 'resnet'


def _network_shapes(body: Mapping[str, Tensor]) -> dict[str, Shape]:
    if _network(body) == 'vgg16':
        return vgg16_shapes()
    blocks = len({name.split('.')[2] for name in body if name.startswith('backbone.layer3.')})
    depths = {6: 50, 23: 101, 36: 152}
    if blocks not in depths:
        raise WeightConversionError(
            'expected vgg.* or resnet.* (50, 101 or 152) of the public code, the body has '
            f'{sorted(body)[:3] or "nothing"}'
        )
    return {
        (f'{_SHARED}.' if name.startswith('layer4.') else 'backbone.') + name: shape
        for name, shape in resnet_shapes(depths[blocks]).items()
    }


def _heads(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Last layers of both branches under our names and in our layout."""
    there = [layer for layer in _STRONG_LAYERS if f'{layer}.weight' in state]
    layers = (*_WEAK_LAYERS, *(_STRONG_LAYERS if there else ()))
    missing = [f'{layer}.{part}' for layer in layers for part in _PARTS if f'{layer}.{part}' not in state]
    if missing:
        raise WeightConversionError(f'not a checkpoint of Collaborative Learning: {", ".join(missing)} missing')
    sizes = {layer: len(state[f'{layer}.bias']) for layer in layers}
    classes, deltas = sizes['cls_score_net'], sizes['bbox_pred_net']
    if classes != deltas:
        raise WeightConversionError(
            f'cls_score_net has {classes} rows and bbox_pred_net {deltas}, a weak branch has as many of both; is the '
            'file a plain Faster R-CNN?'
        )
    weak = _WEAK if there else _STAGE_1
    names = {theirs: f'{weak}.{ours}' for theirs, ours in _WEAK_LAYERS.items()} | (_PLAIN if there else {})
    heads = {f'{ours}.{part}': state[f'{theirs}.{part}'] for theirs, ours in names.items() for part in _PARTS}
    if not there:
        return heads
    anchors = sizes[_RPN_CLS[0]] // 2
    expected = {
        _RPN_CLS[0]: 2 * anchors,
        'rpn_bbox_pred_net': 4 * anchors,
        _CLS[0]: classes + 1,
        _REG[0]: 4 * classes + 4,
    }
    wrong = [
        f'{layer} has {sizes[layer]} rows, not {count}' for layer, count in expected.items() if sizes[layer] != count
    ]
    if wrong:
        raise WeightConversionError(f'with {classes} classes and {anchors} anchors a cell {"; ".join(wrong)}')
    for part in _PARTS:
        logits, scores, boxes = (state[f'{pair[0]}.{part}'] for pair in (_RPN_CLS, _CLS, _REG))
        heads[f'{_RPN_CLS[1]}.{part}'] = logits[anchors:] - logits[:anchors]
        heads[f'{_CLS[1]}.{part}'] = scores.roll(-1, 0)
        heads[f'{_REG[1]}.{part}'] = boxes[4:]
    return heads


def _class_count(heads: Mapping[str, Tensor]) -> int:
    for weak in (_WEAK, _STAGE_1):
        if f'{weak}.fc_det.bias' in heads:
            return len(heads[f'{weak}.fc_det.bias'])
    raise WeightConversionError(f'no weak branch ({_WEAK}.fc_det) among {sorted(heads)[:5]}')


def _drop_class_layers(result: ConvertedWeights, classes: int, wanted: int) -> None:
    gone = [name for name in result.state_dict if name.startswith((f'{_WEAK}.', f'{_STAGE_1}.'))]
    for name in gone:
        del result.state_dict[name]
    result.dropped += gone
    result.meta['num_classes'] = None
    result.notes.append(
        f'WARNING: the heads of the file are for {classes} classes, not {wanted}: {", ".join(gone)} are left out and '
        'start from their initial weights'
    )
