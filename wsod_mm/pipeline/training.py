"""Training a model as a stage."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.utils.paths import tools_dir

from .run import StageRun
from .stage import Stage

__all__ = ['dump_config', 'final_checkpoint', 'train_stage']


def dump_config(config: Config, path: Path) -> None:
    """Write a config that no longer inherits anything."""
    config.dump(path)


def final_checkpoint(folder: Path) -> Path:
    """The checkpoint with which a training stage ended.

    Args:
        folder: Folder of the stage.

    Raises:
        ValueError: If the training is not finished or its checkpoint is gone.
    """
    run = folder / 'run'
    state = read_results(run).get('train') or {}
    if not state.get('finished'):
        raise ValueError(f'the training in {run} is not finished')
    path = Path((run / 'last_checkpoint').read_text(encoding='utf-8').strip())
    # a moved work folder keeps its checkpoints beside the note
    path = path if path.is_file() else run / path.name
    if not path.is_file():
        raise ValueError(f'{run / "last_checkpoint"} names {path.name}, which is not there')
    return path


def train_stage(
    name: str,
    config: Config,
    needs: tuple[str, ...],
    source: str | None = None,
    seconds: float = 120.0,
    threads: int = 1,
    prepare: Callable[[Config, Path], None] | None = None,
    params: Mapping[str, Any] | None = None,
    after: tuple[str, ...] = (),
) -> Stage:
    """Train with ``tools/train.py``.

    Args:
        name: Name of the stage.
        config: The whole config.
        needs: Stages of the data, and ``source``.
        source: Training stage whose last checkpoint is loaded first.
        seconds: First guess of the duration.
        threads: Threads of the training process.
        prepare: Writes into a copy of the config what the other stages made, just before the training; it gets the
            copy and the folder of the pipeline. What it writes is not part of the stage's key, so that a moved work
            folder is not done again.
        params: What the key depends on besides the config.
        after: See :class:`.stage.Stage`.

    Returns:
        The stage; its work directory is ``run``.
    """
    epochs = config.train_cfg.get('max_epochs')

    def action(run: StageRun) -> None:
        ready = copy.deepcopy(config)
        if source is not None:
            ready.load_from = str(final_checkpoint(run.root / source))
        if prepare is not None:
            prepare(ready, run.root)
        dump_config(ready, run.folder / 'config.py')
        run.command(
            [tools_dir() / 'train.py', run.folder / 'config.py', '--work-dir', run.folder / 'run', '--resume'],
            epochs,
            threads=threads,
        )

    return Stage(
        name,
        action,
        ('run/last_checkpoint', 'run/results.json'),
        needs + ((source,) if source else ()),
        {'config': config.to_dict(), **(params or {})},
        final_checkpoint,
        seconds,
        after=after,
    )
