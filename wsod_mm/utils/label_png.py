"""Label maps as palette PNG files in the colours of VOC: the number of a pixel is its label."""

import os

import numpy as np
from PIL import Image

from .io import atomic_write

__all__ = ['read_label_png', 'voc_palette', 'write_grey_png', 'write_label_png']


def voc_palette() -> np.ndarray:
    """Colours of VOC: the bits of the label go to red, green and blue in turn, from the highest bit down.

    Source: VOC devkit.

    Returns:
        ``[256, 3]`` uint8, RGB; 0 is black, 255 is the cream of ignored pixels.
    """
    labels = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((labels >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def write_label_png(path: str | os.PathLike, label: np.ndarray) -> None:
    """Write a label map, atomically.

    Args:
        path: The file to be written; its folder is made when missing.
        label: ``[H, W]`` integers, 0-255: 0 background, class id + 1, 255 ignored.

    Raises:
        ValueError: If it is no such map.
    """
    label = np.asarray(label)
    if label.ndim != 2 or not label.size or label.dtype.kind not in 'iu':
        raise ValueError(f'{path}: a label map must be integers [H, W], got {label.shape} {label.dtype}')
    if label.min() < 0 or label.max() > 255:
        raise ValueError(
            f'{path}: labels run from {label.min()} to {label.max()}, but a PNG holds 0-255; write ignored pixels as '
            '255'
        )
    # fromarray takes the buffer as it lies
    picture = Image.fromarray(np.ascontiguousarray(label, dtype=np.uint8))
    picture.putpalette(voc_palette().tobytes())
    with atomic_write(path, '.png') as temporary:
        picture.save(temporary, 'PNG')


def write_grey_png(path: str | os.PathLike, values: np.ndarray) -> None:
    """Write a map of shares as a grey picture of 8 bits, atomically.

    Args:
        path: The file to be written; its folder is made when missing.
        values: ``[h, w]`` float in [0, 1].
    """
    with atomic_write(path, '.png') as temporary:
        Image.fromarray(np.rint(255 * np.asarray(values)).astype(np.uint8)).save(temporary, 'PNG')


def read_label_png(path: str | os.PathLike) -> np.ndarray:
    """Read a label map: palette files give the numbers, grey files the grey levels, colour files VOC's colours.

    Args:
        path: PNG file.

    Returns:
        ``[H, W]`` uint8, writable.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, has more than 8 bits, or a colour that is not VOC's.
    """
    try:
        with Image.open(path) as picture:
            mode, data = picture.mode, np.array(picture)
    except FileNotFoundError:
        raise FileNotFoundError(f'no label map {path}; correct the folder, or take the image off the list') from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path} is not a readable image ({error}); write it again') from error
    if mode in ('P', 'L'):
        return data
    if mode == '1':
        return data.astype(np.uint8)
    if mode not in ('RGB', 'RGBA'):
        raise ValueError(f'{path} has mode {mode}; a label map must be a palette, 8-bit grey or RGB image')
    return _from_colours(data[..., :3], path)


def _from_colours(data: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    weights = np.array([65536, 256, 1])
    codes, palette = data.astype(np.int64) @ weights, voc_palette().astype(np.int64) @ weights
    order = palette.argsort(kind='stable')
    place = np.searchsorted(palette[order], codes).clip(max=255)
    label = order[place]
    wrong = palette[label] != codes
    if wrong.any():
        y, x = np.argwhere(wrong)[0]
        raise ValueError(
            f'{path}: pixel (x {x}, y {y}) has colour {tuple(data[y, x].tolist())}, which is no colour of VOC; save '
            'the map as a palette or grey PNG whose values are the labels'
        )
    return label.astype(np.uint8)
