"""Where an experiment of active learning stands: ``al_state.json``."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.apis.config import UsageError
from wsod_mm.utils.io import write_json

__all__ = ['PHASES', 'STATE_FILE', 'ExperimentState', 'config_hash', 'file_hash']

VERSION = 1

#: Name of the file in the work directory of an experiment.
STATE_FILE = 'al_state.json'

#: What is done next in the present cycle. ``annotate``: a person labels the selected images.
PHASES = ('annotate', 'train', 'score', 'select', 'done')

#: Settings that may change between a run and its continuation.
_FREE = ('work_dir', 'resume', 'launcher', 'local_rank', 'log_level', 'vis_backends', 'visualizer')
# those that name the first sets are compared with the files that the experiment wrote
_FREE_ACTIVE = (
    'cycles',
    'stop_after_selection',
    'flush_every',
    'start_cycle',
    'labeled_file',
    'unlabeled_file',
)


@dataclass
class ExperimentState:
    """Contents of ``al_state.json``.

    Attributes:
        seed: Of the first split and of all selections.
        n_images: Size of the pool.
        strategy: Type of the strategy.
        config: :func:`config_hash` of the config.
        cycle: Present cycle, from 0.
        phase: One of :data:`PHASES`.
        cycles: Finished trainings: ``dict(cycle, n_labeled, n_unlabeled, metrics, checkpoint)``.
        sets: :func:`file_hash` of the files ``X_L_{c}.npy`` and ``X_U_{c}.npy`` that were written, by name.
        metric: Main metric, see :func:`~wsod_mm.active.results.main_metric`.
        version: Of this format.
    """

    seed: int
    n_images: int
    strategy: str
    config: str
    cycle: int = 0
    phase: str = 'train'
    cycles: list[dict[str, Any]] = field(default_factory=list)
    sets: dict[str, str] = field(default_factory=dict)
    metric: str | None = None
    version: int = VERSION

    def save(self, path: str | os.PathLike) -> None:
        """Write it, atomically."""
        write_json(asdict(self), path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'ExperimentState':
        """Read it.

        Raises:
            FileNotFoundError: If there is no such file.
            UsageError: If it is damaged or of another version.
        """
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
            version = data.get('version')
            if version == VERSION:
                state = cls(**{entry.name: data[entry.name] for entry in fields(cls)})
        except (ValueError, KeyError, AttributeError) as error:
            raise UsageError(f'{path} is damaged ({error!r}); restore it, or start in another work_dir') from error
        if version != VERSION:
            raise UsageError(f'{path} has version {version}, this wsod_mm reads {VERSION}; use the one that wrote it')
        if state.phase not in PHASES:
            raise UsageError(f'{path}: unknown phase {state.phase!r}; it must be one of {PHASES}')
        return state

    def check_sets(self, work_dir: str | os.PathLike) -> None:
        """Fail if a file of ids was changed or removed after it was written.

        Raises:
            UsageError: With the names of the files.
        """
        changed = [n for n, digest in self.sets.items() if file_hash(Path(work_dir) / n) != digest]
        if changed:
            raise UsageError(
                f'{work_dir}: {", ".join(changed)} changed since this experiment wrote it; restore the file, or begin '
                'another experiment from it with active_learning.start_cycle and active_learning.labeled_file'
            )


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file, or an empty string if there is none."""
    path = Path(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''


def config_hash(config: Config) -> str:
    """Hash of everything in a config on which the numbers depend.

    Args:
        config: The whole config. Number of cycles, work directory, launcher and logging do not count, nor do the files
            that an experiment began with.

    Returns:
        16 hexadecimal digits.
    """
    plain = {key: value for key, value in config.to_dict().items() if key not in _FREE}
    plain['active_learning'] = {k: v for k, v in plain.get('active_learning', {}).items() if k not in _FREE_ACTIVE}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]
