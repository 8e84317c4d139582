"""Soft version check: a warning at import when a library is outside what was tested, never an
error.

Only package metadata is read; nothing is imported, so the check takes milliseconds and works
without the libraries.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

__all__ = [
    'TESTED',
    'TestedRange',
    'UntestedVersionWarning',
    'installed',
    'untested',
    'warn_if_untested',
]


class UntestedVersionWarning(UserWarning):
    """A library has a version that wsod_mm was not tested with."""


@dataclass(frozen=True)
class TestedRange:
    """One distribution that may provide a module, with the versions taken to work.

    Args:
        module: Import name (``'mmcv'``).
        distribution: Name on the package index (``'onedl-mmcv'``).
        minimum: First version of the range.
        below: First version after it.
        tested: The version that the test suite runs with.
    """

    module: str
    distribution: str
    minimum: str
    below: str
    tested: str

    __test__ = False  # pytest takes classes named Test* for test cases

    def holds(self, version: str) -> bool:
        """Return whether ``version`` lies in the range; local tags (``+cpu``) do not count."""
        return _key(self.minimum) <= _key(version) < _key(self.below)


# The forks keep the import names of the originals; both distributions of a module are listed.
TESTED: tuple[TestedRange, ...] = (
    TestedRange('torch', 'torch', '2.4', '2.14', '2.13.0'),
    TestedRange('mmengine', 'mmengine', '0.10.4', '0.11', '0.10.7'),
    TestedRange('mmengine', 'onedl-mmengine', '0.10.12', '0.11', '0.10.12'),
    TestedRange('mmcv', 'mmcv', '2.1', '2.2', '2.1.0'),
    TestedRange('mmcv', 'onedl-mmcv', '2.3.6', '2.4', '2.3.6'),
    TestedRange('mmdet', 'mmdet', '3.3', '3.4', '3.3.0'),
    TestedRange('mmdet', 'onedl-mmdetection', '3.5.1', '3.6', '3.5.1'),
)


def installed(distribution: str) -> str | None:
    """Return the installed version of a distribution, ``None`` when it is not there."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def untested(lookup: Callable[[str], str | None] = installed) -> list[str]:
    """Return one sentence for every installed library whose version is outside the tested range.

    Args:
        lookup: Gives the version of a distribution by name, ``None`` when it is absent.

    Returns:
        The sentences. Absent libraries give none: what needs them says so, and ``python -m
        wsod_mm.doctor`` does.
    """
    found = []
    for entry in TESTED:
        version = lookup(entry.distribution)
        if version is not None and not entry.holds(version):
            found.append(
                f'{entry.distribution} {version} is outside {entry.minimum} <= version < '
                f'{entry.below} (tested: {entry.tested})'
            )
    return found


def warn_if_untested(lookup: Callable[[str], str | None] = installed) -> None:
    """Warn, once per process, of libraries outside the tested ranges; called by ``import
    wsod_mm``."""
    sentences = untested(lookup)
    if sentences:
        warnings.warn(
            'wsod_mm was not tested with this environment: '
            + '; '.join(sentences)
            + '. It may work; "python -m wsod_mm.doctor" shows the whole stack.',
            UntestedVersionWarning,
            stacklevel=3,
        )


def _key(version: str) -> tuple[int, ...]:
    """Numeric part of a version for comparison: ``'2.13.0a1+cpu'`` -> ``(2, 13, 0)``, zeros at the
    end dropped."""
    match = re.match(r'\s*v?(\d+(?:\.\d+)*)', version)
    numbers = [int(part) for part in match.group(1).split('.')] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
