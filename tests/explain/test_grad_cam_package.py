"""The adapter to the package grad-cam, with a stand-in that has its habits, and with the package where it is."""

import importlib.util
import sys
import types

import pytest
import torch

from tests.explain.detectors import detector
from wsod_mm.explain import DetectionTarget, GradCAM, GradCAMPackage, make_scorer

from .toy import classifier, hooks, images, state


class _Activations:
    def __init__(self, model, layers):
        self.tensors, self.handles = [], []
        for layer in layers:
            self.handles.append(layer.register_forward_hook(self.keep))

    def keep(self, module, inputs, output):
        output.retain_grad()
        self.tensors.append(output)

    def release(self):
        for handle in self.handles:
            handle.remove()


class FakeCAM:
    """Grad-CAM as badly behaved as the package may be: changes the mode, fills ``grad``, leaves hooks."""

    def __init__(self, model, target_layers, reshape_transform=None, factor=1):
        self.model = model.eval()
        self.activations_and_grads = _Activations(model, target_layers)
        self.factor = factor

    def __call__(self, input_tensor, targets, aug_smooth=False, eigen_smooth=False):
        self.activations_and_grads.tensors.clear()
        outputs = self.model(input_tensor)
        self.model.zero_grad()
        sum(target(output) for target, output in zip(targets, outputs, strict=True)).backward()
        (tensor,) = self.activations_and_grads.tensors
        cam = (tensor.grad.mean((2, 3), keepdim=True) * tensor).sum(1).relu().detach()
        cam = torch.nn.functional.interpolate(cam[:, None], input_tensor.shape[2:], mode='bilinear')[:, 0]
        return (cam * self.factor).numpy()


@pytest.fixture
def package(monkeypatch):
    module = types.ModuleType('pytorch_grad_cam')
    module.FakeCAM = FakeCAM
    monkeypatch.setitem(sys.modules, 'pytorch_grad_cam', module)


def test_model_is_as_before(package):
    model = classifier()
    model(images()).sum().backward()
    before = state(model)
    # before an in-place layer the package would see what that makes of the map
    cam = GradCAMPackage('FakeCAM', model, 'features.5', factor=2)
    with torch.no_grad():
        maps = cam(images(), [1, None])
    assert maps.shape == (2, 16, 20) and maps.any() and state(model) == before and not hooks(model)
    plain = GradCAM(model, 'features.5').raw_maps(images(), 1)[0].relu()
    ours = torch.nn.functional.interpolate(plain[:, None], (16, 20), mode='bilinear')[:, 0]
    torch.testing.assert_close(maps[0], 2 * ours[0])
    with pytest.raises(ZeroDivisionError):
        cam(images(), lambda output: 1 / 0)
    assert state(model) == before and not hooks(model)


def test_detector(package):
    model = detector('faster_rcnn')
    scorer = make_scorer(model)
    fixed = scorer.prepare(images(1, (64, 96)), None)
    target = DetectionTarget(fixed[0].boxes[:2], [0, 1])
    cam = GradCAMPackage('FakeCAM', scorer, 'neck.fpn_convs[0].conv')
    assert cam(images(1, (64, 96)), target, fixed).shape == (1, 64, 96)


def test_mistakes(package, monkeypatch):
    with pytest.raises(ValueError, match="method='KPCA': the installed grad-cam has FakeCAM"):
        GradCAMPackage('KPCA', classifier())
    monkeypatch.setitem(sys.modules, 'pytorch_grad_cam', None)
    with pytest.raises(ImportError, match="pip install 'grad-cam>=1.5'; the methods of CAM_METHODS need nothing"):
        GradCAMPackage('FakeCAM', classifier())


@pytest.mark.skipif(importlib.util.find_spec('pytorch_grad_cam') is None, reason='grad-cam is not installed')
@pytest.mark.parametrize('method', ['GradCAM', 'HiResCAM', 'ScoreCAM'])
def test_the_package_itself(method):
    model, before = classifier(), state(classifier())
    maps = GradCAMPackage(method, model, 'features.5')(images(), 1)
    assert maps.shape == (2, 16, 20) and state(model) == before and not hooks(model)
    if method == 'GradCAM':
        torch.testing.assert_close(maps, GradCAM(model, 'features.5')(images(), 1), rtol=1e-2, atol=1e-2)
