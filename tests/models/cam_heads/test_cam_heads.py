"""ADL inserted by name, and the heads of ACoL and SPG with the contract of an image classifier."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample

import wsod_mm.models.cam_heads  # noqa: F401  registers
from wsod_mm.functional.acol import acol_cam, class_attention, erase_attended
from wsod_mm.functional.adl import adl_maps
from wsod_mm.models.cam_heads import ADL, ACoLHead, SPGHead, insert_adl
from wsod_mm.registry import MODELS

BACKBONE = dict(type='mmdet.ResNet', depth=18, base_channels=8, out_indices=(1, 2, 3), norm_eval=False)


def test_layer():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 5)
    importance, mask = adl_maps(x, 0.8)
    for rate, expected in ((1.0, mask), (0.0, importance)):
        assert torch.equal(ADL(rate, 0.8).train()(x), x * expected)
        assert ADL(rate, 0.8).eval()(x) is x
    with pytest.raises(ValueError, match='drop_rate'):
        ADL(1.2)


def test_insertion_keeps_names_and_follows_the_mode():
    torch.manual_seed(0)
    plain = MODELS.build(BACKBONE)
    names = ['layer3.0', 'layer4.1']
    model = MODELS.build(dict(type='ADLBackbone', backbone=BACKBONE, after=names, drop_rate=1.0))
    model.load_state_dict(plain.state_dict(), strict=True)
    assert list(model.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 3, 64, 64)
    for each in (model, plain):
        each.eval()
    for a, b in zip(model(x), plain(x), strict=True):
        assert torch.equal(a, b)
    for each in (model, plain):
        each.train()
    out, expected = model(x), plain(x)
    assert torch.equal(out[0], expected[0]) and not torch.equal(out[1], expected[1])
    assert torch.equal(copy.deepcopy(model)(x)[1], out[1])  # a copy, as of a moving average, has its own


def test_insertion_can_be_taken_back():
    model = MODELS.build(BACKBONE)
    handles = insert_adl(model, ['layer4'], drop_rate=1.0)
    assert len(handles) == len(model.layer4._forward_hooks) == 1
    handles[0].remove()
    assert not model.layer4._forward_hooks
    with pytest.raises(ValueError, match=r"no module 'layer3.9' .*layer3"):
        insert_adl(model, ['layer3.9'])
    with pytest.raises(ValueError, match='empty'):
        insert_adl(model, [])


def test_acol_head():
    torch.manual_seed(0)
    head = ACoLHead(4, 6, mid_channels=8, threshold=0.6, init_cfg=dict(type='Xavier', layer='Conv2d'))
    head.init_weights()
    x, labels = torch.randn(2, 6, 7, 5), torch.tensor([3, 1])
    loss = head.feature_loss(x, labels)['loss_cls']
    a = head.classifier_a(x)
    b = head.classifier_b(erase_attended(x, class_attention(a, labels), 0.6))
    torch.testing.assert_close(loss, sum(F.cross_entropy(m.mean((2, 3)), labels) for m in (a, b)))
    torch.testing.assert_close(head.feature_loss((x,), F.one_hot(labels, 4).float())['loss_cls'], loss)
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())
    torch.testing.assert_close(head(x), a.mean((2, 3)))
    torch.testing.assert_close(head.class_cams(x, labels), acol_cam(a, b, labels))
    maps = head.activation_maps(x)
    assert maps.shape == (2, 4, 7, 5)
    torch.testing.assert_close(maps[torch.arange(2), labels], head.class_cams(x, labels))
    torch.testing.assert_close(head.scores(head(x)).sum(1), torch.ones(2))


def test_acol_switches():
    torch.manual_seed(0)
    x, labels = torch.randn(2, 6, 7, 5), torch.tensor([3, 1])
    losses = []
    for kwargs in ({}, dict(threshold=0.2), dict(avg_pool=True), dict(loss_weight=2.0)):
        torch.manual_seed(1)
        head = ACoLHead(4, 6, mid_channels=8, **kwargs)
        losses.append(head.feature_loss(x, labels)['loss_cls'].item())
    assert len(set(losses)) == 4 and losses[3] == pytest.approx(2 * losses[0])
    valid = torch.zeros(2, 7, 5)
    valid[:, :4] = 1
    torch.testing.assert_close(head(x, valid), head.classifier_a(x)[:, :, :4].mean((2, 3)))
    with pytest.raises(ValueError, match='threshold'):
        ACoLHead(4, 6, threshold=2)
    with pytest.raises(ValueError, match='in_channels=6'):
        head(x[:, :3])


def spg_head(**kwargs):
    torch.manual_seed(1)
    return SPGHead(4, (3, 5, 6), mid_channels=8, **{'mask_size': (32, 24), **kwargs})


def test_spg_head():
    torch.manual_seed(0)
    features = tuple(torch.randn(2, c, n, n) for c, n in ((3, 16), (5, 8), (6, 8)))
    labels = torch.tensor([3, 1])
    head = spg_head()
    losses = head.feature_loss(features, labels)
    assert set(losses) == {'loss_cls', 'loss_b1', 'loss_b2', 'loss_c'}
    torch.testing.assert_close(losses['loss_cls'], F.cross_entropy(head(features[2]), labels))
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())
    torch.testing.assert_close(head.feature_loss(features, F.one_hot(labels, 4).float()), losses)
    maps = head.class_maps(features[2])
    torch.testing.assert_close(head.class_cams(features[2], labels[:, None])[:, 0], maps[torch.arange(2), labels])
    assert torch.equal(head.activation_maps(features[2]), maps.clamp(min=0))
    torch.testing.assert_close(head.scores(head(features[2])).sum(1), torch.ones(2))


def test_spg_switches():
    torch.manual_seed(0)
    features = tuple(torch.randn(2, c, 8, 8) for c in (3, 5, 6))
    labels = torch.tensor([3, 1])
    base = {k: v.item() for k, v in spg_head().feature_loss(features, labels).items()}
    for kwargs in (dict(thresholds=((0.6, 0.3),) * 3), dict(mask_size=(9, 9)), dict(loss_weight=0.5)):
        assert spg_head(**kwargs).feature_loss(features, labels)['loss_b2'].item() != base['loss_b2']
    swapped = spg_head(in_indices=(0, 1, -1)).feature_loss((*features[:2], features[1], features[2]), labels)
    torch.testing.assert_close({k: v.item() for k, v in swapped.items()}, base)
    with pytest.raises(ValueError, match='three of each'):
        SPGHead(4, (3, 5))
    with pytest.raises(ValueError, match='out_indices'):
        spg_head().feature_loss(features[2], labels)
    with pytest.raises(ValueError, match='configured with 6'):
        spg_head()(features[0])


@pytest.mark.parametrize(
    'head', [dict(type='ACoLHead', in_channels=64), dict(type='SPGHead', in_channels=(16, 32, 64))]
)
def test_heads_predict_inside_an_image_classifier(head):
    model = MODELS.build(
        dict(type='ImageClassifier', backbone=BACKBONE, head=dict(num_classes=3, mid_channels=8, **head))
    )
    samples = model.eval()(torch.randn(2, 3, 64, 48), [DetDataSample(), DetDataSample()], mode='predict')
    assert samples[0].pred_label.score.shape == (3,)
    assert model.class_activation_maps(torch.randn(1, 3, 64, 48)).shape == (1, 3, 2, 2)
