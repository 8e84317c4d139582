"""Colour distortion of SSD, in the form that CASD uses."""

import cv2
import numpy as np

__all__ = ['photometric_distortion']


def photometric_distortion(
    image: np.ndarray,
    brightness: float = 0.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
) -> np.ndarray:
    """Apply brightness, contrast, saturation and hue with given strengths.

    SSD puts contrast before or after the HSV block at random. Both give the same image, because hue
    and saturation do not change with a common factor on all channels, so there is one place here.

    Args:
        image: ``[H, W, 3]`` BGR, 0-255, uint8 or float32.
        brightness: Added to every channel, in grey levels.
        contrast: Factor on every channel.
        saturation: Factor on S.
        hue: Added to H, in degrees, modulo 360.

    Returns:
        The same shape and dtype. Float images are not clipped, as in the reference; uint8 images
        are rounded and clipped once, at the end, so that no step in between loses information.

    Raises:
        ValueError: If ``image`` is neither uint8 nor float32.

    Source: specs, CASD section "Colour aug" (SSD's photometric distortion without channel swap,
        crop and expand).
    """
    if image.dtype not in (np.uint8, np.float32):
        raise ValueError(f'the image must be uint8 or float32 in 0-255, got {image.dtype}')
    out = image.astype(np.float32) + np.float32(brightness)
    out *= np.float32(contrast)
    if saturation != 1.0 or hue != 0.0:
        hsv = cv2.cvtColor(out, cv2.COLOR_BGR2HSV)
        hsv[..., 1] *= np.float32(saturation)
        hsv[..., 0] = (hsv[..., 0] + np.float32(hue)) % 360
        out = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8) if image.dtype == np.uint8 else out
