"""fc6 and fc7: values, dropout, chunks, weights from a file."""

import pytest
import torch
from torch.nn import functional as F

from wsod_mm.registry import MODELS


def _build(**kwargs):
    torch.manual_seed(0)
    head = MODELS.build(dict(type='SharedFC67Head', in_channels=3, roi_feat_size=2, fc_channels=(8, 6), **kwargs))
    head.init_weights()
    return head


def _run(head, x, seed=0):
    """Output and gradients of the input and of every parameter."""
    x = x.clone().requires_grad_()
    head.zero_grad()
    torch.manual_seed(seed)
    out = head(x)
    (out * torch.arange(out.numel()).view_as(out)).sum().backward()
    return [out.detach(), x.grad, *(p.grad.clone() for p in head.parameters())]


def test_values():
    head = _build().eval()
    x = torch.randn(5, 3, 2, 2)
    expected = F.relu(head.fc7(F.relu(head.fc6(x.flatten(1)))))
    assert torch.equal(head(x), expected)
    assert head.out_channels == expected.size(1) == 6


def test_dropout_drops_half_and_keeps_the_mean():
    head = _build(dropout=0.5)
    for fc in (head.fc6, head.fc7):
        torch.nn.init.constant_(fc.weight, 0.01)
        torch.nn.init.ones_(fc.bias)
    x = torch.zeros(4000, 3, 2, 2)
    torch.manual_seed(0)
    out = head(x)
    assert abs((out == 0).float().mean() - 0.5) < 0.02
    assert abs(out.mean() / head.eval()(x).mean() - 1) < 0.03
    assert torch.equal(_build(dropout=0.0)(x), _build(dropout=0.0).eval()(x))


@pytest.mark.parametrize('dropout', [0.0, 0.5])
def test_chunks_change_nothing_but_memory(dropout):
    x = torch.randn(11, 3, 2, 2)
    whole = _run(_build(dropout=dropout), x)
    chunked = _run(_build(dropout=dropout, chunk_size=4), x)
    for a, b in zip(whole, chunked, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    if dropout:
        assert not torch.equal(whole[0], _run(_build(dropout=dropout), x, seed=1)[0])


def test_chunks_keep_fewer_activations():
    def kept(head):
        sizes = []

        def pack(tensor):
            sizes.append(tensor.numel() * (tensor.dtype == torch.float32))
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            head(torch.randn(64, 3, 2, 2))
        return sum(sizes)

    assert kept(_build(chunk_size=8)) < kept(_build()) / 2


def test_dropout_takes_no_memory_and_has_the_same_gradient():
    head, x = _build(dropout=0.5), torch.randn(7, 3, 2, 2)
    sizes = []

    def pack(tensor):
        sizes.append((tensor.shape, tensor.dtype))
        return tensor

    found = _run(head, x)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        torch.manual_seed(0)
        head(x)
    assert all(dtype == torch.float32 for _, dtype in sizes)  # no mask

    def plain(x, mask6, mask7):
        for layer, mask in ((head.fc6, mask6), (head.fc7, mask7)):
            x = F.relu(layer(x)) * mask / 0.5
        return x

    head._layers = plain
    for a, b in zip(found, _run(head, x), strict=True):
        torch.testing.assert_close(a, b)


def test_chunks_without_gradient():
    x = torch.randn(9, 3, 2, 2)
    with torch.no_grad():
        torch.testing.assert_close(_build(chunk_size=2).eval()(x), _build().eval()(x))


def test_no_rows():
    assert _build(chunk_size=2)(torch.zeros(0, 3, 2, 2)).shape == (0, 6)


def test_weights_from_a_converted_file(tmp_path):
    source = _build()
    state = {f'roi_head.shared_head.{k}': v + 1 for k, v in source.state_dict().items()}
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'vgg.pth')
    head = _build(
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vgg.pth'), prefix='roi_head.shared_head.')
    )
    assert all(torch.equal(v, state[f'roi_head.shared_head.{k}']) for k, v in head.state_dict().items())


@pytest.mark.parametrize(
    ('kwargs', 'text'),
    [
        (dict(dropout=1.0), 'dropout'),
        (dict(chunk_size=0), 'chunk_size'),
    ],
)
def test_bad_settings(kwargs, text):
    with pytest.raises(ValueError, match=text):
        _build(**kwargs)


def test_bad_input():
    with pytest.raises(ValueError, match=r'\(3, 2, 2\)'):
        _build()(torch.zeros(1, 3, 7, 7))
