"""Reading images of any kind as RGB uint8 arrays."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .image_file import incomplete_reason

__all__ = ['decode_rgb_image', 'read_rgb_image']


def read_rgb_image(path: str | os.PathLike, apply_exif: bool = False) -> np.ndarray:
    """Read an image file.

    Args:
        path: JPEG, PNG or anything else that PIL reads.
        apply_exif: See :func:`decode_rgb_image`.

    Returns:
        See :func:`decode_rgb_image`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty, truncated or no image.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f'no image file {path}; correct data_root or take it out of the list') from None
    return decode_rgb_image(data, str(path), apply_exif)


def decode_rgb_image(data: bytes, name: str = 'image', apply_exif: bool = False) -> np.ndarray:
    """Decode an image: grey, CMYK, palette and 16-bit images become RGB, transparency is left out.

    Pixels are decoded by PIL, as in the public codes of PSA and IRN.

    Args:
        data: The whole file.
        name: What to call it in messages.
        apply_exif: Turn the image as its EXIF tag asks. Off as in :class:`.transforms.LoadWeakImage`: label maps are
            in the coordinates of the stored image.

    Returns:
        ``[H, W, 3]`` uint8, RGB, C-contiguous and writable (as compiled dense CRFs ask).

    Raises:
        ValueError: If the bytes are empty, truncated or no image.
    """
    reason = incomplete_reason(data)
    if reason is None:
        try:
            with Image.open(io.BytesIO(data)) as picture:
                if apply_exif:
                    picture = ImageOps.exif_transpose(picture)
                return np.array(_to_rgb(picture), np.uint8, order='C')
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            reason = f'PIL cannot read it: {error}'
    raise ValueError(f'cannot use image {name}: {reason}; copy or download it again, or take it out of the list')


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith('I'):  # 16 bits, which convert() would clip at 255
        grey = np.asarray(picture).astype(np.int64).clip(0, 65535) >> 8
        picture = Image.fromarray(grey.astype(np.uint8))
    elif picture.mode == 'F':
        raise ValueError('float pixels have no grey level; convert it to 8 bits')
    return picture.convert('RGB')
