"""From an RGB image to the inputs of a network: PIL's resizing, normalisation, scales and mirror images."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .cam_maps import scaled_size

__all__ = [
    'CAFFE_NORM',
    'IMAGENET_NORM',
    'PixelNorm',
    'multi_scale_inputs',
    'normalize_image',
    'resize_bicubic',
    'resize_nearest',
]


class PixelNorm(NamedTuple):
    """What is subtracted from the pixels of a network's input, and what they are divided by.

    Attributes:
        mean: Three grey levels (0-255), in the order of the network's channels.
        std: Three divisors, grey levels, the same order.
        bgr: Whether the network wants blue first.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False


#: ResNet38 of PSA and all networks of IRN: RGB in [0, 1] with the mean and deviation of ImageNet (spec 2.3).
IMAGENET_NORM = PixelNorm((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
#: VGG16 of PSA: BGR grey levels minus their mean (spec 2.3).
CAFFE_NORM = PixelNorm((104.008, 116.669, 122.675), (1.0, 1.0, 1.0), bgr=True)


def resize_bicubic(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image with PIL's bicubic filter, which widens its support where it shrinks (OpenCV's does not).

    Args:
        image: ``[H, W, 3]`` uint8.
        height: Height of the result, pixels.
        width: Width of the result, pixels.

    Returns:
        ``[height, width, 3]`` uint8, writable.

    Raises:
        ValueError: If the image is not uint8: PIL has no filter for float colours.
    """
    _require_uint8(image)
    if image.shape[:2] == (height, width):
        return image.copy()
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def resize_nearest(label: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a label map with PIL's nearest neighbour: the pixel under the centre of the new one.

    Args:
        label: ``[H, W]`` uint8.
        height: Height of the result, pixels.
        width: Width of the result, pixels.

    Returns:
        ``[height, width]`` uint8, writable.

    Raises:
        ValueError: If the map is not uint8.
    """
    _require_uint8(label)
    return np.array(Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST))


def normalize_image(image: np.ndarray, norm: PixelNorm) -> np.ndarray:
    """Subtract the mean, divide by the deviation, and put the channels into the network's order.

    Args:
        image: ``[H, W, 3]`` RGB, grey levels 0-255, any dtype.
        norm: Mean, deviation and order.

    Returns:
        ``[H, W, 3]`` float32 in the network's order.
    """
    ordered = image[..., ::-1] if norm.bgr else image
    return (ordered.astype(np.float32) - np.float32(norm.mean)) / np.float32(norm.std)


def multi_scale_inputs(image: np.ndarray, scales: Sequence[float], norm: PixelNorm) -> list[Tensor]:
    """Network inputs of multi-scale CAM: every scale as it is and mirrored.

    Source: specs/affinity.md 5.2 and 10.2 (the uint8 image is resized, then normalised, then mirrored).

    Args:
        image: ``[H, W, 3]`` RGB uint8.
        scales: Factors; (1, .5, 1.5, 2) in both public codes.
        norm: How the network wants its pixels.

    Returns:
        One ``[2, 3, h_s, w_s]`` float32 a scale: image, mirror image.
    """
    inputs = []
    for scale in scales:
        scaled = resize_bicubic(image, *scaled_size(*image.shape[:2], scale))
        tensor = torch.from_numpy(np.ascontiguousarray(normalize_image(scaled, norm).transpose(2, 0, 1)))
        inputs.append(torch.stack((tensor, tensor.flip(-1))))
    return inputs


def _require_uint8(array: np.ndarray) -> None:
    if array.dtype != np.uint8:
        raise ValueError(f'resizing by PIL needs uint8, got {array.dtype}; resize before converting or normalising')
