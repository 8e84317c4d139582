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
