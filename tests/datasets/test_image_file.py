"""Sizes and completeness without decoding."""

import cv2
import numpy as np
import pytest

from wsod_mm.datasets.image_file import incomplete_reason, read_image_size

IMAGE = np.random.RandomState(0).randint(0, 256, (50, 70, 3), np.uint8)


def encode(suffix):
    return cv2.imencode(suffix, IMAGE)[1].tobytes()


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp'])
def test_whole_files_pass_and_give_their_size(tmp_path, suffix):
    data = encode(suffix)
    assert incomplete_reason(data) is None
    path = tmp_path / f'x{suffix}'
    path.write_bytes(data)
    assert read_image_size(path) == (50, 70)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.0, 0.02, 0.3, 0.6, 0.95])
def test_cut_files_are_found(suffix, share):
    data = encode(suffix)
    # two bytes are the shortest that still look like a JPEG
    assert incomplete_reason(data[: int(len(data) * share)]) is not None


def test_end_marker_of_a_thumbnail_does_not_count():
    data = encode('.jpg')
    thumbnail = b'\xff\xd8 small \xff\xd9'
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    whole = data[:2] + segment + data[2:]
    assert incomplete_reason(whole) is None
    assert 'truncated' in incomplete_reason(whole[:-200])
    assert incomplete_reason(whole + b'trailing bytes') is None


def test_every_real_image_is_whole(shared_data):
    files = sorted(shared_data.glob('*/VOC2007/JPEGImages/*.jpg'))
    assert len(files) > 1000
    assert [f for f in files[::7] if incomplete_reason(f.read_bytes())] == []


def test_unreadable_headers_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.jpg'):
        read_image_size(tmp_path / 'gone.jpg')
    (tmp_path / 'bad.jpg').write_bytes(b'text')
    with pytest.raises(ValueError, match='bad.jpg has no readable'):
        read_image_size(tmp_path / 'bad.jpg')
