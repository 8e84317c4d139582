"""Golden files of AffinityNet and IRN: their arrays are called ``cN_name``, those of a whole family just ``name``."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ._common import Golden


class Case(Golden):
    """One golden file, whose arrays are named without the number of the case.

    Args:
        path: The ``.npz`` file, ``<family>_case<N>.npz``.
        rtol: Relative tolerance of :meth:`compare`.
        atol: Absolute tolerance of :meth:`compare`.
    """

    def __init__(self, path: Path, rtol: float, atol: float) -> None:
        super().__init__(path, rtol, atol)
        self.number = int(re.search(r'_case(\d+)$', path.stem)[1])
        self.prefix = f'c{self.number}_'

    def _key(self, name: str) -> str:
        """Name of an array in the file: that of the case where there is one."""
        return self.prefix + name if self.prefix + name in self.arrays else name

    def has(self, name: str) -> bool:
        """Whether the file has the array."""
        return self._key(name) in self.arrays

    def tensor(self, name: str, grad: bool = False) -> torch.Tensor:
        """An input, as a tensor that may ask for a gradient."""
        return super().tensor(self._key(name), grad)

    def array(self, name: str) -> np.ndarray:
        """An input, as it is in the file."""
        return super().array(self._key(name))

    def scalar(self, name: str) -> float:
        """An input that is one number."""
        return super().scalar(self._key(name))

    def of_case(self, name: str) -> Any:
        """Entry of this case in an array of the whole family."""
        return super().array(name)[self.number]

    def compare(self, name: str, value: Any, **tolerance: float) -> None:
        """Compare an output; integers and booleans exactly."""
        super().compare(self._key(name), value, **tolerance)
