"""Finding golden files and comparing every array in them."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

#: Where the formulas run: ``WSOD_MM_DEVICE=cuda`` runs the golden tests on a GPU.
DEVICE = os.environ.get('WSOD_MM_DEVICE', 'cpu')
#: Families of what is done on the host wherever the model is: loading, loops and sets of images.
HOST = {'minibatch', 'schedule_trace', 'runner_trace', 'init_split', 'select'}
FOLDER = Path(os.environ.get('WSOD_MM_GOLDENS', Path(__file__).resolve().parents[3] / 'shared' / 'goldens'))


def golden_files(paper: str) -> list[Path]:
    """All golden files of a paper, by name; empty where there are none."""
    return sorted((FOLDER / paper).glob('*.npz'))


def family(path: Path) -> str:
    """``oicr_case3.npz`` -> ``oicr``."""
    return re.sub(r'_case\d+$', '', path.stem)


def check_families(paper: str, checks: dict[str, Any], not_yet: set[str]) -> None:
    """Fail when a family in the folder has neither a check nor a line in the list of what is not yet built."""
    if not (FOLDER / paper).is_dir():
        pytest.skip(f'no golden vectors at {FOLDER / paper}; set WSOD_MM_GOLDENS')
    assert not set(checks) & not_yet, 'a family that has a check must leave the list of what is not yet built'
    unknown = {family(f) for f in golden_files(paper)} - set(checks) - not_yet
    assert not unknown, f'golden families without a test: {sorted(unknown)}'


def cases(paper: str, checks: dict[str, Any]) -> list:
    """Parameters for one test per golden file; a single skipped one where the folder is absent."""
    found = [pytest.param(f, id=f.stem) for f in golden_files(paper) if family(f) in checks]
    reason = f'no golden vectors at {FOLDER / paper}; set WSOD_MM_GOLDENS'
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=reason), id='absent')]


def device_of(path: Path) -> str:
    """Where a case is run."""
    return 'cpu' if family(path) in HOST else DEVICE


class Golden:
    """One golden file that remembers which of its arrays a test has looked at.

    Args:
        path: The ``.npz`` file.
        rtol: Relative tolerance of :meth:`compare`.
        atol: Absolute tolerance of :meth:`compare`.
    """

    def __init__(self, path: Path, rtol: float, atol: float) -> None:
        self.path, self.rtol, self.atol, self.device = path, rtol, atol, device_of(path)
        with np.load(path) as data:
            self.arrays = {key: data[key] for key in data.files}
        self.unused = set(self.arrays)

    def tensor(self, key: str, grad: bool = False) -> torch.Tensor:
        """An input, as a tensor that may ask for a gradient."""
        self.unused.discard(key)
        return torch.as_tensor(self.arrays[key]).to(self.device, copy=True).requires_grad_(grad)

    def array(self, key: str) -> np.ndarray:
        """An input, as it is in the file."""
        self.unused.discard(key)
        return self.arrays[key]

    def scalar(self, key: str) -> float:
        """An input that is one number."""
        self.unused.discard(key)
        return float(self.arrays[key])

    def compare(self, key: str, value: Any, **tolerance: float) -> None:
        """Compare an output; integers and booleans exactly."""
        self.unused.discard(key)
        expected = self.arrays[key]
        value = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        message = f'{self.path.name}: {key}'
        assert value.shape == expected.shape, f'{message}: shape {value.shape}, expected {expected.shape}'
        if expected.dtype.kind in 'iub':
            np.testing.assert_array_equal(value, expected, err_msg=message)
        else:
            np.testing.assert_allclose(
                value, expected, err_msg=message, **{'rtol': self.rtol, 'atol': self.atol, **tolerance}
            )

    def done(self) -> None:
        """Fail when an array of the file was neither used nor compared."""
        assert not self.unused, f'{self.path.name}: arrays that no test looks at: {sorted(self.unused)}'
