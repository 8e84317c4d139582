"""Reading whole images, and refusing others."""

import cv2
import numpy as np
import pytest
from PIL import Image

from wsod_mm.datasets.transforms import LoadWeakImage

IMAGE = np.random.RandomState(0).randint(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture
def jpeg(tmp_path):
    path = tmp_path / 'x.jpg'
    cv2.imwrite(str(path), IMAGE)
    return path


def test_loads_bgr(jpeg):
    results = LoadWeakImage()(dict(img_path=str(jpeg)))
    np.testing.assert_array_equal(results['img'], cv2.imread(str(jpeg)))
    assert results['img_shape'] == results['ori_shape'] == (40, 60)
    assert LoadWeakImage(to_float32=True)(dict(img_path=str(jpeg)))['img'].dtype == np.float32


def test_grey_images_get_three_channels(tmp_path):
    cv2.imwrite(str(tmp_path / 'g.png'), IMAGE[..., 0])
    assert LoadWeakImage()(dict(img_path=str(tmp_path / 'g.png')))['img'].shape == (40, 60, 3)


def test_exif_rotation_is_not_applied(tmp_path):
    path = tmp_path / 'r.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(IMAGE[..., ::-1]).save(path, exif=exif, quality=95)
    assert LoadWeakImage()(dict(img_path=str(path)))['img'].shape == (40, 60, 3)
    # the flag matters: MMCV's default turns the image away from its boxes
    assert LoadWeakImage(color_type='color')(dict(img_path=str(path)))['img'].shape == (60, 40, 3)


def test_truncated_jpeg(jpeg):
    jpeg.write_bytes(jpeg.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r'x\.jpg: the JPEG is truncated.*download it again'):
        LoadWeakImage()(dict(img_path=str(jpeg)))
    assert LoadWeakImage(ignore_empty=True)(dict(img_path=str(jpeg))) is None
    # without the check it is for the decoder to say: OpenCV 4 gives the upper part, OpenCV 5
    # nothing
    if cv2.imdecode(np.frombuffer(jpeg.read_bytes(), np.uint8), cv2.IMREAD_COLOR) is None:
        with pytest.raises(ValueError, match=r'x\.jpg: the decoder cannot read it'):
            LoadWeakImage(check_complete=False)(dict(img_path=str(jpeg)))
    else:
        part = LoadWeakImage(check_complete=False)(dict(img_path=str(jpeg)))['img']
        assert part.shape == (40, 60, 3)


@pytest.mark.parametrize('check', [True, False])
@pytest.mark.parametrize('data', [b'', b'not an image'])
def test_no_image(jpeg, data, check):
    jpeg.write_bytes(data)
    with pytest.raises(ValueError, match=r'cannot use image .*x\.jpg'):
        LoadWeakImage(check_complete=check)(dict(img_path=str(jpeg)))


def test_missing_image(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.jpg; correct data_root'):
        LoadWeakImage()(dict(img_path=str(tmp_path / 'gone.jpg')))
