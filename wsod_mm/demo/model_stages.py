"""Testing a model, and training and testing a detector, as stages."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.pipeline.training import dump_config, final_checkpoint, train_stage
from wsod_mm.utils.paths import tools_dir

from .derive import branch_dump, dumped_branches, for_split, with_dump

__all__ = ['detector_stages', 'test_stage']


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
        The stage; what the model said is in ``predictions.npz``, that of a further branch beside it (see
        :func:`~wsod_mm.demo.derive.branch_dump`), the numbers in ``run/results.json``.
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
        (
            'predictions.npz',
            *(branch_dump(Path('predictions.npz'), branch).name for branch in dumped_branches(config)),
            'run/results.json',
        ),
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
