"""Golden vectors of the networks of AffinityNet and IRN, whole ones and from features, and of their optimiser."""

import functools
import json
import zlib

import numpy as np
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from wsod_mm.functional.class_maps import class_activation_maps
from wsod_mm.functional.pair_affinity import embedding_affinity
from wsod_mm.functional.pixel_pairs import pair_indices
from wsod_mm.models.segmentors import AffinityHead
from wsod_mm.registry import MODELS, PARAM_SCHEDULERS
from wsod_mm.utils.weights import convert_irn, convert_psa

from ._affinity_common import Case
from ._common import FOLDER

CLS_HEAD = dict(type='GAPClsHead', num_classes=20, bias=False, dropout=0.5)
R50 = dict(depth=50, strides=(1, 2, 2, 1), norm_eval=True, style='pytorch')
MODEL_CONFIGS = {
    'vgg16_cls': dict(
        type='ImageClassifier',
        backbone=dict(type='VGG16LargeFOV'),
        head=dict(CLS_HEAD, in_channels=1024, cam_activation='sqrt_relu'),
    ),
    'resnet38_cls': dict(type='ImageClassifier', backbone=dict(type='ResNet38'), head=dict(CLS_HEAD, in_channels=4096)),
    'vgg16_aff': dict(
        type='AffinityNet',
        backbone=dict(type='VGG16LargeFOV', fc6_dilation=4),
        head=dict(type='AffinityHead', norm_groups=(8, 16, 32)),
    ),
    'resnet38_aff': dict(
        type='AffinityNet',
        backbone=dict(type='ResNet38'),
        head=dict(type='AffinityHead', in_channels=(512, 1024, 4096)),
    ),
    'resnet50_cam': dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', frozen_stages=2, **R50),
        head=dict(CLS_HEAD, in_channels=2048, dropout=0.0),
    ),
    'resnet50_irn': dict(
        type='IRNet', backbone=dict(type='ResNetWithStem', frozen_stages=4, **R50), head=dict(type='IRNHead')
    ),
}
SCALES = {'conv': 1.0, 'conv_quarter': 0.25}


@functools.cache
def recipe(name, shape, kind):
    """A weight of the recipe in the goldens' README; networks that share a trunk share its tensors."""
    z = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF).standard_normal(shape)
    if kind in SCALES:
        z *= SCALES[kind] * np.sqrt(2 / np.prod(shape[1:]))
    elif kind == 'var':
        z = 1 + 0.2 * np.abs(z)
    else:
        z = 0.1 * z + (kind == 'gamma')
    return torch.as_tensor(z.astype(np.float32), device='cpu')


@functools.cache
def published(network):
    """State dict under the published names."""
    state = {}
    for name, (shape, kind) in json.loads((FOLDER / 'affinity' / 'arch_parameters.json').read_text())[network].items():
        state[name] = state[kind[6:]] if kind.startswith('alias:') else recipe(name, tuple(shape), kind)
    return state


@functools.cache
def converted(network):
    """State dict under our names."""
    if network.startswith('resnet50'):
        return convert_irn(published(network)).state_dict
    return convert_psa(published(network), network.split('_')[0]).state_dict


@functools.cache
def network_of(network, device):
    """Our model with these weights, in evaluation mode; and the published name of each of its parameters."""
    init_default_scope('wsod_mm')
    with torch.device('meta'):
        model = MODELS.build(MODEL_CONFIGS[network])
    state = {name: value.to(device) for name, value in converted(network).items()}
    missing = set(model.state_dict()) - set(state)
    assert all(name.endswith('num_batches_tracked') for name in missing), missing
    counters = {name: torch.zeros((), dtype=torch.long, device=device) for name in missing}
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    model.load_state_dict({**state, **counters}, assign=True)
    for name, parameter in model.named_parameters():  # assigned tensors ask for a gradient anew
        parameter.requires_grad_(name not in frozen)
    origin = {id(value): name for name, value in reversed(published(network).items())}
    names = {ours: origin[id(value)] for ours, value in converted(network).items()}
    return model.eval(), names


def picture(g):
    """The input."""
    shape = g.array('shape').tolist()
    z = np.random.RandomState(int(g.scalar('seed'))).standard_normal(shape).astype(np.float32)
    return torch.as_tensor(z, device=g.device)


def near(g, name, value):
    """Compare within 1e-4 of the largest number of the array."""
    expected = g.array(name)
    scale = np.abs(expected).max() if expected.size else 0
    g.compare(name, value, rtol=0, atol=1e-4 * max(float(scale), 1e-6))


def stats(x):
    """What the goldens say about a large array."""
    x = x.detach().double().cpu()
    return torch.stack([x.mean(), x.std(), x.min(), x.max()])


def check_names(g, model, names):
    """Which parameters are trained, and how fast, by their published names."""
    model.train()
    trained = {names[n] for n, p in model.named_parameters() if p.requires_grad}
    frozen = {names[n] for n, p in model.named_parameters() if not p.requires_grad}
    assert trained == set(g.array('trainable_names').tolist())
    assert frozen == set(g.array('frozen_names').tolist())
    keys = ('head.fc.',) if hasattr(model.head, 'fc') else ('head.f8_', 'head.f9.')
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor='CaffeOptimWrapperConstructor',
            optimizer=dict(type='SGD', lr=0.1, momentum=5e-4, weight_decay=5e-4),
            paramwise_cfg=dict(custom_keys={key: dict(lr_mult=10) for key in keys}),
        ),
    )
    ours = {id(p): names[n] for n, p in model.named_parameters()}
    found = {
        (round(group['lr'] / 0.1), group['weight_decay']): {ours[id(p)] for p in group['params']}
        for group in wrapper.optimizer.param_groups
    }
    for k, key in enumerate([(1, 5e-4), (2, 0.0), (10, 5e-4), (20, 0.0)]):
        # frozen weights are in the public code's groups, but have no gradient
        expected = set(g.array(f'param_group{k}_names').tolist()) - frozen - {''}
        assert found.pop(key, set()) == expected, key
    assert not found
    model.eval()


@torch.no_grad()
def check_arch_cls(path):
    g = Case(path, rtol=0, atol=0)
    network = path.stem.split('_case')[0].removeprefix('arch_')
    model, names = network_of(network, str(g.device))
    x = picture(g)
    features = model.extract_feat(x)
    for tap, feature in zip(model.backbone.TAPS, features, strict=True):
        near(g, f'{tap}_first8', feature[:, :8])
        near(g, f'{tap}_stats', stats(feature))
        g.compare(f'{tap}_shape', list(feature.shape))
    near(g, 'logits', model(x))
    near(g, 'cam', model.class_activation_maps(x))
    g.compare('n_params', sum(p.numel() for p in model.parameters()))
    check_names(g, model, names)
    g.done()


@torch.no_grad()
def check_arch_aff(path):
    g = Case(path, rtol=0, atol=0)
    network = path.stem.split('_case')[0].removeprefix('arch_')
    model, names = network_of(network, str(g.device))
    embedding = model(picture(g))
    near(g, 'feat_first8', embedding[:, :8])
    near(g, 'feat_stats', stats(embedding))
    near(g, 'aff', embedding_affinity(embedding, model.head.offsets, model.head.radius))
    g.compare('n_params', sum(p.numel() for p in model.parameters()))
    check_names(g, model, names)
    g.done()


@torch.no_grad()
def check_arch_resnet50_cam(path):
    g = Case(path, rtol=0, atol=0)
    model, names = network_of('resnet50_cam', str(g.device))
    x = picture(g)
    near(g, 'logits', model(x))
    maps = model.class_activation_maps(torch.stack([x[0], x[0].flip(-1)]))
    near(g, 'cam_img0_plus_flip', maps[0] + maps[1].flip(-1))
    g.compare('n_params', sum(p.numel() for p in model.parameters()))
    frozen = {names[n] for n, p in model.train().named_parameters() if not p.requires_grad}
    assert frozen == set(g.array('grad_none_names').tolist())
    model.eval()
    g.done()


@torch.no_grad()
def check_arch_resnet50_irn(path):
    g = Case(path, rtol=0, atol=0)
    model, _ = network_of('resnet50_irn', str(g.device))
    _, channels, height, width = g.array('shape').tolist()
    z = np.random.RandomState(int(g.scalar('seed'))).standard_normal((1, channels, height, width))
    x = torch.as_tensor(z.astype(np.float32), device=g.device)
    model.crop_size = int(g.scalar('crop_size'))
    edge, displacement = model.boundary_and_displacement(x[0])
    near(g, 'edge', edge)
    near(g, 'disp', displacement)
    pair = torch.cat([x, x.flip(-1)])
    raw = model(torch.nn.functional.pad(pair, (0, model.crop_size - width, 0, model.crop_size - height)))
    g.compare('raw_edge_shape', list(raw[0].shape))
    near(g, 'raw_edge_stats', stats(raw[0]))
    near(g, 'raw_disp_stats', stats(raw[1]))
    if g.has('net_edge_nopad'):
        edge, displacement = model(x)
        near(g, 'net_edge_nopad', edge)
        near(g, 'net_disp_nopad', displacement)
    g.compare('n_params', sum(p.numel() for p in model.parameters()))
    g.compare('n_params_heads', sum(p.numel() for p in model.head.parameters()))
    # the public code cuts off what is larger than the crop; ours keeps it
    size, crop = g.array('oversize_input').tolist(), int(g.scalar('oversize_crop'))
    assert g.array('oversize_out_shape').tolist() == [1, crop // 4, crop // 4]
    model.crop_size = crop
    edge, displacement = model.boundary_and_displacement(torch.zeros(3, *size, device=g.device))
    assert edge.shape == (1, -(-size[0] // 4), -(-size[1] // 4)) and displacement.shape[1:] == edge.shape[1:]
    g.done()


def check_psa_poly_sgd(path):
    g = Case(path, rtol=1e-5, atol=1e-6)
    lr, wd, momentum = g.scalar('lr'), g.scalar('wd'), g.scalar('effective_momentum')
    assert momentum == wd  # the public code hands the weight decay to the argument that is the momentum
    expected, rates = [g.array(name) for name in ('w', 'b')], []
    model = torch.nn.Module()
    for name, values in zip(('weight', 'bias'), expected, strict=True):
        setattr(model, name, torch.nn.Parameter(torch.as_tensor(values[0], device=g.device).clone()))
    init_default_scope('wsod_mm')
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor='CaffeOptimWrapperConstructor',
            optimizer=dict(type='SGD', lr=lr, momentum=momentum, weight_decay=wd),
        ),
    )
    schedule = PARAM_SCHEDULERS.build(
        dict(type='HeldPolyLR', power=0.9, by_epoch=False, end=int(g.scalar('max_step')), optimizer=wrapper)
    )
    weights, biases = [model.weight.detach().clone()], [model.bias.detach().clone()]
    for gradient in g.tensor('grads'):
        model.weight.grad, model.bias.grad = gradient[:4].clone(), gradient[4:].clone()
        rates.append([group['lr'] for group in wrapper.optimizer.param_groups])
        wrapper.step()
        schedule.step()
        weights.append(model.weight.detach().clone())
        biases.append(model.bias.detach().clone())
    g.compare('w', torch.stack(weights))
    g.compare('b', torch.stack(biases))
    g.compare('lrs', rates)
    g.done()


def check_psa_cam_from_features(path):
    g = Case(path, rtol=1e-5, atol=1e-5)
    activation = {'vgg16': 'sqrt_relu', 'resnet38': 'relu'}[str(g.of_case('net'))]
    features, weight = g.tensor('feat'), g.tensor('fc8')
    config = dict(CLS_HEAD, num_classes=weight.shape[0], in_channels=weight.shape[1], cam_activation=activation)
    for feature in ('conv_gap', 'gap_fc'):  # the former is VGG16's order, the latter ResNet38's
        head = MODELS.build(dict(config, feature=feature)).eval()
        head.load_state_dict({'fc.weight': weight.view(head.fc.weight.shape)})
        logits = head(features)
        g.compare('logits', logits)
        g.compare('cam', head.activation_maps(features))
        g.compare('loss', head.loss(logits, g.tensor('label'))['loss_cls'])
    g.compare('cam', class_activation_maps(features, weight, activation))
    g.done()


@torch.no_grad()
def check_psa_affinity_from_features(path):
    g = Case(path, rtol=1e-5, atol=1e-5)
    features = [g.tensor(f'conv{k}') for k in (4, 5, 6)]
    groups = g.array('gn_groups').tolist()
    assert str(g.of_case('net')) == ('vgg16' if any(groups) else 'resnet38')
    state = {k.split('_p_')[1]: g.tensor(k.split('_', 1)[1]) for k in g.arrays if '_p_' in k}
    outputs = [state[f'f8_{k}.weight'].shape[0] for k in (3, 4, 5)]
    head = AffinityHead([x.shape[1] for x in features], outputs, groups if any(groups) else None)
    head.load_state_dict(state)
    embedding = head(features)
    g.compare('f9_out_elu', embedding)
    affinity = embedding_affinity(embedding, head.offsets, head.radius)
    g.compare('aff', affinity)
    height, width = embedding.shape[2:]
    source, target = pair_indices(height, width, head.offsets, 5)
    source, target = source.to(g.device), target.to(g.device)
    dense = torch.eye(height * width, device=g.device)
    dense[source.expand_as(target), target] = affinity[0]
    dense[target, source.expand_as(target)] = affinity[0]
    g.compare('dense_b0', dense)
    shifted = head.affinities(embedding[0], border='reference').flatten(1)
    torch.testing.assert_close(shifted[:, source], affinity[0])
    assert shifted.count_nonzero() == affinity[0].count_nonzero()
    # where the public code fails there are no pairs of the reference, but there are some within the map
    for size, result in zip(g.array('too_small_hw').tolist(), g.array('too_small_result').tolist(), strict=True):
        assert 'Error' in result
        small = torch.rand(len(embedding[0]), *size, device=g.device)
        assert not head.affinities(small, border='reference').any()
        assert head.affinities(small, border='full').any()
    g.done()
