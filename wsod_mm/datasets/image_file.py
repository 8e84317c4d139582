"""Looking at image files without decoding them: size from the header, and whether the file is
whole."""

import os
import struct

from PIL import Image

__all__ = ['IMAGE_SUFFIXES', 'incomplete_reason', 'read_image_size']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')

_JPEG_START, _JPEG_END, _JPEG_SCAN = b'\xff\xd8', b'\xff\xd9', 0xDA
_PNG_START, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND'


def read_image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Size of an image from its header.

    Args:
        path: Image file.

    Returns:
        (height, width) in pixels as stored, that is without the rotation an EXIF tag asks for.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the header is no image header; the message names the file.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
    except FileNotFoundError:
        raise FileNotFoundError(f'no image file {path}; correct the list of images or data_root') from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f'{path} has no readable image header ({error}); get the file again or take it out of the list'
        ) from error
    return height, width


def incomplete_reason(data: bytes) -> str | None:
    """Why these bytes are not a whole image file; ``None`` when nothing speaks against it.

    OpenCV 4 decodes the upper part of a truncated JPEG, fills the rest with grey and reports
    success, so that the loss would go unnoticed in training. Looking for the end marker costs
    microseconds.

    Args:
        data: The whole file.

    Returns:
        A short phrase, or ``None``. Formats other than JPEG and PNG are not judged.
    """
    if not data:
        return 'the file is empty'
    if data.startswith(_JPEG_START):
        scan = _jpeg_scan_start(data)
        if scan is None:
            return 'the JPEG ends before its pixels begin'
        # the end marker of an embedded thumbnail lies before the scan, hence the start of the
        # search
        if data.rfind(_JPEG_END, scan) < 0:
            return 'the JPEG is truncated (no end-of-image marker)'
    elif data.startswith(_PNG_START) and data.rfind(_PNG_END, len(_PNG_START)) < 0:
        return 'the PNG is truncated (no IEND chunk)'
    return None


def _jpeg_scan_start(data: bytes) -> int | None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == _JPEG_SCAN:
            return position
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            position += 2
            continue
        position += 2 + struct.unpack('>H', data[position + 2 : position + 4])[0]
    return None
