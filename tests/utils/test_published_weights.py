"""Conversion of the published weights of AffinityNet and IRN, and of the files of Caffe and MXNet they start from."""

import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint

from wsod_mm.registry import MODELS
from wsod_mm.utils.checkpoint_io import CheckpointError
from wsod_mm.utils.weights import (
    WeightConversionError,
    convert_irn,
    convert_psa,
    convert_weights,
    irn_shapes,
    psa_shapes,
    read_caffemodel,
    read_mxnet_params,
    read_weights,
)

BODIES = {'vgg16': dict(type='VGG16LargeFOV'), 'resnet38': dict(type='ResNet38')}
WIDTH = 1 / 32


def model(trunk, kind):
    """A narrow network whose state dict is what a converted file holds."""
    torch.manual_seed(0)
    backbone = dict(BODIES[trunk], width_mult=WIDTH)
    channels = MODELS.build(backbone).tap_channels
    if kind == 'cls':
        head = dict(type='GAPClsHead', num_classes=4, in_channels=channels[-1], bias=False)
        return MODELS.build(dict(type='ImageClassifier', backbone=backbone, head=head))
    groups = (2, 2, 2) if trunk == 'vgg16' else None
    head = dict(type='AffinityHead', in_channels=channels, out_channels=(2, 4, 6), norm_groups=groups)
    return MODELS.build(dict(type='AffinityNet', backbone=backbone, head=head))


def plain(module):
    return {k: v for k, v in module.state_dict().items() if not k.endswith('num_batches_tracked')}


def shapes_of(state):
    return {k: tuple(v.shape) for k, v in state.items()}


def published(state):
    """The names that the public code has: those of our layers without the first part."""
    return {name.replace('head.fc.', 'head.fc8.').split('.', 1)[1]: value for name, value in state.items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize('trunk', BODIES)
@pytest.mark.parametrize('kind', ['cls', 'aff'])
def test_published_files(trunk, kind):
    state = plain(model(trunk, kind))
    names = published(state)
    assert ('fc8.weight' in names) == (kind == 'cls') and ('f9.weight' in names) == (kind == 'aff')
    assert ('conv1_1.weight' if trunk == 'vgg16' else 'b4_5.bn_branch2b1.running_var') in names
    result = convert_psa({f'module.{k}': v for k, v in names.items()}, trunk, shapes=shapes_of(state))
    assert same(result.state_dict, state) and not result.dropped
    assert result.meta['channel_order'] == ('bgr' if trunk == 'vgg16' else 'rgb')
    again = convert_psa(dict(state_dict=result.state_dict, meta=result.meta), trunk, shapes=shapes_of(state))
    assert same(again.state_dict, state) and again.meta == result.meta
    flipped = convert_psa(names, trunk, rgb_to_bgr=True, shapes=shapes_of(state))
    first = 'backbone.conv1_1.weight' if trunk == 'vgg16' else 'backbone.conv1a.weight'
    assert torch.equal(flipped.state_dict[first].flip(1), state[first]) == (trunk == 'resnet38')


def test_shapes_are_those_of_the_models():
    for trunk, count in dict(vgg16=20504384, resnet38=105152832).items():
        shapes = psa_shapes(trunk, num_classes=20)
        numbers = [np.prod(s) for name, s in shapes.items() if 'running' not in name]
        assert sum(numbers) == count
    affinity = psa_shapes('vgg16', affinity=True)
    assert affinity['head.f9.weight'] == (448, 448, 1, 1) and affinity['head.gn8_5.bias'] == (256,)
    assert 'head.gn8_3.weight' not in psa_shapes('resnet38', affinity=True)
    assert irn_shapes(20)['head.fc.weight'] == (20, 2048, 1, 1) and irn_shapes(heads=True)['head.fc_edge6.bias'] == (1,)
    with pytest.raises(ValueError, match='vgg19'):
        psa_shapes('vgg19')


def mxnet_name(name):
    """Our name of a weight of ResNet38's body as MXNet's file calls it."""
    name = name.removeprefix('backbone.')
    *block, layer, part = name.split('.')
    part = dict(
        weight='weight' if 'conv' in layer else 'gamma',
        bias='beta',
        running_mean='moving_mean',
        running_var='moving_var',
    )[part]
    prefix = 'aux:' if part.startswith('moving') else 'arg:'
    if not block:
        return f'{prefix}{layer}_{part}'
    stage, _, number = block[0][1:].partition('_')
    kind, branch = layer.split('_')
    place = f'{stage}b{number}' if number else f'{stage}a'
    return f'{prefix}{"res" if kind == "conv" else "bn"}{place}_{branch}_{part}'


def mxnet_file(path, arrays, version, names=None):
    """A file as MXNet's ``nd.save`` lays it out; version 0 is the oldest, without a magic number per array."""
    codes = {np.dtype(t): i for i, t in enumerate(('f4', 'f8', 'f2', 'u1', 'i4', 'i1', 'i8'))}
    data = struct.pack('<QQQ', 0x112, 0, len(arrays))
    for array in arrays.values():
        if version == 0:
            data += struct.pack(f'<I{array.ndim}I', array.ndim, *array.shape)
        else:
            data += struct.pack('<I', 0xF993FAC7 + version)
            if version > 1:
                data += struct.pack('<i', 0)
            data += struct.pack(f'<I{array.ndim}q', array.ndim, *array.shape)
        if array.ndim:
            data += struct.pack('<iii', 1, 0, codes[array.dtype]) + array.tobytes()
    names = list(arrays) if names is None else names
    data += struct.pack('<Q', len(names))
    for name in names:
        data += struct.pack('<Q', len(name)) + name.encode()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('version', [0, 1, 2, 3])
def test_mxnet_arrays(tmp_path, version):
    generator = np.random.default_rng(version)
    arrays = {
        f'arg:{dtype}': (generator.standard_normal((2, 3, 1, 4)[: i + 1]) * 50).astype(dtype)
        for i, dtype in enumerate(('f4', 'f8', 'f2', 'u1', 'i4', 'i1', 'i8'))
    }
    read = read_mxnet_params(mxnet_file(tmp_path / 'a.params', {**arrays, 'none': np.zeros(())}, version))
    assert list(read) == list(arrays)  # without the empty one
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name].numpy(), array)
        assert read[name].numpy().dtype == array.dtype


def test_broken_mxnet_files(tmp_path):
    path = mxnet_file(tmp_path / 'a.params', {'arg:x': np.ones((3, 4), 'f4')}, 2)
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(WeightConversionError, match='a.params'):
            read_mxnet_params(path)
    path.write_bytes(b'PK' + whole[2:])
    with pytest.raises(WeightConversionError, match='no MXNet file'):
        read_mxnet_params(path)
    with pytest.raises(WeightConversionError, match='1 arrays and 0 names'):
        read_mxnet_params(mxnet_file(path, {'x': np.ones(1, 'f4')}, 2, names=[]))
    path.write_bytes(whole[:28] + struct.pack('<i', 1) + whole[32:])
    with pytest.raises(WeightConversionError, match='sparse'):
        read_mxnet_params(path)
    path.write_bytes(whole[:24] + struct.pack('<I', 77) + whole[28:])
    with pytest.raises(WeightConversionError, match='77 dimensions'):
        read_mxnet_params(path)
    path.write_bytes(whole[:16] + struct.pack('<Q', 1 << 60) + whole[24:])
    with pytest.raises(WeightConversionError, match='damaged'):
        read_mxnet_params(path)


@pytest.mark.parametrize('suffix', ['.params', '.npz', '.pth'])
def test_mxnet_resnet38(tmp_path, suffix):
    state = {k: v for k, v in plain(model('resnet38', 'cls')).items() if k.startswith('backbone.')}
    named = {mxnet_name(k): v for k, v in state.items()}
    assert 'arg:res4b2_branch2a_weight' in named and 'aux:bn6a_branch2b2_moving_var' in named
    assert 'arg:bn7_gamma' in named and 'arg:res2a_branch1_weight' in named
    named['arg:linear1000_weight'], named['arg:linear1000_bias'] = torch.zeros(10, 3), torch.zeros(10)
    path = tmp_path / f'rna{suffix}'
    arrays = {k: v.numpy() for k, v in named.items()}
    if suffix == '.params':
        mxnet_file(path, arrays, 0)
    elif suffix == '.npz':
        np.savez(path, **arrays)
    else:
        torch.save(named, path)
    result = convert_weights('resnet38-mxnet', path, tmp_path / 'out.pth', shapes=shapes_of(state))
    assert same(result.state_dict, state)
    assert sorted(result.dropped) == ['arg:linear1000_bias', 'arg:linear1000_weight']
    assert any('heads start from random' in note for note in result.notes)
    net = model('resnet38', 'aff')
    for value in net.backbone.state_dict().values():
        value.zero_()
    load_checkpoint(net, str(tmp_path / 'out.pth'))
    assert all(torch.equal(net.state_dict()[name], value) for name, value in state.items())


def varint(value):
    out = b''
    while True:
        out += bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
        value >>= 7
        if not value:
            return out


def field(number, value):
    """A field of a protobuf message: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array, old):
    shape = b''.join(varint(side) for side in array.shape)
    data = array.astype('<f4').tobytes()
    if old:
        sides = (1,) * (4 - array.ndim) + array.shape
        return b''.join(field(i, side) for i, side in enumerate(sides, start=1)) + field(5, data)
    # the shape, packed; values one by one in the end, as some writers do
    head, tail = data[:-4], data[-4:]
    return field(7, field(1, shape)) + field(5, head) + varint(5 << 3 | 5) + tail


def caffe_file(path, layers, old):
    """A network of layers with blobs, in the old (``layers``) or the new format (``layer``)."""
    number, name_field, blob_field = (2, 4, 6) if old else (100, 1, 7)
    data = field(1, b'net')
    for name, blobs in layers.items():
        content = field(name_field, name.encode()) + b''.join(field(blob_field, blob(b, old)) for b in blobs)
        data += field(number, content)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('old', [True, False])
def test_caffemodel(tmp_path, old):
    generator = np.random.default_rng(0)
    layers = {'data': [], 'conv': [generator.standard_normal((200, 2, 3, 3)), generator.standard_normal(200)]}
    read = read_caffemodel(caffe_file(tmp_path / 'a.caffemodel', layers, old))
    assert list(read) == ['conv.weight', 'conv.bias'] and read['conv.bias'].shape == (200,)
    np.testing.assert_array_equal(read['conv.weight'], layers['conv'][0].astype('f4'))
    np.testing.assert_array_equal(read['conv.bias'], layers['conv'][1].astype('f4'))


def test_broken_caffemodel(tmp_path):
    path = caffe_file(tmp_path / 'a.caffemodel', {'conv': [np.ones((2, 2, 3, 3))]}, True)
    whole = path.read_bytes()
    for content in (whole[:-5], whole[:8], b'', b'\x80', b'not a network', whole.replace(b'\x08\x02', b'\x08\x03')):
        path.write_bytes(content)
        with pytest.raises(WeightConversionError, match='a.caffemodel'):
            read_caffemodel(path)


def test_vgg16_20m(tmp_path):
    state = {k: v for k, v in plain(model('vgg16', 'cls')).items() if k.startswith('backbone.')}
    layers = {}
    for name, value in state.items():
        layers.setdefault(name.split('.')[1], []).append(value.numpy())
    layers['fc8_imagenet'] = [np.zeros((10, 3)), np.zeros(10)]
    caffe_file(tmp_path / 'vgg.caffemodel', layers, True)
    result = convert_weights('vgg16-20m', tmp_path / 'vgg.caffemodel', tmp_path / 'out.pth', shapes=shapes_of(state))
    assert same(result.state_dict, state) and len(result.dropped) == 2
    assert result.meta['mean'] == [104.008, 116.669, 122.675] and any('take BGR' in note for note in result.notes)
    # the classifier of ImageNet is no head of ours
    with_fc8 = {k.removeprefix('backbone.'): v for k, v in state.items()} | {'fc8.weight': torch.zeros(10, 3, 1, 1)}
    assert convert_psa(with_fc8, 'vgg16', 'caffe', shapes=shapes_of(state)).dropped == ['fc8.weight']


RESNET = dict(depth=50, base_channels=4, strides=(1, 2, 2, 1), norm_eval=True)


def irn_model(kind):
    torch.manual_seed(0)
    if kind == 'cam':
        head = dict(type='GAPClsHead', num_classes=4, in_channels=128, bias=False)
        return MODELS.build(dict(type='ImageClassifier', backbone=dict(type='ResNet', **RESNET), head=head))
    head = dict(type='IRNHead', in_channels=(4, 16, 32, 64, 128))
    return MODELS.build(dict(type='IRNet', backbone=dict(type='ResNetWithStem', **RESNET), head=head))


@pytest.mark.parametrize('kind', ['cam', 'irn'])
def test_irn_files(kind):
    state = plain(irn_model(kind))
    if kind == 'irn':
        state['head.fc_dp7.4.running_mean'] = torch.tensor([1.0, 2.0])
    named = {}
    for name, value in state.items():
        if name.startswith('backbone.'):
            named[name.replace('backbone.', 'resnet50.')] = value
        elif name.endswith('running_mean'):
            named['mean_shift.running_mean'] = named[name.removeprefix('head.')] = value
        else:
            named[name.removeprefix('head.').replace('fc.weight', 'classifier.weight')] = value
    # the public code's second names
    named['stage1.0.weight'] = named['backbone.0.0.weight'] = named['resnet50.conv1.weight']
    named['newly_added.0.weight'], named['resnet50.fc.bias'] = torch.zeros(3), torch.zeros(1000)
    result = convert_irn(named, shapes=shapes_of(state))
    assert same(result.state_dict, state)
    assert result.dropped == ['backbone.fc.bias'] and result.meta['style'] == 'pytorch'
    file = dict(state_dict=result.state_dict, meta=result.meta)
    again = convert_irn(file, shapes=shapes_of(state))
    assert same(again.state_dict, state) and again.dropped == []
    flipped = convert_irn(named, rgb_to_bgr=True, shapes=shapes_of(state)).state_dict
    assert torch.equal(flipped['backbone.conv1.weight'].flip(1), state['backbone.conv1.weight'])


def test_irn_before_the_mean_displacement():
    shapes = irn_shapes(heads=True)
    state = {k: torch.empty(s, device='meta') for k, s in shapes.items() if not k.endswith('fc_dp7.4.running_mean')}
    result = convert_irn(state)
    assert result.state_dict['head.fc_dp7.4.running_mean'].tolist() == [0, 0]


def test_errors(tmp_path):
    state = published(plain(model('vgg16', 'aff')))
    expected = shapes_of(plain(model('vgg16', 'aff')))
    for change, text in [
        ({'fc6.weight': None}, r'backbone\.fc6\.weight missing'),
        ({'f8_4.weight': torch.zeros(3, 16, 1, 1)}, r'head\.f8_4\.weight is \(3, 16, 1, 1\)'),
        ({'backbone.fc6.weight': torch.zeros(1)}, r'both are backbone\.fc6\.weight'),
    ]:
        broken = {k: v for k, v in {**state, **change}.items() if v is not None}
        with pytest.raises(WeightConversionError, match=text):
            convert_psa(broken, 'vgg16', shapes=expected)
    with pytest.raises(WeightConversionError, match='not a complete resnet38'):
        convert_psa(state, 'resnet38')
    with pytest.raises(WeightConversionError, match='not a complete ResNet-50 of IRN'):
        convert_irn(state)
    with pytest.raises(ValueError, match='keras'):
        convert_psa(state, 'vgg16', 'keras')
    (tmp_path / 'a.npz').write_bytes(b'PK')
    np.save(tmp_path / 'b.npy', np.array([dict()]), allow_pickle=True)
    (tmp_path / 'b.npy').rename(tmp_path / 'b.npz')
    for name in ('a.npz', 'b.npz'):
        with pytest.raises(WeightConversionError, match=name):
            read_weights(tmp_path / name)
    for name in ('no.npz', 'no.params', 'no.caffemodel', 'no.pth'):
        with pytest.raises(FileNotFoundError, match=name):
            read_weights(tmp_path / name)
    (tmp_path / 'c.pth').write_bytes(b'PK')
    with pytest.raises(CheckpointError, match='c.pth'):
        read_weights(tmp_path / 'c.pth')


def test_tool(tmp_path, capsys):
    main = runpy.run_path(str(Path(__file__).resolve().parents[2] / 'tools' / 'convert_weights.py'))['main']
    np.savez(tmp_path / 'in.npz', a=np.zeros(3))
    for kind in ('psa-vgg16', 'psa-resnet38', 'vgg16-20m', 'resnet38-mxnet', 'irn-resnet50'):
        assert main([kind, str(tmp_path / 'in.npz'), str(tmp_path / 'out.pth')]) == 1
        message = capsys.readouterr().err
        assert f'in.npz cannot be converted by {kind}' in message and 'not a complete' in message
