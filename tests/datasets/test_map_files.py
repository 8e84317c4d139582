"""Files of soft label maps and CAMs."""

import numpy as np
import pytest

from wsod_mm.datasets.cam_file import CamMaps, read_cams, write_cams
from wsod_mm.datasets.soft_label_file import SoftLabels, read_soft_labels, write_soft_labels

RNG = np.random.RandomState(0)
LOW, HIGH = RNG.dirichlet(np.ones(3), (2, 5, 7)).transpose(0, 3, 1, 2).astype(np.float32)
KEYS = np.array([0, 5, 15])


@pytest.mark.parametrize('dtype, error', [('uint8', 0.5 / 255), ('float16', 5e-4), ('float32', 0)])
def test_soft_labels(tmp_path, dtype, error):
    path = tmp_path / 'new' / 'a.npz'
    write_soft_labels(path, SoftLabels(LOW, HIGH, KEYS, 'grid'), dtype)
    out = read_soft_labels(path)
    assert abs(out.low - LOW).max() <= error * 1.001 and abs(out.high - HIGH).max() <= error * 1.001
    assert out.low.dtype == np.float32 and out.keys.tolist() == [0, 5, 15] and out.crf_backend == 'grid'
    assert [p.name for p in path.parent.iterdir()] == ['a.npz']


def test_wrong_soft_labels(tmp_path):
    path = tmp_path / 'a.npz'
    for labels in (SoftLabels(LOW, HIGH[:2], KEYS), SoftLabels(LOW, HIGH, KEYS[:2]), SoftLabels(LOW, HIGH, KEYS + 1)):
        with pytest.raises(ValueError, match=r'a\.npz: expected la and ha'):
            write_soft_labels(path, labels)
    with pytest.raises(ValueError, match="got 'int8'"):
        write_soft_labels(path, SoftLabels(LOW, HIGH, KEYS), 'int8')
    with pytest.raises(FileNotFoundError, match=r'no soft label maps .*a\.npz'):
        read_soft_labels(path)
    write_soft_labels(path, SoftLabels(LOW, HIGH, KEYS))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r'a\.npz holds no soft label maps .*make it again'):
        read_soft_labels(path)


@pytest.mark.parametrize('num_classes', [0, 2])
def test_cams(tmp_path, num_classes):
    path = tmp_path / 'a.npz'
    cams = CamMaps(KEYS[:num_classes], LOW[:num_classes], HIGH[:num_classes, ::4, ::4])
    write_cams(path, cams)
    out = read_cams(path)
    for given, back in zip(cams, out, strict=True):
        np.testing.assert_array_equal(given, back)
    write_cams(path, cams._replace(low=None), 'float16')
    out = read_cams(path)
    assert out.low is None and out.cams.dtype == np.float32
    np.testing.assert_allclose(out.cams, cams.cams, atol=5e-4)


def test_wrong_cams(tmp_path):
    path = tmp_path / 'a.npz'
    with pytest.raises(ValueError, match=r'a\.npz: expected keys'):
        write_cams(path, CamMaps(KEYS[:2], LOW))
    with pytest.raises(ValueError, match="got 'uint8'"):
        write_cams(path, CamMaps(KEYS, LOW), 'uint8')
    with pytest.raises(FileNotFoundError, match=r'no CAMs .*a\.npz'):
        read_cams(path)
    np.savez(path, other=LOW)
    with pytest.raises(ValueError, match=r'a\.npz holds no CAMs'):
        read_cams(path)
