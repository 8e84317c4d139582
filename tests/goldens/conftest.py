"""Golden tests on the device that ``WSOD_MM_DEVICE`` names."""

import pytest
import torch

from ._common import device_of


@pytest.fixture(autouse=True)
def default_device(request, monkeypatch):
    """New tensors and modules are there, and convolutions there are not rounded to TF32."""
    path = getattr(request.node, 'callspec', None) and request.node.callspec.params.get('path')
    device = 'cpu' if path is None else device_of(path)
    if device == 'cpu':
        yield
        return
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)
    with torch.device(device):
        yield
