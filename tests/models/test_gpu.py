"""Training steps on a GPU: no waiting for the device, the losses of the CPU, and mixed precision."""

import pytest
import torch

from tests.models.detectors.test_no_host_sync import STEPS
from tests.models.weak_detector import WSDDN, batch, build
from wsod_mm.engine import AmpOptimWrapper

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
STEPS = {'wsddn': (WSDDN, {}, batch), **STEPS}


@pytest.fixture(params=STEPS)
def step(request):
    """A detector in training mode on the GPU and a batch that is there."""
    config, parts, data = STEPS[request.param]
    model = build(config, **parts).cuda().train()
    return model, model.data_preprocessor(data(), training=True)


def _losses(model, data) -> dict:
    torch.manual_seed(0)
    return {name: value for name, value in model(**data, mode='loss').items() if 'loss' in name}


def test_a_step_does_not_wait_for_the_gpu(step):
    model, data = step
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), 1e-4)
    for mode in ('default', 'error'):  # the first step sets up libraries, which may wait
        torch.cuda.set_sync_debug_mode(mode)
        try:
            sum(_losses(model, data).values()).backward()
            optimizer.step()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize('name', ['wsddn', 'oicr', 'mist', 'pcl'])
def test_losses_and_gradients_are_those_of_the_cpu(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)
    config, parts, data = STEPS[name]
    results = []
    for device in ('cpu', 'cuda'):
        model = build(config, **parts).to(device).train()
        losses = _losses(model, model.data_preprocessor(data(), training=True))
        sum(losses.values()).backward()
        gradient = {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}
        results.append(({n: v.item() for n, v in losses.items()}, gradient))
    (on_cpu, cpu_gradient), (on_gpu, gpu_gradient) = results
    assert on_gpu == pytest.approx(on_cpu, rel=1e-4, abs=1e-6)
    assert cpu_gradient.keys() == gpu_gradient.keys()
    for key, value in cpu_gradient.items():
        torch.testing.assert_close(gpu_gradient[key], value, rtol=1e-3, atol=1e-5, msg=lambda m, k=key: f'{k}: {m}')


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision(step, dtype):
    model, data = step
    full = {name: value.item() for name, value in _losses(model, data).items()}
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), 1e-4)
    wrapper = AmpOptimWrapper(optimizer=optimizer, dtype=dtype, loss_scale='dynamic')
    before = [p.detach().clone() for p in model.parameters()]
    history = []
    for _ in range(8):  # the scaler begins high and may skip the first steps
        with wrapper.optim_context(model):
            history.append(_losses(model, data))
        wrapper.update_params(sum(history[-1].values()))
    assert all(losses.keys() == full.keys() for losses in history)
    assert all(torch.isfinite(value) for losses in history for value in losses.values())
    assert history[0]['loss_mil'].item() == pytest.approx(full['loss_mil'], rel=0.1, abs=0.05)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert any((p != old).any() for p, old in zip(model.parameters(), before, strict=True))
