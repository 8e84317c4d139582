"""Conversion of ImageNet weights: names, shapes, channel order, files."""

import pickle

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint

from wsod_mm.registry import MODELS
from wsod_mm.utils.checkpoint_io import CheckpointError
from wsod_mm.utils.weights import (
    CONVERSIONS,
    WeightConversionError,
    convert_resnet,
    convert_vgg16,
    convert_weights,
    resnet_shapes,
    vgg16_shapes,
)

_SMALL = dict(width_mult=1 / 16, fc_channels=(6, 5), roi_feat_size=2)
_SHAPES = vgg16_shapes(**_SMALL)


def _vgg(numbers=('1', '4', '6')):
    """A narrow VGG16 with the classifier numbered as in caffe's (1, 4, 6) or torchvision's file (0,
    3, 6)."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in _SHAPES.items():
        name = name.replace('backbone.', '')
        name = name.replace('roi_head.shared_head.fc6', f'classifier.{numbers[0]}')
        name = name.replace('roi_head.shared_head.fc7', f'classifier.{numbers[1]}')
        state[name] = torch.randn(shape, generator=generator)
    state[f'classifier.{numbers[2]}.weight'] = torch.zeros(10, 5)
    state[f'classifier.{numbers[2]}.bias'] = torch.zeros(10)
    return state


def _resnet(depth, base=4):
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=generator) for name, shape in resnet_shapes(depth, base).items()}
    state['fc.weight'], state['fc.bias'] = torch.zeros(10, 3), torch.zeros(10)
    state['bn1.num_batches_tracked'] = torch.tensor(3)
    return state


def _equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_vgg16_shapes_are_those_of_the_model():
    body = MODELS.build(dict(type='VGG16')).state_dict()
    head = MODELS.build(dict(type='SharedFC67Head', in_channels=512, fc_channels=(4096, 4096))).state_dict()
    ours = {
        **{f'backbone.{k}': tuple(v.shape) for k, v in body.items()},
        **{f'roi_head.shared_head.{k}': tuple(v.shape) for k, v in head.items()},
    }
    assert vgg16_shapes() == ours
    assert ours['roi_head.shared_head.fc6.weight'] == (4096, 25088)


@pytest.mark.parametrize('numbers', [('1', '4', '6'), ('0', '3', '6')])
def test_vgg16_names(numbers):
    state = _vgg(numbers)
    result = convert_vgg16(state, 'caffe', shapes=_SHAPES)
    assert set(result.state_dict) == set(_SHAPES)
    assert torch.equal(result.state_dict['backbone.features.28.weight'], state['features.28.weight'])
    assert torch.equal(
        result.state_dict['roi_head.shared_head.fc6.weight'],
        state[f'classifier.{numbers[0]}.weight'],
    )
    assert torch.equal(result.state_dict['roi_head.shared_head.fc7.bias'], state[f'classifier.{numbers[1]}.bias'])
    assert result.dropped == ['classifier.6.weight', 'classifier.6.bias']
    assert result.meta['channel_order'] == 'bgr'
    assert any('numbered' in note for note in result.notes) == (numbers[0] == '0')


def test_vgg16_channel_order():
    state = _vgg(('0', '3', '6'))
    plain = convert_vgg16(state, 'torchvision', shapes=_SHAPES)
    assert plain.meta['channel_order'] == 'rgb'
    assert any('take RGB images' in note and 'bgr_to_rgb=True' in note for note in plain.notes)
    flipped = convert_vgg16(state, 'torchvision', rgb_to_bgr=True, shapes=_SHAPES)
    first = 'backbone.features.0.weight'
    assert torch.equal(flipped.state_dict[first], plain.state_dict[first].flip(1))
    assert flipped.meta['mean'] == plain.meta['mean'][::-1] == [103.53, 116.28, 123.675]
    # a BGR image through the reversed weights is the RGB image through the original ones
    image = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(
        torch.conv2d(image.flip(1), flipped.state_dict[first]),
        torch.conv2d(image, plain.state_dict[first]),
    )
    del flipped.state_dict[first], plain.state_dict[first]
    assert _equal(flipped.state_dict, plain.state_dict)


@pytest.mark.parametrize('flip', [False, True])
def test_vgg16_is_idempotent(flip):
    once = convert_vgg16(_vgg(), 'torchvision', rgb_to_bgr=flip, shapes=_SHAPES)
    file = dict(state_dict=once.state_dict, meta=once.meta)
    twice = convert_vgg16(file, 'torchvision', rgb_to_bgr=flip, shapes=_SHAPES)
    assert _equal(once.state_dict, twice.state_dict)
    assert once.meta == twice.meta and twice.dropped == []


def test_meta_of_other_programs_is_not_ours():
    file = dict(state_dict=_vgg(), meta=dict(epoch=3))
    assert convert_vgg16(file, shapes=_SHAPES).meta['channel_order'] == 'bgr'
    file = dict(state_dict=_resnet(50), meta=dict(epoch=3))
    assert convert_resnet(file, base_channels=4).meta['depth'] == 50


@pytest.mark.parametrize('depth', [18, 34, 50, 101, 152])
@pytest.mark.parametrize('layer4', ['shared_head', 'backbone'])
def test_resnet_names(depth, layer4):
    state = _resnet(depth)
    result = convert_resnet(state, 'caffe', layer4=layer4, base_channels=4)
    prefix = dict(shared_head='roi_head.shared_head.', backbone='backbone.')[layer4]
    assert torch.equal(result.state_dict[f'{prefix}layer4.1.bn1.running_var'], state['layer4.1.bn1.running_var'])
    assert torch.equal(result.state_dict['backbone.layer3.1.conv1.weight'], state['layer3.1.conv1.weight'])
    assert len(result.state_dict) == len(state) - 3
    assert result.dropped == ['fc.weight', 'fc.bias']
    assert result.meta['depth'] == depth and result.meta['style'] == 'caffe'


def test_resnet_is_idempotent_and_moves_layer4():
    state = _resnet(50)
    head = convert_resnet(state, 'torchvision', rgb_to_bgr=True, base_channels=4)
    assert torch.equal(head.state_dict['backbone.conv1.weight'], state['conv1.weight'].flip(1))
    file = dict(state_dict=head.state_dict, meta=head.meta)
    again = convert_resnet(file, 'torchvision', rgb_to_bgr=True, base_channels=4)
    assert _equal(head.state_dict, again.state_dict) and head.meta == again.meta
    moved = convert_resnet(file, 'torchvision', layer4='backbone', base_channels=4)
    direct = convert_resnet(state, 'torchvision', rgb_to_bgr=True, layer4='backbone', base_channels=4)
    assert _equal(moved.state_dict, direct.state_dict)


@pytest.mark.parametrize('depth', [18, 50])
def test_resnet_fits_mmdets(depth):
    result = convert_resnet(_resnet(depth, 8), layer4='backbone', base_channels=8)
    net = MODELS.build(dict(type='ResNet', depth=depth, base_channels=8, style='caffe', norm_eval=True))
    ours = {f'backbone.{k}': v for k, v in net.state_dict().items() if not k.endswith('num_batches_tracked')}
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in result.state_dict.items()}


def _without(state, name):
    return {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        (lambda s: _without(s, 'features.28.bias'), r'backbone\.features\.28\.bias missing'),
        (
            lambda s: {**s, 'classifier.1.weight': torch.zeros(6, 4)},
            r'fc6\.weight is \(6, 4\), expected \(6, 128\)',
        ),
        (
            lambda s: {**s, 'classifier.0.weight': s['classifier.1.weight']},
            r'both are roi_head\.shared_head\.fc6\.weight',
        ),
        (lambda s: _resnet(18), 'not a complete VGG16'),
        (lambda s: {'epoch': 3}, 'no tensors'),
        (lambda s: [1], 'found list'),
    ],
)
def test_vgg16_errors(change, text):
    with pytest.raises(WeightConversionError, match=text):
        convert_vgg16(change(_vgg()), shapes=_SHAPES)


def test_resnet_errors():
    with pytest.raises(WeightConversionError, match='not a ResNet'):
        convert_resnet(_vgg())
    with pytest.raises(WeightConversionError, match=r'conv1\.weight is \(4, 3, 7, 7\), expected \(64, 3, 7, 7\)'):
        convert_resnet(_resnet(50))
    with pytest.raises(WeightConversionError, match=r'layer2\.0\.bn1\.bias missing'):
        convert_resnet(_without(_resnet(50), 'layer2.0.bn1.bias'), base_channels=4)
    with pytest.raises(ValueError, match='neck'):
        convert_resnet(_resnet(50), layer4='neck', base_channels=4)
    with pytest.raises(ValueError, match='keras'):
        convert_resnet(_resnet(50), 'keras', base_channels=4)


def test_file_works_as_load_from_and_pretrained(tmp_path):
    source, target = tmp_path / 'in.pth', tmp_path / 'sub' / 'out.pth'
    torch.save(_vgg(), source)
    result = convert_weights('vgg16-caffe', source, target, shapes=_SHAPES)
    file = torch.load(target, weights_only=True)
    assert _equal(file['state_dict'], result.state_dict) and file['meta'] == result.meta
    assert [p.name for p in target.parent.iterdir()] == ['out.pth']

    backbone = dict(type='VGG16', width_mult=1 / 16)
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        detector = MODELS.build(dict(type='FastRCNN', backbone=backbone, roi_head=None, train_cfg=None, test_cfg=None))
    load_checkpoint(detector, str(target))
    body = MODELS.build(dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=str(target), prefix='backbone.')))
    body.init_weights()
    head = MODELS.build(
        dict(
            type='SharedFC67Head',
            in_channels=32,
            roi_feat_size=2,
            fc_channels=(6, 5),
            init_cfg=dict(type='Pretrained', checkpoint=str(target), prefix='roi_head.shared_head.'),
        )
    )
    head.init_weights()
    for prefix, module in (
        ('backbone.', detector.backbone),
        ('backbone.', body),
        ('roi_head.shared_head.', head),
    ):
        for name, value in module.state_dict().items():
            assert torch.equal(value, file['state_dict'][prefix + name])


def test_pickles_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv('WSOD_MM_UNSAFE_CHECKPOINT', raising=False)
    path = tmp_path / 'pickle.pth'
    torch.save(dict(state_dict=_vgg(), config=pytest.approx(1)), path)
    with pytest.raises(CheckpointError, match='WSOD_MM_UNSAFE_CHECKPOINT=1'):
        convert_weights('vgg16-caffe', path, tmp_path / 'out.pth', shapes=_SHAPES)
    path.write_bytes(pickle.dumps({'a': 1})[:-3])
    with pytest.raises(CheckpointError, match='pickle.pth'):
        convert_weights('vgg16-caffe', path, tmp_path / 'out.pth', shapes=_SHAPES)
    assert not (tmp_path / 'out.pth').exists()


def test_errors_name_the_file(tmp_path):
    torch.save(_resnet(50), tmp_path / 'r50.pth')
    with pytest.raises(WeightConversionError, match=r'r50\.pth cannot be converted by vgg16-caffe'):
        convert_weights('vgg16-caffe', tmp_path / 'r50.pth', tmp_path / 'out.pth')
    with pytest.raises(ValueError, match=', '.join(CONVERSIONS)):
        convert_weights('vgg19', tmp_path / 'r50.pth', tmp_path / 'out.pth')
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        convert_weights('vgg16-caffe', tmp_path / 'nothing.pth', tmp_path / 'out.pth')
