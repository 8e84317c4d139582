"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch

# small tensors: threads cost more than they give, and pytest-xdist runs a process per core
torch.set_num_threads(1)

_SHARED = Path(__file__).resolve().parents[2] / 'shared'


@pytest.fixture(scope='session')
def goldens_dir() -> Path:
    """Folder of the golden vectors (``WSOD_MM_GOLDENS``, default ``../shared/goldens``); skips where it is absent."""
    folder = Path(os.environ.get('WSOD_MM_GOLDENS', _SHARED / 'goldens'))
    if not folder.is_dir():
        pytest.skip(f'no golden vectors at {folder}; set WSOD_MM_GOLDENS')
    return folder


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Folder of the small real data sets (``WSOD_MM_SHARED_DATA``, default ``../shared/data``); skips where absent."""
    folder = Path(os.environ.get('WSOD_MM_SHARED_DATA', _SHARED / 'data'))
    if not folder.is_dir():
        pytest.skip(f'no shared data sets at {folder}; set WSOD_MM_SHARED_DATA')
    return folder


@pytest.fixture(scope='session')
def mini_devkit(tmp_path_factory) -> Path:
    """A MiniVOC devkit of a few images with proposals, as our tools write it."""
    from wsod_mm.datasets.minivoc import MiniVOCConfig, generate_minivoc
    from wsod_mm.proposals.generate import GenerateOptions, generate_proposals
    from wsod_mm.proposals.image_source import ImageSource

    root = tmp_path_factory.mktemp('minivoc')
    generate_minivoc(root, MiniVOCConfig(num_train=12, num_val=6, num_test=6), workers=1, progress=False)
    generate_proposals(
        ImageSource.from_folder(root / 'VOC2007' / 'JPEGImages'),
        root / 'proposals.npz',
        GenerateOptions(method='random', max_num=40),
        workers=1,
        progress=False,
    )
    return root
