"""Colour jitter in the terms of PIL: the four factors that classifiers of natural images are trained with."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance

__all__ = ['JITTERS', 'color_jitter']

JITTERS = ('brightness', 'contrast', 'saturation', 'hue')


def color_jitter(
    image: np.ndarray,
    brightness: float = 1.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
    order: Sequence[str] = JITTERS,
) -> np.ndarray:
    """Change brightness, contrast, saturation and hue, one after the other, rounding to uint8 in between.

    Not :func:`.photometric.photometric_distortion`, whose brightness is added and whose contrast turns about black:
    here brightness is a factor, contrast turns about the mean grey of the image, and saturation about its grey image.

    Source: specs/affinity.md 4 (the names and strengths are those of torchvision's transform).

    Args:
        image: ``[H, W, 3]`` RGB uint8.
        brightness: Factor, >= 0.
        contrast: Factor, >= 0; 0 is flat grey.
        saturation: Factor, >= 0; 0 is the grey image.
        hue: Shift in turns of the colour circle, -.5 to .5, in steps of 1/256.
        order: In which the four are done; they do not commute.

    Returns:
        ``[H, W, 3]`` uint8, writable.

    Raises:
        ValueError: If the image is not uint8, a factor is negative, or the order names something else.
    """
    if image.dtype != np.uint8:
        raise ValueError(f'colour jitter needs a uint8 image, got {image.dtype}; put it before normalisation')
    if min(brightness, contrast, saturation) < 0 or not -0.5 <= hue <= 0.5:
        raise ValueError(
            f'factors must not be negative and hue must lie in [-.5, .5], got {brightness}, {contrast}, {saturation}, '
            f'{hue}'
        )
    if not set(order) <= set(JITTERS):
        raise ValueError(f'order {tuple(order)} may only name {JITTERS}')
    picture = Image.fromarray(image)
    for name in order:
        if name == 'hue':
            picture = _shift_hue(picture, hue)
        elif name == 'brightness':
            picture = ImageEnhance.Brightness(picture).enhance(brightness)
        elif name == 'contrast':
            picture = ImageEnhance.Contrast(picture).enhance(contrast)
        else:
            picture = ImageEnhance.Color(picture).enhance(saturation)
    return np.array(picture)


def _shift_hue(picture: Image.Image, hue: float) -> Image.Image:
    steps = int(hue * 255)
    if not steps:  # the way to HSV and back rounds
        return picture
    h, s, v = picture.convert('HSV').split()
    h = Image.fromarray(((np.asarray(h, np.int16) + steps) % 256).astype(np.uint8))
    return Image.merge('HSV', (h, s, v)).convert('RGB')
