"""The user's model is as before, whatever happens, and nothing piles up."""

import gc
import tracemalloc

import pytest
import torch

from wsod_mm.explain import CAM_METHODS, GradCAM, make_cam

from .toy import classifier, hooks, images, state


def test_fifty_constructions_leave_nothing():
    model, inputs = classifier(), images(1, (8, 8))

    def explain(method: str, times: int) -> None:
        for _ in range(times):
            make_cam(method, model)(inputs, 1)  # never closed
            with make_cam(method, model) as cam:
                cam(inputs)

    grown = {}
    gc.collect()
    gc.disable()  # not even cycles, which would hold graphs until the collector comes
    tracemalloc.start()
    try:
        tensors = live_tensors()
        for method in CAM_METHODS:
            explain(method, 5)
            first = tracemalloc.get_traced_memory()[0]
            explain(method, 25)
            grown[method] = tracemalloc.get_traced_memory()[0] - first
            assert hooks(model) == 0
        left = live_tensors() - tensors
    finally:
        tracemalloc.stop()
        gc.enable()
    # a pass and its gradient alone, by PyTorch, leave about 100 bytes each
    assert left == 0 and max(grown.values()) < 50 * 800, (left, grown)


def live_tensors() -> int:
    return sum(type(each) in (torch.Tensor, torch.nn.Parameter) for each in gc.get_objects())


@pytest.mark.parametrize('method', ['CAM', 'GradCAM', 'EigenCAM', 'ScoreCAM', 'AblationCAM'])
def test_model_is_as_before(method):
    model = classifier()
    model.features[0].requires_grad_(False)
    model.features[1].eval()
    model(images()).sum().backward()
    before = state(model)
    buffers = [b.clone() for b in model.buffers()]
    make_cam(method, model)(images(), aug_smooth=True)
    assert state(model) == before and all(map(torch.equal, model.buffers(), buffers)) and not hooks(model)
    assert model.training and not model.features[1].training


@pytest.mark.parametrize('method', CAM_METHODS)
def test_frozen_models_and_blocks_without_gradients(method):
    model, inputs = classifier(), images()
    expected = make_cam(method, model)(inputs, 1)
    assert expected.max() > 0 and not expected.requires_grad
    with torch.no_grad():
        assert torch.equal(make_cam(method, model)(inputs, 1), expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert torch.equal(make_cam(method, model)(inputs.clone(), 1), expected)
    model.eval().requires_grad_(False)
    assert torch.equal(make_cam(method, model)(inputs, 1), expected) and not model.training
    assert not inputs.requires_grad


class Broken(Exception):
    """Raised by a layer or a target."""


def test_exceptions_leave_nothing(monkeypatch):
    model = classifier()
    before = state(model)

    def fail(*_):
        raise Broken

    monkeypatch.setattr(model.fc, 'forward', fail)
    for method in CAM_METHODS:
        with pytest.raises(Broken), make_cam(method, model, batch_size=2) as cam:
            cam(images())
        assert hooks(model) == 0 and torch.is_grad_enabled()
    monkeypatch.undo()
    for method in ('GradCAM', 'ScoreCAM', 'AblationCAM'):
        with pytest.raises(Broken):
            make_cam(method, model)(images(), fail)
        with pytest.raises(Broken), make_cam(method, model) as cam:
            cam(images())
            assert cam.outputs is not None and cam.targets is not None
            raise Broken
        assert cam.outputs is None and cam.targets is None and hooks(model) == 0
    calls = []

    def late(output):  # in the middle of AblationCAM's passes, while its hooks are on
        calls.append(hooks(model))
        return fail() if len(calls) > 3 else output[0]

    with pytest.raises(Broken):
        make_cam('AblationCAM', model, batch_size=2)(images(1), late)
    assert hooks(model) == 0 and state(model) == before


def test_hooks_of_the_user_stay():
    model, seen = classifier(), []
    handle = model.fc.register_forward_hook(lambda *_: seen.append(1))
    GradCAM(model)(images())
    assert hooks(model) == 1 and seen == [1]
    handle.remove()
