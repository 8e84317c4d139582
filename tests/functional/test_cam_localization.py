"""Score maps from a classifier: chosen classes, dialects of normalisation, resizing."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.cam_localization import (
    CAM_DIALECTS,
    cam_map,
    cam_to_uint8,
    normalize_cam,
    resize_cam,
    score_map,
)
from wsod_mm.functional.class_maps import class_activation_maps


def data(batch=3, channels=5, classes=4):
    torch.manual_seed(0)
    return torch.randn(batch, channels, 6, 7), torch.randn(classes, channels)


def test_chosen_classes_are_those_of_all_classes():
    features, weight = data()
    ids = torch.tensor([[0, 3], [2, 2], [1, 0]])
    everything = class_activation_maps(features, weight)
    out = cam_map(features, weight[:, :, None, None], ids, normalize=None, relu=True)
    torch.testing.assert_close(out, everything[torch.arange(3)[:, None], ids])
    single = cam_map(features, weight, ids[:, 1], normalize=None, relu=True)
    torch.testing.assert_close(single, out[:, 1])


def test_batch_and_single_image_agree():
    features, weight = data()
    ids = torch.tensor([1, 3, 0])
    whole = cam_map(features, weight, ids)
    for k in range(3):
        torch.testing.assert_close(cam_map(features[k : k + 1], weight, ids[k : k + 1])[0], whole[k])


def test_minus_one_is_no_class():
    features, weight = data()
    out = cam_map(features, weight, torch.tensor([[1, -1], [-1, -1], [0, 2]]))
    assert not out[0, 1].any() and not out[1].any() and out[0, 0].max() == 1 and out[2, 1].max() == 1


def test_settings_change_the_map():
    features, weight = data()
    ids = torch.tensor([0, 1, 2])
    raw = cam_map(features, weight, ids, normalize=None)
    torch.testing.assert_close(cam_map(features, weight, ids, normalize=None, reduce='mean'), raw / 5)
    assert (raw < 0).any() and torch.equal(cam_map(features, weight, ids, None, relu=True), raw.clamp(min=0))
    assert not torch.allclose(cam_map(features, weight, ids), cam_map(features, weight, ids, relu=True))
    assert cam_map(features, weight, ids, eps=0.5).max() < 1 == cam_map(features, weight, ids).max()


def test_gradients():
    features, weight = (each.double().requires_grad_() for each in data(2, 3, 3))
    ids = torch.tensor([[0, 2], [2, 1]])
    for mode in ('minmax', 'max', None):
        assert torch.autograd.gradcheck(lambda f, w, m=mode: cam_map(f, w, ids, m), (features, weight))


def test_half_precision_is_computed_in_float32():
    features, weight = data()
    ids = torch.tensor([0, 1, 2])
    with torch.autocast('cpu', torch.bfloat16):
        out = cam_map(features, weight, ids)
    torch.testing.assert_close(out, cam_map(features, weight, ids), rtol=0, atol=0)
    assert cam_map(features.bfloat16(), weight, ids).dtype == torch.float32


@pytest.mark.parametrize('mode', ['minmax', 'max'])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), None])
def test_maps_without_contrast_or_not_finite_are_zeros_with_no_gradient(mode, bad):
    maps = torch.rand(3, 4, 5)
    maps[1] = -0.7
    if bad is not None:
        maps[2, 1, 1] = bad
    maps.requires_grad_()
    out = normalize_cam(maps, mode)
    out.sum().backward()
    assert not out[1].any() and maps.grad.isfinite().all() and not maps.grad[1].any()
    assert bool(out[2].any()) == (bad is None)
    assert out[0].max() == 1 and (mode == 'max' or out[0].min() == 0)


def test_normalisations():
    m = torch.tensor([[-1.0, 1], [3, 0]])
    torch.testing.assert_close(normalize_cam(m), torch.tensor([[0.0, 0.5], [1, 0.25]]))
    torch.testing.assert_close(normalize_cam(m, 'max'), torch.tensor([[0, 1 / 3], [1, 0]]))
    torch.testing.assert_close(normalize_cam(m, eps=4.0), torch.tensor([[0, 0.25], [0.5, 0.125]]))
    assert torch.equal(normalize_cam(m, None), m)
    assert not normalize_cam(-torch.rand(3, 3) - 1, 'max').any()  # all negative: nothing above zero
    assert normalize_cam(torch.ones(1, 1)).item() == 0


def test_uint8_is_truncated():
    assert cam_to_uint8(torch.tensor([0, 0.999, 1, 1.5, -1, float('nan')])).tolist() == [0, 254, 255, 255, 0, 0]


def test_resize_modes():
    maps = torch.rand(2, 3, 7, 5)
    for mode, flag, same in (('bilinear', cv2.INTER_LINEAR, 'cv2'), ('bicubic', cv2.INTER_CUBIC, 'cv2_cubic')):
        expected = np.stack([[cv2.resize(m.numpy(), (33, 20), interpolation=flag) for m in each] for each in maps])
        assert np.array_equal(resize_cam(maps, (20, 33), same).numpy(), expected)
        out = resize_cam(maps, (20, 33), mode)
        np.testing.assert_allclose(out.numpy(), expected, atol=2e-6)
    assert not torch.allclose(resize_cam(maps, (20, 33)), resize_cam(maps, (20, 33), 'bicubic'), atol=1e-2)
    assert resize_cam(maps[:0], (4, 4), 'cv2').shape == (0, 3, 4, 4)
    torch.testing.assert_close(resize_cam(torch.full((1, 1), 0.4), (9, 8)), torch.full((9, 8), 0.4))  # one cell
    small = (maps * 255).byte()
    assert np.array_equal(resize_cam(small, (9, 8), 'cv2')[1, 2].numpy(), cv2.resize(small[1, 2].numpy(), (8, 9)))
    maps.requires_grad_()
    assert resize_cam(maps, (9, 8)).requires_grad and not resize_cam(maps, (9, 8), 'cv2').requires_grad


def test_dialects():
    raw = torch.randn(2, 7, 7)
    maps = {name: score_map(raw, (50, 40), name) for name in CAM_DIALECTS}
    small = (raw - raw.amin((1, 2), keepdim=True)) / (raw - raw.amin((1, 2), keepdim=True)).amax((1, 2), keepdim=True)
    blog = [cv2.resize(np.uint8(255 * m), (40, 50)) for m in small.numpy()]
    assert maps['blog'].dtype == torch.uint8 and np.array_equal(maps['blog'].numpy(), blog)
    torch.testing.assert_close(
        maps['max'],
        F.interpolate((raw.clamp(min=0) / raw.amax((1, 2), keepdim=True))[None], (50, 40), mode='bilinear')[0],
    )
    assert maps['wsol'].dtype == torch.float64 and maps['default'].dtype == torch.float32
    for name in ('default', 'wsol'):  # normalised after resizing: both ends are reached
        assert (maps[name].amin((1, 2)) == 0).all() and (maps[name].amax((1, 2)) == 1).all()
    floats = [maps[name].double() for name in ('default', 'max', 'wsol')]
    assert all(not torch.allclose(a, b, atol=1e-3) for k, a in enumerate(floats) for b in floats[:k])
    # negatives are cut by both of these, the minimum of a positive map by one
    torch.testing.assert_close(maps['gradcam'], maps['max'])
    positive = raw - raw.amin() + 1
    assert score_map(positive, (50, 40), 'gradcam').min() < 0.05 < 0.1 < score_map(positive, (50, 40), 'max').min()


@pytest.mark.parametrize('value', [0.4, -0.1, 1e-9, 12345.678])
@pytest.mark.parametrize('cells', [1, 7])
def test_flat_maps_are_zeros_in_spite_of_rounding_while_resizing(value, cells):
    cams = torch.full((2, cells, cells), value)
    for name in CAM_DIALECTS:
        out = score_map(cams, (37, 53), name)
        if name == 'max' and value > 0:  # positive everywhere: all of it
            torch.testing.assert_close(out, torch.ones(2, 37, 53))
        else:
            assert not out.any(), name


def test_errors():
    features, weight = data()
    ids = torch.tensor([0, 1, 2])
    for args, match in (
        ((features, weight[:, :4], ids), 'do not fit'),
        ((features[0], weight, ids), 'do not fit'),
        ((features, weight, ids[:2]), 'class_ids'),
        ((features, weight, ids.float()), 'class_ids'),
        ((features, weight, ids + 2), 'classes 0 to 3'),
        ((features, weight, ids - 2), 'reach from -2'),
        ((features, weight, ids, 'softmax'), 'normalize='),
    ):
        with pytest.raises(ValueError, match=match):
            cam_map(*args)
    with pytest.raises(ValueError, match='reduce'):
        cam_map(features, weight, ids, reduce='max')
    with pytest.raises(ValueError, match='float'):
        normalize_cam(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match='h, w >= 1'):
        normalize_cam(torch.ones(2, 0))
    with pytest.raises(ValueError, match='mode='):
        resize_cam(features, (3, 3), 'nearest')
    with pytest.raises(ValueError, match='at least 1'):
        resize_cam(features, (0, 3))
    with pytest.raises(ValueError, match="mode='cv2'"):
        resize_cam(features.byte(), (3, 3))
    with pytest.raises(ValueError, match='dialect'):
        score_map(features, (3, 3), 'zhou')
