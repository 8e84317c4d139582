"""Pickles of strangers run no code."""

import collections
import os
import pickle

import numpy as np
import pytest

from wsod_mm.proposals import ProposalFileError
from wsod_mm.proposals.convert import load_plain_pickle


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers(tmp_path, protocol):
    cells = np.empty(1, object)
    cells[0] = np.arange(4, dtype=np.int16)
    content = collections.OrderedDict(
        a=[np.ones((2, 4), np.float32), (1, 'x', None, True)], b=np.float64(2), c=b'\xff', d=cells
    )
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps(content, protocol))
    again = load_plain_pickle(tmp_path / 'p.pkl')
    np.testing.assert_array_equal(again['a'][0], content['a'][0])
    assert again['a'][1] == content['a'][1] and again['b'] == 2 and again['c'] == b'\xff'
    np.testing.assert_array_equal(again['d'][0], cells[0])


def test_python_2_pickle(tmp_path):
    # {'k': numpy.array([1, 2], 'uint8')} as Python 2 wrote it: byte strings, old module name
    text = (
        b"(dS'k'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
        b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\xff'\ntbs."
    )
    (tmp_path / 'p.pkl').write_bytes(text)
    assert load_plain_pickle(tmp_path / 'p.pkl')['k'].tolist() == [1, 255]


def test_detectron2_box_mode_becomes_a_number(tmp_path):
    text = b'(dS"m"\ncdetectron2.structures.boxes\nBoxMode\n(I1\ntRs.'
    (tmp_path / 'p.pkl').write_bytes(text)
    assert load_plain_pickle(tmp_path / 'p.pkl') == {'m': 1}


class _Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def test_code_is_refused_by_name_and_not_run(tmp_path):
    mark = tmp_path / 'ran'
    for call in (
        (os.mkdir, (str(mark),)),
        (eval, (f'__import__("os").mkdir({str(mark)!r})',)),
        (getattr, (dict, 'clear')),
        (np.fromfile, ('x',)),
    ):
        (tmp_path / 'p.pkl').write_bytes(pickle.dumps([_Evil(*call)]))
        with pytest.raises(ProposalFileError, match=rf'p\.pkl.*contains .*{call[0].__name__}'):
            load_plain_pickle(tmp_path / 'p.pkl')
    assert not mark.exists()
    (tmp_path / 'p.pkl').write_bytes(b"c_codecs\nencode\n(S'x'\nS'bz2'\ntR.")
    with pytest.raises(ProposalFileError, match="codec 'bz2'"):
        load_plain_pickle(tmp_path / 'p.pkl')


@pytest.mark.parametrize('content', [b'', b'hello', pickle.dumps(np.zeros(99))[:200]])
def test_damaged(tmp_path, content):
    (tmp_path / 'p.pkl').write_bytes(content)
    with pytest.raises(ProposalFileError, match='p.pkl'):
        load_plain_pickle(tmp_path / 'p.pkl')
