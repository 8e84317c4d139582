"""Image classifier: as MMDetection's models behave, padding, hand-over of the backbone."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmengine.structures import LabelData

from wsod_mm.registry import MODELS

_BACKBONE = dict(type='VGG16', stride=8, frozen_stages=0, width_mult=1 / 16)


def _build(backbone=None, **head):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(backbone or _BACKBONE),
            head=dict(type='GAPClsHead', num_classes=3, in_channels=32, **head),
            data_preprocessor=dict(type='DetDataPreprocessor', mean=[100.0] * 3, std=[60.0] * 3, bgr_to_rgb=False),
        )
    )
    model.init_weights()
    return model


def _batch(*sizes, weight=None):
    """Raw batch as a dataloader gives it: uint8 images of the given (height, width)."""
    generator = torch.Generator().manual_seed(1)
    inputs, samples = [], []
    for i, size in enumerate(sizes):
        inputs.append(torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8))
        label = LabelData(score=torch.eye(3)[i % 3])
        if weight is not None:
            label.weight = torch.tensor(weight)
        samples.append(DetDataSample(gt_label=label, metainfo=dict(img_id=str(i), img_shape=size)))
    return dict(inputs=inputs, data_samples=samples)


def _loss(model, batch):
    return model(**model.data_preprocessor(batch, True), mode='loss')['loss_cls']


@pytest.mark.parametrize('loss', ['bce', 'ce'])
def test_learns(loss):
    model = _build(loss=loss)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    batch = _batch((32, 32), (32, 32), (32, 32))
    for i, image in enumerate(batch['inputs']):
        image.zero_()[i] = 255  # one colour per class
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        losses.append(_loss(model, batch))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 2


def test_padding_does_not_change_the_scores():
    """A single convolution shows it exactly: deeper nets see the border of the padding."""

    class Patches(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 32, 8, 8)

        def forward(self, x):
            return (self.conv(torch.nn.functional.pad(x, (0, -x.shape[-1] % 8, 0, -x.shape[-2] % 8))),)

    model = _build(feature='conv_gap')
    model.backbone = Patches()
    sizes = [(40, 24), (16, 64), (37, 50)]
    alone = []
    for i in range(3):
        batch = _batch(*sizes)
        one = dict(inputs=batch['inputs'][i : i + 1], data_samples=batch['data_samples'][i : i + 1])
        data = model.data_preprocessor(one)
        alone.append(model(**data, mode='predict')[0].pred_label.score)
    together = model(**model.data_preprocessor(_batch(*sizes)), mode='predict')
    for one, sample in zip(alone, together, strict=True):
        torch.testing.assert_close(sample.pred_label.score, one)


def test_predict_needs_no_labels():
    model = _build().eval()
    batch = _batch((32, 40), (32, 40))
    for sample in batch['data_samples']:
        del sample.gt_label
    out = model.test_step(batch)
    assert [tuple(s.pred_label.score.shape) for s in out] == [(3,), (3,)]
    assert all(((s.pred_label.score > 0) & (s.pred_label.score < 1)).all() for s in out)
    logits = model(model.data_preprocessor(batch)['inputs'])
    torch.testing.assert_close(logits.sigmoid(), torch.stack([s.pred_label.score for s in out]))


def test_weight_switches_classes_off():
    model = _build()
    plain = _loss(model, _batch((32, 32), (32, 32)))
    weighted = _loss(model, _batch((32, 32), (32, 32), weight=[1.0, 0.0, 0.0]))
    assert not torch.equal(plain, weighted)
    torch.testing.assert_close(plain, _loss(model, _batch((32, 32), (32, 32), weight=[1.0, 1.0, 1.0])))


def test_mmdet_backbone():
    model = _build(backbone=dict(type='ResNet', depth=18, base_channels=4, out_indices=(0, 3)))
    loss = _loss(model, _batch((64, 64), (48, 64)))
    loss.backward()
    assert loss.isfinite() and model.backbone.layer4[0].downsample[0].weight.grad.abs().sum() > 0


def test_detector_takes_the_backbone_by_load_from(tmp_path):
    model = _build()
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'cls.pth')
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        detector = MODELS.build(
            dict(
                type='FastRCNN',
                backbone=dict(_BACKBONE),
                roi_head=None,
                train_cfg=None,
                test_cfg=None,
            )
        )
    load_checkpoint(detector, str(tmp_path / 'cls.pth'))
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(detector.backbone.state_dict()[name], value)


def test_errors():
    model = _build()
    with pytest.raises(ValueError, match='mode'):
        model(torch.zeros(1, 3, 32, 32), mode='train')
    batch = _batch((32, 32))
    batch['data_samples'][0].gt_label.score = torch.zeros(20)
    with pytest.raises(ValueError, match='20 classes.*num_classes=3'):
        _loss(model, batch)
    with pytest.raises(ValueError, match='test_cfg'):
        MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(_BACKBONE),
                head=dict(type='GAPClsHead', num_classes=3, in_channels=32),
                test_cfg=dict(score_thr=0.1),
            )
        )
