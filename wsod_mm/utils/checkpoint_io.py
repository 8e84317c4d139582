"""Reading checkpoint files: without running pickles, and with errors that say what to do."""

import logging
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.logging import print_log

__all__ = [
    'CheckpointError',
    'StateDifference',
    'UNSAFE_SWITCH',
    'compare_state',
    'latest_checkpoint',
    'load_plain',
    'load_weights',
]

UNSAFE_SWITCH = 'WSOD_MM_UNSAFE_CHECKPOINT'


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message names the file, the reason and the fix."""


class StateDifference(NamedTuple):
    """What stands between a state dict and a model.

    Attributes:
        missing: Keys of the model that the file lacks.
        unexpected: Keys of the file that the model lacks.
        mismatched: Key -> (shape in the file, shape in the model).
        matching: Number of keys of equal shape.
    """

    missing: list[str]
    unexpected: list[str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    matching: int


def load_plain(filename: str | os.PathLike, map_location: Any = None) -> Any:
    """``torch.load(weights_only=True)`` with an explicit way out.

    Args:
        filename: A local checkpoint file.
        map_location: As in :func:`torch.load`.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, or holds pickled objects and the environment variable
            ``WSOD_MM_UNSAFE_CHECKPOINT`` is not ``1``.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist{_neighbours(path)}')
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        if os.environ.get(UNSAFE_SWITCH) == '1':
            print_log(
                f'{UNSAFE_SWITCH}=1: loading {path} with pickle, which can run any code that its author put there',
                logger='current',
                level=logging.WARNING,
            )
            return torch.load(path, map_location=map_location, weights_only=False)
        raise CheckpointError(
            f'{path} does not load with weights_only=True{_unsafe_names(path)}. Loading it needs pickle, which can '
            f'run any code that its author put there. If you trust the file, set the environment variable '
            f'{UNSAFE_SWITCH}=1 for this command.'
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(
            f'{path} ({path.stat().st_size} bytes) is not a readable checkpoint: {_first_line(error)}. It is '
            'probably truncated; delete it, and resume from an older one or copy it again.'
        ) from error


def compare_state(model: torch.nn.Module, state_dict: Mapping[str, torch.Tensor]) -> StateDifference:
    """Compare the names and shapes of a state dict with those of a model.

    Args:
        model: The model, without a wrapper.
        state_dict: Weights; a leading ``module.`` is ignored, and so are the batch counters of normalisation layers.

    Returns:
        The difference.
    """
    theirs = {k.removeprefix('module.'): tuple(v.shape) for k, v in state_dict.items() if hasattr(v, 'shape')}
    ours = {k: tuple(v.shape) for k, v in model.state_dict().items() if hasattr(v, 'shape')}
    theirs = {k: v for k, v in theirs.items() if not k.endswith('num_batches_tracked')}
    ours = {k: v for k, v in ours.items() if not k.endswith('num_batches_tracked')}
    mismatched = {k: (theirs[k], ours[k]) for k in ours if k in theirs and theirs[k] != ours[k]}
    missing = [k for k in ours if k not in theirs]
    unexpected = [k for k in theirs if k not in ours]
    return StateDifference(missing, unexpected, mismatched, len(ours) - len(missing) - len(mismatched))


def load_weights(model: torch.nn.Module, checkpoint: str | os.PathLike) -> dict[str, Any]:
    """Load all weights of a model.

    Args:
        model: The model; changed in place.
        checkpoint: Of this library, or a bare state dict; further entries are left out.

    Returns:
        The checkpoint's ``meta``; empty if it has none.

    Raises:
        CheckpointError: If the file is damaged, or lacks a weight of the model or has it in another shape.
        FileNotFoundError: If there is no such file.
    """
    saved = load_plain(checkpoint, map_location='cpu')
    weights = saved.get('state_dict', saved)
    difference = compare_state(model, weights)
    wrong = [*difference.missing, *difference.mismatched]
    if wrong:
        raise CheckpointError(
            f'{checkpoint} is not one of this model: {len(wrong)} of {len(wrong) + difference.matching} weights are '
            f'missing or of another shape, for instance {wrong[0]}; give the config that it was trained with, and '
            'convert published weights with tools/convert_weights.py'
        )
    model.load_state_dict({name.removeprefix('module.'): value for name, value in weights.items()}, strict=False)
    meta = saved.get('meta')
    return meta if isinstance(meta, dict) else {}


def latest_checkpoint(work_dir: str | os.PathLike) -> str | None:
    """The newest checkpoint of a run that loads.

    ``last_checkpoint`` is tried first (also as a neighbour of itself, for a work directory that was moved), then the
    ``epoch_*.pth`` and ``iter_*.pth`` files from the newest to the oldest. Files that do not load are passed over
    with a warning.

    Args:
        work_dir: The run's work directory.

    Returns:
        A path, or ``None`` when nothing loads.
    """
    folder = Path(work_dir)
    candidates: list[Path] = []
    pointer = folder / 'last_checkpoint'
    if pointer.is_file():
        named = pointer.read_text().strip()
        if named:
            candidates += [Path(named), folder / Path(named).name]
    found = [*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')]
    candidates += sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)
    tried = set()
    for path in candidates:
        if path in tried or not path.is_file():
            continue
        tried.add(path)
        # The zip directory stands at the end of the file: reading it finds a truncated checkpoint without loading it.
        if zipfile.is_zipfile(path):
            return str(path)
        print_log(f'{path} is damaged; trying an older checkpoint', logger='current', level=logging.WARNING)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _unsafe_names(path: Path) -> str:
    probe = getattr(torch.serialization, 'get_unsafe_globals_in_checkpoint', None)
    try:
        names = sorted(probe(path)) if probe else []
    except Exception:  # a legacy or broken file: the message is good enough without the names
        names = []
    return f' (it holds {", ".join(names[:5])}{", ..." if len(names) > 5 else ""})' if names else ''


def _neighbours(path: Path) -> str:
    files = sorted(p.name for p in path.parent.glob('*.pth')) if path.parent.is_dir() else []
    return f'; {path.parent} holds {", ".join(files[:8])}' if files else ''
