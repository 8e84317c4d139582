"""Layers by module and by name, and hooks on them."""

from collections import namedtuple

import pytest
import torch
from torch import nn

from wsod_mm.explain import GradCAM, find_layer, layer_names
from wsod_mm.explain.layer_hooks import LayerHooks
from wsod_mm.explain.layers import find_layers
from wsod_mm.explain.scorers import ModelScorer

from .toy import ToyClassifier, classifier, hooks, images

Levels = namedtuple('Levels', 'fine coarse')


class Pyramid(nn.Module):
    """Puts out several maps, in a container of one's choice."""

    def __init__(self, kind=tuple):
        super().__init__()
        self.fine, self.coarse, self.kind = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 4, 2, 2), kind

    def forward(self, x):
        fine = self.fine(x)
        coarse = self.coarse(fine)
        return self.kind(fine, coarse) if self.kind is Levels else self.kind((fine, coarse))


class Net(nn.Module):
    """A backbone with several outputs, of which the last is classified twice by one convolution."""

    def __init__(self, kind=tuple):
        super().__init__()
        self.backbone, self.shared = Pyramid(kind), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        maps = self.backbone(x)
        return sum(self.shared(each).mean((2, 3)) for each in maps)


def test_names():
    model = classifier()
    assert find_layer(model, 'features.4').module is model.features[4]
    assert find_layer(model, 'features[-2]') == find_layer(model, model.features[4]) == find_layer(model, 'features[4]')
    assert find_layer(model, 'model.features.4').name == 'features.4'
    assert layer_names(model)[:2] == ['features', 'features.0']
    layer = find_layer(Net(), 'backbone[-1]')
    assert layer.name == 'backbone' and layer.index == -1
    assert len(find_layers(model, ['features.4', model.features[4], 'fc'])) == 2
    wrapped = nn.Module()
    wrapped.model = model
    assert find_layer(wrapped, 'model.fc').module is model.fc


@pytest.mark.parametrize(
    ('name', 'listed'),
    [
        ('feature.4', r"no layer 'feature.4' in ToyClassifier; there are .*features.4.*--preview-model"),
        ('features.9', 'there are .*features.5'),
        ('features[7]', 'there are .*features.5'),
        ('fc[0].x', 'there are'),
        ('zzz', 'there are features, fc'),
        ('', 'there are features, fc'),
        ('features..4', 'there are'),
    ],
)
def test_wrong_names_list_candidates(name, listed):
    with pytest.raises(ValueError, match=listed):
        GradCAM(classifier(), name)


def test_modules_of_other_models():
    with pytest.raises(ValueError, match='the target layer Conv2d is no part of this ToyClassifier'):
        GradCAM(classifier(), classifier().features[0])
    with pytest.raises(ValueError, match='no target layer'):
        GradCAM(classifier(), [])


@pytest.mark.parametrize('kind', [tuple, list, Levels])
def test_outputs_and_repeated_calls(kind):
    torch.manual_seed(0)
    model, inputs = Net(kind), images()
    shapes = [m.shape[1:] for m in GradCAM(model, 'backbone').raw_maps(inputs, 0)]
    assert shapes == [(8, 10), (4, 5)]
    assert [m.shape[1:] for m in GradCAM(model, 'backbone[0]').raw_maps(inputs, 0)] == [(8, 10)]
    assert [m.shape[1:] for m in GradCAM(model, 'shared').raw_maps(inputs, 0)] == shapes
    assert GradCAM(model).raw_maps(inputs, 0)[0].shape[1:] == (4, 5)  # the last output of the backbone
    with pytest.raises(ValueError, match=r"layer 'backbone' has 2 outputs, there is no \[2\]"):
        GradCAM(model, 'backbone[2]')(inputs)
    with pytest.raises(ValueError, match=r"layer 'shared' has one output, there is no \[1\]"):
        GradCAM(model, 'shared[1]')(inputs)
    assert not hooks(model)


def test_hooks_change_outputs_and_go():
    model, inputs = Net(), images()
    plain = model(inputs)
    seen = []
    with LayerHooks(find_layers(model, ['backbone', 'shared']), lambda n, t: seen.append((n, t.shape[-1]))):
        assert torch.equal(model(inputs), plain) and hooks(model) == 2
    assert seen == [(0, 10), (1, 5), (2, 10), (3, 5)] and hooks(model) == 0
    with LayerHooks(find_layers(model, 'shared'), lambda n, t: t * 0 if n == 0 else None):
        changed = model(inputs)
    assert torch.equal(changed, model.shared(model.backbone(inputs)[1]).mean((2, 3)))

    class Mapped(nn.Module):
        def forward(self, x):
            return dict(map=x, shape=(1, 2), vector=x.sum((2, 3)))

    layer = Mapped()
    with LayerHooks([find_layer(nn.Sequential(layer), '0')], lambda n, t: t + 1):
        out = layer(inputs)
    assert torch.equal(out['map'], inputs + 1) and out['shape'] == (1, 2)
    assert torch.equal(out['vector'], inputs.sum((2, 3)))


def test_default_layers():
    assert ModelScorer(classifier()).default_layers() == ('features',)
    assert ModelScorer(Net()).default_layers() == ('backbone[-1]',)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert ModelScorer(plain).default_layers() == ('0',)  # the 1x1 convolution classifies
    model = ToyClassifier()
    model.layer4 = nn.Identity()
    assert ModelScorer(model).default_layers() == ('layer4',)


def test_outputs_that_are_no_tensors():
    class Wrapped(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.inner, self.wrap = classifier().eval(), wrap

        def forward(self, x):
            return self.wrap(self.inner(x))

    expected = GradCAM(classifier())(images(), 1)
    for wrap in (lambda z: (z, 1), lambda z: dict(aux=z * 0, out=z), lambda z: dict(logits=z)):
        assert torch.equal(GradCAM(Wrapped(wrap), 'inner.features')(images(), 1), expected)
    for wrap in (lambda z: dict(x=z), lambda z: z.sum(), lambda z: 'text'):
        with pytest.raises(ValueError, match=r'a map needs \[B, K\] or \[B, K, h, w\]'):
            GradCAM(Wrapped(wrap), 'inner.features')(images(), 1)
