"""Hide-and-Seek and CutMix as augmentations of mmdet's preprocessor."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import LabelData

import wsod_mm.models.batch_augments  # noqa: F401  registers
from wsod_mm.functional.cutmix import pasted_share
from wsod_mm.models.batch_augments import CutMix, HideAndSeek
from wsod_mm.registry import MODELS


def samples(size=(12, 16), weight=False):
    out = []
    for k in range(3):
        sample = DetDataSample(metainfo=dict(img_shape=size, batch_input_shape=size))
        sample.gt_label = LabelData(score=torch.eye(4)[k])
        if weight:
            sample.gt_label.weight = 1 - torch.eye(4)[(k + 1) % 4]
        out.append(sample)
    return out


def test_preprocessor_applies_them_in_training_only():
    preprocessor = MODELS.build(
        dict(
            type='mmdet.DetDataPreprocessor',
            mean=[128.0] * 3,
            std=[64.0] * 3,
            batch_augments=[dict(type='wsod_mm.HideAndSeek', drop_rate=1.0)],
        )
    )
    data = dict(inputs=[torch.full((3, 12, 16), 255, dtype=torch.uint8)] * 3, data_samples=samples())
    assert not preprocessor(data, training=True)['inputs'].any()
    assert preprocessor(data, training=False)['inputs'].all()


def test_hide_and_seek():
    torch.manual_seed(0)
    images, before = torch.ones(64, 2, 12, 16), samples()
    out, after = HideAndSeek(4, 0.3)(images, before)
    assert after is before and images.all()
    patches = out[:, :, ::4, ::4]
    assert torch.equal(out, patches.repeat_interleave(4, 2).repeat_interleave(4, 3))
    assert 0.25 < 1 - patches.mean() < 0.35
    never = HideAndSeek(4, 0.9, compat=True)(torch.ones(64, 1, 4, 16), before)[0]
    assert never[..., 4:].all() and not never[..., :4].all()
    for kwargs in (dict(grid_size=0), dict(drop_rate=-0.1)):
        with pytest.raises(ValueError, match='grid_size'):
            HideAndSeek(**kwargs)


@pytest.mark.parametrize('clipped', [False, True])
def test_cut_mix(clipped, monkeypatch):
    torch.manual_seed(2)
    boxes = []
    from wsod_mm.functional import cutmix

    def box(*args):
        boxes.append((cutmix.cutmix_box(*args), args[1]))
        return boxes[-1][0]

    monkeypatch.setattr('wsod_mm.models.batch_augments.cut_mix.cutmix_box', box)
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 12, 16).clone()
    for _ in range(10):
        out, mixed = CutMix(clipped_share=clipped)(images, samples())
        (top, left, bottom, right), lam = boxes[-1]
        if clipped:
            lam = pasted_share(boxes[-1][0], (12, 16))
        for k, sample in enumerate(mixed):
            score = sample.gt_label.score
            other = int(out[k, 0, top, left]) if bottom > top and right > left else None
            assert score.sum() == pytest.approx(1)
            if other is not None:
                expected = lam * torch.eye(4)[k] + (1 - lam) * torch.eye(4)[other]
                torch.testing.assert_close(score, expected)
                assert (out[k, 0, top:bottom, left:right] == other).all()
            assert (out[k] != k).sum() in (0, (bottom - top) * (right - left))
    assert images[0].sum() == 0


def test_cut_mix_weights_and_probability():
    torch.manual_seed(0)
    images = torch.rand(3, 1, 12, 16)
    mixed = CutMix()(images, samples(weight=True))[1]
    for k, sample in enumerate(mixed):
        assert sample.gt_label.weight[(k + 1) % 4] == 0 and set(sample.gt_label.weight.tolist()) <= {0, 1}
    assert CutMix(prob=0.0)(images, samples())[0] is images
    changed = [CutMix(prob=0.5)(images, samples())[0] is not images for _ in range(40)]
    assert 8 < sum(changed) < 32
    shares = {
        a: torch.stack([CutMix(a)(images, samples())[1][0].gt_label.score[0] for _ in range(30)]) for a in (1, 99)
    }
    assert shares[99].std() < shares[1].std()


def test_cut_mix_errors():
    with pytest.raises(ValueError, match='alpha'):
        CutMix(alpha=0)
    with pytest.raises(ValueError, match='padded'):
        CutMix()(torch.rand(3, 1, 12, 16), samples((12, 15)))
    with pytest.raises(ValueError, match='gt_label.score'):
        CutMix()(torch.rand(1, 1, 12, 16), [DetDataSample()])
