"""Colour distortion on tensors, against the numpy function."""

import numpy as np
import pytest
import torch

from tests.functional.test_no_host_sync import SYNCHRONISE, Trace
from wsod_mm.functional.photometric import photometric_distortion
from wsod_mm.functional.photometric_tensor import photometric_distortion_tensor

STRENGTHS = [
    dict(),
    dict(brightness=-32),
    dict(brightness=20, contrast=1.5),
    dict(saturation=0.5),
    dict(saturation=1.5),
    dict(hue=18),
    dict(hue=-18),
    dict(hue=300),
    dict(brightness=32, contrast=0.5, saturation=1.5, hue=-18),
    dict(brightness=-32, contrast=1.5, saturation=1.5, hue=18),
]


def random_image(seed=0, height=61, width=83):
    """Noise, and the values at which HSV has its seams: grey, black, white, two equal channels, pure colours."""
    rng = np.random.RandomState(seed)
    image = rng.randint(0, 256, (height, width, 3)).astype(np.float32)
    image[0] = image[0, :, :1]
    image[1, :, 1] = image[1, :, 2]
    image[2, :, 0] = image[2, :, 2]
    image[3, :, 0] = image[3, :, 1]
    image[4] = rng.randint(0, 2, (width, 3)) * 255
    image[5] = rng.uniform(0, 255, (width, 3))
    image[6] = rng.randint(0, 40, (width, 3))
    return image


def to_tensor(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


@pytest.mark.parametrize('strengths', STRENGTHS, ids=str)
def test_equals_the_numpy_function(strengths):
    image = random_image()
    expected = photometric_distortion(image, **strengths)
    out = photometric_distortion_tensor(to_tensor(image), **strengths)
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out.numpy().transpose(1, 2, 0), expected, atol=1e-2, rtol=0)


def test_nothing_is_clipped_and_hue_turns_the_circle():
    image = to_tensor(random_image())
    assert photometric_distortion_tensor(image, brightness=32, contrast=1.5).max() > 400
    assert photometric_distortion_tensor(image, brightness=-32).min() == -32
    torch.testing.assert_close(photometric_distortion_tensor(image, hue=360), image, atol=1e-2, rtol=0)
    # 120 degrees: red to green, green to blue, blue to red
    turned = photometric_distortion_tensor(image, hue=120)
    torch.testing.assert_close(turned, image[[1, 2, 0]], atol=1e-2, rtol=0)
    grey = photometric_distortion_tensor(image, saturation=0)
    torch.testing.assert_close(grey, image.amax(dim=0, keepdim=True).expand_as(grey), atol=1e-3, rtol=0)


def test_batch_and_double_precision_and_input_untouched():
    images = torch.stack([to_tensor(random_image(seed)) for seed in range(3)])
    before = images.clone()
    out = photometric_distortion_tensor(images, **STRENGTHS[-2])
    assert torch.equal(images, before)
    for image, single in zip(images, out, strict=True):
        assert torch.equal(photometric_distortion_tensor(image, **STRENGTHS[-2]), single)
    double = photometric_distortion_tensor(images.double(), **STRENGTHS[-2])
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), out, atol=1e-2, rtol=0)


def test_commutes_with_a_horizontal_flip():
    image = to_tensor(random_image())
    flipped = photometric_distortion_tensor(image.flip(-1), **STRENGTHS[-1])
    assert torch.equal(flipped, photometric_distortion_tensor(image, **STRENGTHS[-1]).flip(-1))


def test_no_host_synchronisation():
    image = to_tensor(random_image())
    with Trace() as trace:
        photometric_distortion_tensor(image, **STRENGTHS[-1])
    assert 'remainder' in trace.names and not trace.names & SYNCHRONISE


@pytest.mark.parametrize(
    'shape, dtype', [((3, 4, 5), torch.uint8), ((4, 5, 3), torch.float32), ((3, 4), torch.float32)]
)
def test_bad_input(shape, dtype):
    with pytest.raises(ValueError, match='must be'):
        photometric_distortion_tensor(torch.zeros(shape, dtype=dtype))
