"""Files of an experiment: round trips, the public code's names, and errors that help."""

import re

import numpy as np
import pytest

from wsod_mm.active import files
from wsod_mm.datasets.pools import PoolPart

NAMES = ['000007', '000005', '000009', '2008_000001', '2008_000002']
PARTS = [PoolPart('07', 0, 3), PoolPart('12', 3, 2)]


def test_ids_are_sorted_int64(tmp_path):
    path = tmp_path / 'X_L_0.npy'
    files.write_ids(path, np.array([4, 0, 2], np.int32), 5)
    raw = np.load(path)
    assert raw.dtype == np.int64 and raw.tolist() == [0, 2, 4] and files.read_ids(path, 5).tolist() == [0, 2, 4]
    np.save(path, np.array([3, 1], np.int32))
    assert files.read_ids(path, 5).tolist() == [1, 3] and files.read_ids(path, 5).dtype == np.int64
    files.write_ids(path, [], 5)
    assert np.load(path).dtype == np.int64 and files.read_ids(path, 5).shape == (0,)
    assert [p.name for p in tmp_path.iterdir()] == ['X_L_0.npy']  # nothing temporary is left


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (np.array([1.0, 2.0]), r'must be integers, got float64; convert them.*public code'),
        (np.array([True, False]), 'got bool'),
        (np.array([1, 5, 7]), r'2 ids are not in 0\.\.4, the first is 5; they were made for another pool'),
        (np.array([-1, 2]), 'the first is -1'),
        (np.array([1, 2, 1]), '1 ids occur more than once, the first is 1'),
        (np.zeros((2, 2), np.int64), r'shape \(2, 2\)'),
        (np.array(['a']), 'got <U1'),
    ],
)
def test_wrong_ids(tmp_path, content, message):
    path = tmp_path / 'X_U_3.npy'
    np.save(path, content)
    with pytest.raises(ValueError, match=rf'X_U_3\.npy: .*{message}'):
        files.read_ids(path, 5)
    with pytest.raises(ValueError, match=message):
        files.write_ids(tmp_path / 'new.npy', content, 5)
    assert not (tmp_path / 'new.npy').exists()


def test_unreadable_arrays(tmp_path):
    path = tmp_path / 'X_L_0.npy'
    path.write_bytes(b'')
    with pytest.raises(ValueError, match=r'X_L_0\.npy is not a readable'):
        files.read_ids(path, 5)
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match='not a readable'):
        files.read_ids(path, 5)
    np.savez(tmp_path / 'x.npz', a=[1])
    with pytest.raises(ValueError, match='several arrays'):
        files.read_ids(tmp_path / 'x.npz', 5)
    with pytest.raises(FileNotFoundError, match=re.escape("has ['X_L_0.npy']")):
        files.read_ids(tmp_path / 'X_L_1.npy', 5)
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        files.read_ids(tmp_path / 'gone/X_L_1.npy', 5)


def test_split(tmp_path):
    files.write_split(tmp_path, 2, [4, 1], [2, 3], NAMES, PARTS)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob('*') if p.is_file()) == [
        'X_L_2.npy', 'X_U_2.npy', 'cycle2/trainval_L_07.txt', 'cycle2/trainval_L_12.txt',
        'cycle2/trainval_U_07.txt', 'cycle2/trainval_U_12.txt',
    ]  # fmt: skip
    assert (tmp_path / 'cycle2/trainval_L_07.txt').read_text() == '000005\n'
    labeled, unlabeled = files.read_split(tmp_path, 2, 5)
    assert labeled.tolist() == [1, 4] and unlabeled.tolist() == [2, 3]
    files.write_split(tmp_path, 2, [1], [1, 2], NAMES, PARTS)
    with pytest.raises(ValueError, match='1 ids are both in .*X_L_2.npy and in .*X_U_2.npy, the first is 1'):
        files.read_split(tmp_path, 2, 5)
    assert files.read_split(tmp_path, 2, 5, allow_overlap=True)[1].tolist() == [1, 2]


@pytest.mark.parametrize('which', ['L', 'U'])
@pytest.mark.parametrize('ids', [[0, 2, 3], [4], [], [0, 1, 2, 3, 4]])
def test_name_lists_of_both_codes(tmp_path, which, ids):
    paths = files.write_name_lists(tmp_path, which, ids[::-1], NAMES, PARTS)
    assert [path.name for path in paths] == [f'trainval_{which}_07.txt', f'trainval_{which}_12.txt']
    assert ''.join(path.read_text() for path in paths) == ''.join(f'{NAMES[i]}\n' for i in ids)
    assert files.read_name_lists(tmp_path, which, NAMES, PARTS).tolist() == ids
    for path in paths:
        path.rename(tmp_path / path.name.replace('trainval_', 'trainval_X_'))
    assert files.read_name_lists(tmp_path, which, NAMES, PARTS).tolist() == ids


def test_name_lists_have_the_names_of_the_list(tmp_path):
    names = ['VOC2007/1', 'VOC2007/2', 'VOC2012/1']
    parts = [PoolPart('07', 0, 2, 'VOC2007/'), PoolPart('12', 2, 1, 'VOC2012/')]
    files.write_name_lists(tmp_path, 'L', [2, 0], names, parts)
    assert [(tmp_path / f'trainval_L_{p.name}.txt').read_text() for p in parts] == ['1\n', '1\n']
    assert files.read_name_lists(tmp_path, 'L', names, parts).tolist() == [0, 2]


def test_wrong_name_lists(tmp_path):
    files.write_name_lists(tmp_path, 'L', [0, 3], NAMES, PARTS)
    path = tmp_path / 'trainval_L_07.txt'
    path.write_text('000007\n\n2008_000001\n')  # an image of the other part
    with pytest.raises(ValueError, match=r"trainval_L_07\.txt:3: the pool has no image '2008_000001' here"):
        files.read_name_lists(tmp_path, 'L', NAMES, PARTS)
    path.write_text('000007\n000007\n')
    with pytest.raises(ValueError, match=r"_07\.txt:2: '000007' is in line 1 already"):
        files.read_name_lists(tmp_path, 'L', NAMES, PARTS)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r'neither .*trainval_L_07\.txt nor trainval_X_L_07\.txt'):
        files.read_name_lists(tmp_path, 'L', NAMES, PARTS)
    for call in (files.write_name_lists, lambda *a: files.read_name_lists(a[0], a[1], *a[3:])):
        with pytest.raises(ValueError, match="which must be 'L'"):
            call(tmp_path, 'X', [0], NAMES, PARTS)


@pytest.mark.parametrize('shape', [(5,), (5, 3)])
def test_uncertainty(tmp_path, shape):
    path = tmp_path / 'cycle0/uncertainty_0.npy'
    values = np.random.RandomState(0).rand(*shape)
    values[2] = np.nan
    files.write_uncertainty(path, values)
    read = files.read_uncertainty(path, 5)
    assert read.dtype == np.float32 and np.array_equal(read, values.astype(np.float32), equal_nan=True)
    with pytest.raises(ValueError, match=r'for the 6 images of the pool, got float32 of shape \(5'):
        files.read_uncertainty(path, 6)
    values[3] = np.inf
    files.write_uncertainty(path, values)
    with pytest.raises(ValueError, match='1 images are infinite, the first has id 3'):
        files.read_uncertainty(path, 5)
    np.save(path, values)
    with pytest.raises(ValueError, match='expected float32.*float64.*remove it to score again'):
        files.read_uncertainty(path, 5)


def test_uncertainty_of_no_images(tmp_path):
    files.write_uncertainty(tmp_path / 'u.npy', [])
    assert files.read_uncertainty(tmp_path / 'u.npy', 0).shape == (0,)


def test_selected_keeps_the_order(tmp_path):
    path = tmp_path / 'cycle0/selected_0.txt'
    files.write_selected(path, [3, 0, 4], NAMES)
    assert path.read_text() == '2008_000001\n000007\n2008_000002\n'
    assert files.read_selected(path, NAMES).tolist() == [3, 0, 4]
    files.write_selected(path, [], NAMES)
    assert files.read_selected(path, NAMES).dtype == np.int64 and not files.read_selected(path, NAMES).size
    path.write_text('1\n')
    with pytest.raises(ValueError, match=r"selected_0\.txt:1: the pool has no image '1'"):
        files.read_selected(path, NAMES)
    with pytest.raises(FileNotFoundError, match=r"selected_1\.txt; .* has \['selected_0\.txt'\]"):
        files.read_selected(path.with_name('selected_1.txt'), NAMES)
    with pytest.raises(ValueError, match='more than once'):
        files.write_selected(path, [1, 1], NAMES)


def test_positions_of_the_public_code(tmp_path, goldens_dir):
    golden = np.load(goldens_dir / 'miaod/init_split_case0.npz')
    names = [f'{i:06d}' for i in range(16551)]
    parts = [PoolPart('07', 0, 5011), PoolPart('12', 5011, 11540)]
    files.write_split(tmp_path, 0, golden['X_L_0'], golden['X_U_0'], names, parts)
    assert np.array_equal(np.load(tmp_path / 'X_L_0.npy'), golden['X_L_0'])
    for which in 'LU':
        for part in parts:
            lines = files.name_list_path(tmp_path / 'cycle0', which, part).read_text().split()
            assert np.array_equal([int(line) - part.start for line in lines], golden[f'{which}{part.name}_local'])
        assert np.array_equal(files.read_name_lists(tmp_path / 'cycle0', which, names, parts), golden[f'X_{which}_0'])
