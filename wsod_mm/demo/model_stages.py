"""Training and testing a model, as stages."""

import copy
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.paths import tools_dir

from .derive import dump_config, for_split, with_dump

__all__ = ['detector_stages', 'final_checkpoint', 'test_stage', 'train_stage']


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
) -> Stage:
    """Train with ``tools/train.py``.

    Args:
        name: Name of the stage.
        config: The whole config.
        needs: Stages of the data, and ``source``.
        source: Training stage whose last checkpoint is loaded first.
        seconds: First guess of the duration.
        threads: Threads of the training process.

    Returns:
        The stage; its work directory is ``run``.
    """
    epochs = config.train_cfg.get('max_epochs')

    def action(run: StageRun) -> None:
        ready = copy.deepcopy(config)
        if source is not None:
            ready.load_from = str(final_checkpoint(run.root / source))
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
        {'config': config.to_dict()},
        final_checkpoint,
        seconds,
    )


def test_stage(
    name: str,
    config: Config,
    needs: tuple[str, ...],
    source: str,
    split: str | None,
    seconds: float = 20.0,
    options: Sequence[str] = (),
) -> Stage:
    """Test a trained model with ``tools/test.py``.

    Args:
        name: Name of the stage.
        config: Config of the training.
        needs: Stages of the data.
        source: The training stage.
        split: Image set to test on; ``None`` takes the one of the config.
        seconds: First guess of the duration.
        options: Further options of the tool, such as ``'--tta'``.

    Returns:
        The stage; what the model said is in ``predictions.npz``, the numbers in ``run/results.json``.
    """
    if split is not None:
        config = for_split(config, split)

    def action(run: StageRun) -> None:
        dump_config(with_dump(config, run.folder / 'predictions.npz'), run.folder / 'config.py')
        run.command(
            [
                tools_dir() / 'test.py',
                run.folder / 'config.py',
                final_checkpoint(run.root / source),
                '--work-dir',
                run.folder / 'run',
                *options,
            ]
        )

    return Stage(
        name,
        action,
        ('predictions.npz', 'run/results.json'),
        (*needs, source),
        {'config': config.to_dict(), **({'options': list(options)} if options else {})},
        None,
        seconds,
    )


def detector_stages(
    name: str,
    config: Config,
    needs: tuple[str, ...],
    source: str | None = None,
    seconds: float = 120.0,
    threads: int = 1,
    options: Sequence[str] = (),
) -> tuple[Stage, Stage, Stage]:
    """Train a detector, test it on test (``<name>_test``) and on trainval (``<name>_corloc``).

    Args:
        name: Name of the training stage.
        config: The whole config.
        needs: Stages of the data.
        source: Training stage whose last checkpoint is loaded first.
        seconds: First guess of the duration of the training.
        threads: Threads of the training process.
        options: Further options of ``tools/test.py``.

    Returns:
        The three stages.
    """
    return (
        train_stage(name, config, needs, source, seconds, threads),
        test_stage(f'{name}_test', config, needs, name, 'test', 20, options),
        test_stage(f'{name}_corloc', config, needs, name, 'trainval', 30, options),
    )
