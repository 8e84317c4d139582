"""ProposalStore: round trip, bad files, identical bytes."""

import pickle

import numpy as np
import pytest

from wsod_mm.proposals import ProposalFileError, ProposalStore


@pytest.fixture
def store() -> ProposalStore:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    return ProposalStore.from_dict(
        {'000005': (boxes, [3, 2, 1]), 'empty': (np.zeros((0, 4)), None), 'ü_1': (boxes[:1], None)},
        {'note': 'ß'},
    )


def test_round_trip(store, tmp_path):
    path = store.save(tmp_path / 'deep' / 'p.npz')
    again = ProposalStore.load(path)
    assert again.ids == ['000005', 'empty', 'ü_1'] and len(again) == 3 and list(again) == again.ids
    assert again.meta == {'note': 'ß'} and again.counts.tolist() == [3, 0, 1]
    for image_id in store.ids:
        for a, b in zip(store.get(image_id), again.get(image_id), strict=True):
            assert a.dtype == b.dtype == np.float32
            np.testing.assert_array_equal(a, b)
    assert 'empty' in again and 'other' not in again and 5 not in again
    assert again.missing(['x', 'empty', 'y']) == ['x', 'y']
    with np.load(path, allow_pickle=False) as content:  # pickle-free: every member loads
        assert {content[k].dtype.kind for k in content.files} == {'U', 'i', 'f'}
    assert not list(path.parent.glob('.*'))


def test_same_content_gives_same_bytes(store, tmp_path):
    first = store.save(tmp_path / 'a.npz').read_bytes()
    assert ProposalStore.load(tmp_path / 'a.npz').save(tmp_path / 'b.npz').read_bytes() == first


def test_copies_do_not_write_into_the_store(store):
    boxes, scores = store.get('000005')
    boxes += 100
    scores += 1
    assert store.get('000005')[0].max() == 11 and store.get('000005')[1].max() == 3
    view, _ = store.get('000005', copy=False)
    with pytest.raises(ValueError, match='read-only'):
        view += 1


def test_unknown_image_is_named(store):
    with pytest.raises(KeyError, match=r"'000009'.*ids like '000005'"):
        store.get('000009')


@pytest.mark.parametrize('keep', [0, 10, 200, -1])
def test_truncated_file(store, tmp_path, keep):
    path = store.save(tmp_path / 'p.npz')
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ProposalFileError, match='p.npz is truncated'):
        ProposalStore.load(path)


def test_flipped_byte_is_noticed(store, tmp_path):
    path = store.save(tmp_path / 'p.npz')
    data = bytearray(path.read_bytes())
    at = data.index(b'boxes.npy') + 40
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(ProposalFileError, match='p.npz'):
        ProposalStore.load(path)


def test_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='tools/proposals.py generate'):
        ProposalStore.load(tmp_path / 'absent.npz')
    np.savez(tmp_path / 'other.npz', x=np.zeros(3))
    with pytest.raises(ProposalFileError, match=r"other.npz.*lacks.*'ids'.*convert"):
        ProposalStore.load(tmp_path / 'other.npz')
    (tmp_path / 'p.npz').write_bytes(pickle.dumps({'a': 1}))
    with pytest.raises(ProposalFileError, match='is a pickle'):
        ProposalStore.load(tmp_path / 'p.npz')
    np.save(tmp_path / 'bare.npy', np.zeros(3))
    with pytest.raises(ProposalFileError, match='one bare array'):
        ProposalStore.load(tmp_path / 'bare.npy')
    with pytest.raises(ProposalFileError, match='.npz file'):
        ProposalStore.from_dict({}).save(tmp_path / 'p.pkl')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'boxes': np.zeros((2, 5))}, r'\[R,4\]'),
        ({'scores': np.zeros(3)}, 'scores'),
        ({'offsets': [0, 1]}, 'offsets'),
        ({'offsets': [0, 3, 2]}, 'offsets'),
        ({'offsets': [0, 1, 3]}, 'offsets'),
        ({'ids': ['a', 'a']}, "'a' occurs more than once"),
        ({'boxes': np.full((2, 4), np.nan)}, 'NaN'),
    ],
)
def test_arrays_must_fit_together(change, message):
    good = dict(ids=['a', 'b'], offsets=[0, 1, 2], boxes=np.zeros((2, 4)), scores=np.zeros(2))
    ProposalStore(**good)
    with pytest.raises(ProposalFileError, match=message):
        ProposalStore(**{**good, **change})


def test_scores_must_match_boxes():
    with pytest.raises(ProposalFileError, match="'a': 2 boxes but 3 scores"):
        ProposalStore.from_dict({'a': (np.zeros((2, 4)), np.zeros(3))})
