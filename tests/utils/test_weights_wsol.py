"""Checkpoints of the blog and of wsolevaluation: names, ADL's shifted numbers, and files that are something else."""

import re

import pytest
import torch

from wsod_mm.registry import MODELS
from wsod_mm.utils.weights import WeightConversionError, convert_weights, wsol_shapes
from wsod_mm.utils.weights.wsol import convert_wsol_resnet, convert_wsol_vgg16

VGG_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
VGG_ADL = (0, 2, 5, 7, 10, 12, 14, 18, 20, 22, 26, 28, 30)  # layers of ADL at 17, 24 and 32
VGG_WIDE = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 23, 25, 27)  # no pool4: maps of 28 x 28


def numbered(shapes):
    """A tensor per weight that no other one equals."""
    with torch.no_grad():
        return {name: torch.zeros(shape).fill_(k + 1.0) for k, (name, shape) in enumerate(shapes.items())}


def to_reference(ours, rename=lambda name: name):
    """Under the names of the public code."""
    out = {}
    for name, value in ours.items():
        name = name.removeprefix('backbone.').removeprefix('cam_head.')
        name = name.replace('classifier_a', 'classifier_A').replace('classifier_b', 'classifier_B')
        out[rename(name)] = value
    return out


def shift_blocks(name):
    """ADL takes the numbers behind layer3.0, layer4.0 and layer4.2."""
    match = re.fullmatch(r'(layer[34])\.(\d+)(\..*)', name)
    if not match:
        return name
    number = int(match[2])
    places = (0,) if match[1] == 'layer3' else (0, 2)
    return f'{match[1]}.{number + sum(number > place for place in places)}{match[3]}'


def same(state, expected):
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_blog(tmp_path):
    ours = numbered(wsol_shapes('resnet18', 3))
    source = to_reference(ours)
    assert 'layer4.1.bn2.running_var' in source and source['fc.weight'].shape == (3, 512)
    source |= {'bn1.num_batches_tracked': torch.tensor(1)}
    torch.save(source, tmp_path / 'epoch 28.pth')
    result = convert_weights('cam-blog', tmp_path / 'epoch 28.pth', tmp_path / 'out.pth')
    same(result.state_dict, ours)
    assert not result.dropped and result.meta['channel_order'] == 'rgb'
    written = torch.load(tmp_path / 'out.pth', weights_only=True)
    same(convert_wsol_resnet(written, depth=18).state_dict, ours)  # unchanged
    flipped = convert_wsol_resnet(source, rgb_to_bgr=True, depth=18)
    assert flipped.meta['channel_order'] == 'bgr'
    model = MODELS.build(
        dict(
            type='wsod_mm.CAMLocalizer',
            backbone=dict(type='mmdet.ResNet', depth=18, out_indices=(3,)),
            cam_head=dict(type='CAMHead', num_classes=3, in_channels=512),
        )
    )
    missing, unexpected = model.load_state_dict(written['state_dict'], strict=False)
    assert not unexpected and all(name.endswith('num_batches_tracked') for name in missing)


@pytest.mark.parametrize('head', ['cam', 'adl', 'acol'])
def test_resnet50(head):
    ours = numbered(wsol_shapes('resnet50', 7, 'acol' if head == 'acol' else 'cam', base_channels=4))
    source = to_reference(ours, shift_blocks if head == 'adl' else lambda name: name)
    assert ('layer3.6.conv1.weight' in source) == ('layer4.3.conv1.weight' in source) == (head == 'adl')
    assert ('layer3.1.conv1.weight' in source) == (head != 'adl')
    wrapped = {'architecture': 'resnet50', 'epoch': 9, 'state_dict': {f'module.{k}': v for k, v in source.items()}}
    result = convert_wsol_resnet(wrapped, base_channels=4)
    same(result.state_dict, ours)
    assert any('ADL' in note for note in result.notes) == (head == 'adl')
    again = convert_wsol_resnet(dict(state_dict=result.state_dict, meta=result.meta), base_channels=4)
    same(again.state_dict, ours)


@pytest.mark.parametrize('numbers', [VGG_CONVS, VGG_ADL])
def test_vgg16(numbers):
    ours = numbered(wsol_shapes('vgg16', 5))

    def rename(name):
        match = re.fullmatch(r'features\.(\d+)(\..*)', name)
        return f'features.{numbers[VGG_CONVS.index(int(match[1]))]}{match[2]}' if match else name

    source = to_reference(ours, rename)
    result = convert_wsol_vgg16(dict(state_dict=source))
    same(result.state_dict, ours)
    assert any('ADL' in note for note in result.notes) == (numbers == VGG_ADL)
    same(convert_wsol_vgg16(dict(state_dict=result.state_dict, meta=result.meta)).state_dict, ours)


def test_something_else():
    small = numbered(wsol_shapes('resnet50', 3, base_channels=2))
    for change, match in (
        (lambda s: s.update({'SPG_A4.weight': torch.zeros(1)}), 'SPG'),
        (lambda s: s.pop('fc.weight'), 'no classifier'),
        (lambda s: s.pop('layer3.5.bn3.bias'), 'not a complete'),
        (lambda s: s.pop('fc.bias'), 'not a complete'),
    ):
        source = to_reference(small)
        change(source)
        with pytest.raises(WeightConversionError, match=match):
            convert_wsol_resnet(source, base_channels=2)
    vgg = {f'features.{k}.weight': torch.zeros(1) for k in VGG_WIDE}
    for source, match in (
        (vgg, '28 x 28'),
        ({f'features.{k}.weight': torch.zeros(1) for k in VGG_CONVS[:9]}, '9 convolutions'),
        (vgg | {'classifier_A.0.weight': torch.zeros(1)}, 'ACoL'),
        (vgg | {'SPG_A_1.0.weight': torch.zeros(1)}, 'SPG'),
    ):
        with pytest.raises(WeightConversionError, match=match):
            convert_wsol_vgg16(source)
