"""A grid as stages, the same ones as the ladder's where both have them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.demo.derive import derive_config, on_training_images
from wsod_mm.demo.ladder_stages import data_needs, data_paths, data_stages
from wsod_mm.demo.model_stages import detector_stages, test_stage
from wsod_mm.demo.options import LadderOptions, quick_options
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.pipeline.training import train_stage
from wsod_mm.utils.io import write_json

from .grid import Grid, GridError, GridRow
from .rows import add_row, measure_row

__all__ = ['Run', 'grid_runs', 'grid_stages', 'row_stage_name']


@dataclass(frozen=True)
class Run:
    """One seed of everything.

    Attributes:
        data_seed: Seed of the images; ``None`` where the configs say what the data are.
        seed: Seed of the trainings.
    """

    data_seed: int | None
    seed: int

    @property
    def data_prefix(self) -> str:
        """Folder of the data's stages."""
        return '' if self.data_seed is None else f'data{self.data_seed}/'

    @property
    def prefix(self) -> str:
        """Folder of the trainings' stages."""
        return f'{self.data_prefix}seed{self.seed}/'


def grid_runs(grid: Grid, data_seeds: Sequence[int] | None, seeds: Sequence[int]) -> list[Run]:
    """All pairs of seeds.

    Args:
        grid: The grid.
        data_seeds: Seeds of the images; ``None`` takes 0, 1, 2 for generated images.
        seeds: Seeds of the trainings.

    Raises:
        GridError: If data that are given are to have several seeds.
    """
    if grid.data is None:
        if data_seeds:
            raise GridError(f'{grid.path}: data is None, so there are no data seeds; leave --data-seeds out')
        return [Run(None, seed) for seed in seeds]
    if grid.data.kind == 'voc':
        if data_seeds is not None and len(data_seeds) != 1:
            raise GridError(f'{grid.path}: data of kind voc are not generated, so they have one seed; use --seeds')
        data_seeds = data_seeds or [0]
    return [Run(data_seed, seed) for data_seed in (data_seeds or [0, 1, 2]) for seed in seeds]


def row_stage_name(run: Run, key: str) -> str:
    """Name of the stage that measures a row."""
    return f'{run.prefix}{key}_row'


def grid_stages(
    grid: Grid,
    root: Path,
    runs: Sequence[Run],
    rows: Sequence[str] | None = None,
    quick: bool = False,
    threads: int = 1,
) -> list[Stage]:
    """Stages of a grid.

    Those of images, proposals, chance and classifier, and rows ``wsddn`` and ``oicr`` with the ladder's configs, have
    the names and keys of :func:`wsod_mm.demo.ladder.ladder_stages`, so what one of the two did in a folder the other
    does not repeat.

    Args:
        grid: The grid.
        root: Absolute work folder.
        runs: Seeds.
        rows: Keys of the rows to train; default all. Those that they start from come along.
        quick: One epoch on a few images.
        threads: Threads of each training.

    Returns:
        In an order in which every stage comes after those that it needs.

    Raises:
        FileNotFoundError: If given data are missing.
        GridError: If a key is unknown, an override leads nowhere, or the grid cannot be quick.
    """
    chosen = grid.with_sources(grid.select(rows))
    if grid.data is None:
        if quick:
            raise GridError(f'{grid.path}: --quick needs data of kind minivoc or voc, this grid has data = None')
        return [stage for run in runs for row in chosen for stage in _config_run(grid, root, run, row, threads)]
    stages: list[Stage] = []
    seen: set[int | None] = set()
    for run in runs:
        options = _options(grid, run, quick, threads)
        data_root, proposals = data_paths(options, root, run.data_prefix)
        if run.data_seed not in seen:
            seen.add(run.data_seed)
            # of all rows, so that the proposals are the same whichever rows are asked for
            detectors = [_derive(grid, row, options, data_root, proposals) for row in grid.rows]
            stages += data_stages(options, root, run.data_prefix, detectors)
        images, data = data_needs(options, run.data_prefix)
        source = None
        if grid.classifier is not None:
            source = f'{run.prefix}classifier'
            config = derive_config(grid.classifier, data_root, proposals, run.seed, options.overrides)
            stages.append(train_stage(source, config, images, seconds=170, threads=threads))
        for row in chosen:
            if row.of is None:
                config = _derive(grid, row, options, data_root, proposals)
                start = source if row.start is None else run.prefix + row.start
                stages += detector_stages(run.prefix + row.key, config, data, start, 130, threads, _tta(grid))
            stages.append(_row_stage(root, run, row, data_root))
    return stages


def _options(grid: Grid, run: Run, quick: bool, threads: int) -> LadderOptions:
    data = grid.data
    make: Callable[..., LadderOptions] = quick_options if quick else LadderOptions
    options = make(
        configs={row.key: row.config for row in grid.rows},
        data_root=data.data_root,
        proposal_file=data.proposal_file,
        data_seed=run.data_seed,
        seed=run.seed,
        proposals=data.proposals,
        threads=threads,
    )
    return dataclasses.replace(options, minivoc={**data.dials, **options.minivoc})


def _derive(grid: Grid, row: GridRow, options: LadderOptions, data_root: Path, proposals: Path) -> Config:
    config = derive_config(row.config, data_root, proposals, options.seed)
    _check_overrides(grid, row, config)
    overrides = {**grid.overrides, **row.overrides, **options.overrides}
    if overrides:
        config.merge_from_dict(overrides)
    return config


def _config_run(grid: Grid, root: Path, run: Run, row: GridRow, threads: int) -> list[Stage]:
    if row.of is not None:
        return [_row_stage(root, run, row, None)]
    config = Config.fromfile(str(row.config))
    _check_overrides(grid, row, config)
    config.merge_from_dict({'randomness.seed': run.seed, **grid.overrides, **row.overrides})
    name, options = run.prefix + row.key, _tta(grid)
    start = None if row.start is None else run.prefix + row.start
    found = (
        train_stage(name, config, (), start, seconds=36000, threads=threads),
        test_stage(f'{name}_test', config, (), name, None, 1800, options),
        test_stage(f'{name}_corloc', on_training_images(config), (), name, None, 1800, options),
    )
    return [*found, _row_stage(root, run, row, None)]


def _tta(grid: Grid) -> tuple[str, ...]:
    return ('--tta',) if grid.tta else ()


def _row_stage(root: Path, run: Run, row: GridRow, data_root: Path | None) -> Stage:
    def action(stage: StageRun) -> None:
        stage.report(0.1, 'measuring')
        result = measure_row(
            root / run.prefix, row.key, row.name, run.data_seed, run.seed, data_root, row.detector, row.branch
        )
        write_json(result, stage.folder / 'row.json')
        add_row(root, result)

    needs = tuple(f'{run.prefix}{row.detector}{ending}' for ending in ('', '_test', '_corloc'))
    params = {'name': row.name, 'format': 1, **({'branch': row.branch} if row.branch else {})}
    return Stage(row_stage_name(run, row.key), action, ('row.json',), needs, params, seconds=3)


def _check_overrides(grid: Grid, row: GridRow, config: Config) -> None:
    """A misspelt key would be written beside the one that was meant, and the row would be its own baseline."""
    for key in {**grid.overrides, **row.overrides}:
        value: Any = config.to_dict()
        parts = key.split('.')
        for depth, part in enumerate(parts[:-1]):
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                there = f'; there are: {", ".join(map(str, value))}' if isinstance(value, Mapping) else ''
                raise GridError(
                    f'{grid.path}: row {row.key!r} overrides {key}, but {row.config.name} has no '
                    f'{".".join(parts[: depth + 1])}{there}'
                )
