"""Images of every kind become RGB uint8."""

import io

import numpy as np
import pytest
from PIL import Image

from wsod_mm.datasets.rgb_image import decode_rgb_image, read_rgb_image

IMAGE = np.random.RandomState(0).randint(0, 256, (6, 9, 3), np.uint8)


def encoded(picture, suffix='PNG', **options):
    buffer = io.BytesIO()
    picture.save(buffer, suffix, **options)
    return buffer.getvalue()


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'LA', 'P', '1', 'CMYK'])
def test_modes(mode):
    picture = Image.fromarray(IMAGE).convert(mode)
    out = decode_rgb_image(encoded(picture, 'TIFF' if mode == 'CMYK' else 'PNG'))
    assert out.shape == (6, 9, 3) and out.dtype == np.uint8
    assert out.flags.writeable and out.flags.c_contiguous
    np.testing.assert_array_equal(out, np.asarray(picture.convert('RGB')))


def test_cmyk_jpeg_sixteen_bits_and_one_pixel():
    grey = Image.new('CMYK', (9, 6), (0, 0, 0, 127))
    assert abs(decode_rgb_image(encoded(grey, 'JPEG')).astype(int) - 128).max() < 4
    wide = Image.fromarray(np.full((2, 2), 0x8012, np.uint16))
    assert (decode_rgb_image(encoded(wide)) == 0x80).all()
    assert decode_rgb_image(encoded(Image.new('L', (1, 1), 9))).tolist() == [[[9, 9, 9]]]


def test_exif_is_applied_when_asked(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'r.png'
    path.write_bytes(encoded(Image.fromarray(IMAGE), exif=exif))
    np.testing.assert_array_equal(read_rgb_image(path), IMAGE)
    turned = read_rgb_image(path, apply_exif=True)
    np.testing.assert_array_equal(turned, np.rot90(IMAGE, -1))
    assert turned.flags.c_contiguous and turned.flags.writeable


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no image file .*x\.jpg'):
        read_rgb_image(tmp_path / 'x.jpg')
    whole = encoded(Image.fromarray(IMAGE), 'JPEG')
    for data, reason in ((b'', 'empty'), (b'no image', 'PIL cannot read it'), (whole[:-20], 'truncated')):
        (tmp_path / 'x.jpg').write_bytes(data)
        with pytest.raises(ValueError, match=rf'x\.jpg: .*{reason}'):
            read_rgb_image(tmp_path / 'x.jpg')
    with pytest.raises(ValueError, match='float pixels'):
        decode_rgb_image(encoded(Image.fromarray(np.ones((2, 2), np.float32)), 'TIFF'))
