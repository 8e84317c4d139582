"""MATLAB files that cannot be read."""

import sys

import numpy as np
import pytest
from scipy.io import savemat

from wsod_mm.proposals import ProposalFileError
from wsod_mm.proposals.convert import detect_format
from wsod_mm.proposals.convert.read_mat import load_mat, read_cell_mat, read_image_mats


def test_v73_names_the_way_out(tmp_path):
    path = tmp_path / 'new.mat'
    head = b'MATLAB 7.3 MAT-file'.ljust(124) + (0x0200).to_bytes(2, 'little') + b'IM'
    path.write_bytes(head.ljust(512, b'\0') + b'\x89HDF\r\n\x1a\n' + bytes(100))
    with pytest.raises(ProposalFileError, match=r"new.mat is a MATLAB v7.3.*'-v7'"):
        load_mat(path)


def test_truncated(tmp_path):
    path = tmp_path / 'cut.mat'
    savemat(path, {'boxes': np.ones((50, 4))})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ProposalFileError, match='cut.mat is truncated'):
        load_mat(path)


def test_no_scipy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'scipy.io', None)
    with pytest.raises(ProposalFileError, match='pip install scipy'):
        load_mat(tmp_path / 'x.mat')


def test_one_table_where_a_cell_is_expected_and_the_reverse(tmp_path):
    path = tmp_path / 'x.mat'
    savemat(path, {'boxes': np.ones((5, 4))})
    with pytest.raises(ProposalFileError, match='fast-rcnn-demo-mat'):
        read_cell_mat(path)
    cell = np.empty((1, 1), object)
    cell[0, 0] = np.ones((5, 4))
    savemat(path, {'boxes': cell})
    with pytest.raises(ProposalFileError, match='cell of many images'):
        read_image_mats(path)
    savemat(path, {'other': 1})
    with pytest.raises(ProposalFileError, match=r"no variable 'boxes' \(it has \['other'\]\)"):
        read_cell_mat(path)


def test_empty_folder(tmp_path):
    with pytest.raises(ProposalFileError, match='without .mat files'):
        detect_format(tmp_path)
    with pytest.raises(ProposalFileError, match='no .mat files'):
        read_image_mats(tmp_path)
