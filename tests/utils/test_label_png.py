"""Label maps as PNG files."""

import numpy as np
import pytest
from PIL import Image

from wsod_mm.utils.label_png import read_label_png, voc_palette, write_grey_png, write_label_png

LABEL = np.array([[0, 1, 20], [255, 15, 7]], np.int64)


def test_colours_of_voc():
    palette = voc_palette()
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {i: tuple(palette[i].tolist()) for i in known} == known
    assert len(np.unique(palette, axis=0)) == 256


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 'a.png'
    write_label_png(path, LABEL)
    out = read_label_png(path)
    np.testing.assert_array_equal(out, LABEL)
    assert out.dtype == np.uint8 and out.flags.writeable
    assert [p.name for p in path.parent.iterdir()] == ['a.png']
    with Image.open(path) as picture:
        assert picture.mode == 'P' and picture.convert('RGB').getpixel((0, 1)) == (224, 224, 192)
    write_label_png(path, np.full((1, 1), 255))
    assert read_label_png(path).tolist() == [[255]]
    write_label_png(path, np.asfortranarray(LABEL).T[::-1])
    np.testing.assert_array_equal(read_label_png(path), LABEL.T[::-1])


def test_grey_colour_and_two_level_files(tmp_path):
    path = tmp_path / 'a.png'
    Image.fromarray(LABEL.astype(np.uint8)).save(path)
    np.testing.assert_array_equal(read_label_png(path), LABEL)
    Image.fromarray(voc_palette()[LABEL]).save(path)
    np.testing.assert_array_equal(read_label_png(path), LABEL)
    Image.fromarray(voc_palette()[LABEL]).convert('RGBA').save(path)
    np.testing.assert_array_equal(read_label_png(path), LABEL)
    Image.fromarray(LABEL > 0).save(path)
    np.testing.assert_array_equal(read_label_png(path), LABEL > 0)


def test_shares_in_grey(tmp_path):
    write_grey_png(tmp_path / 'new' / 'map.png', np.array([[0.0, 0.2, 0.999], [1.0, 0.501, 0.5]]))
    with Image.open(tmp_path / 'new' / 'map.png') as picture:
        assert picture.mode == 'L' and np.asarray(picture).tolist() == [[0, 51, 255], [255, 128, 128]]


def test_wrong_files(tmp_path):
    path = tmp_path / 'a.png'
    with pytest.raises(FileNotFoundError, match=r'a\.png'):
        read_label_png(path)
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'a\.png is not a readable image'):
        read_label_png(path)
    Image.fromarray(np.full((2, 3, 3), 9, np.uint8)).save(path)
    with pytest.raises(ValueError, match=r'x 0, y 0.*\(9, 9, 9\)'):
        read_label_png(path)
    Image.fromarray(np.ones((2, 2), np.uint16)).save(path)
    with pytest.raises(ValueError, match='mode I;16'):
        read_label_png(path)


@pytest.mark.parametrize('label', [np.zeros((2, 2, 1), int), np.zeros((2, 2)), np.zeros((0, 3), int)])
def test_wrong_maps(tmp_path, label):
    with pytest.raises(ValueError, match='must be integers'):
        write_label_png(tmp_path / 'a.png', label)
    with pytest.raises(ValueError, match='run from -1 to 0'):
        write_label_png(tmp_path / 'a.png', np.array([[-1, 0]]))
    assert not list(tmp_path.iterdir())
