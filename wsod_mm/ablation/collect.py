"""Which rows of a grid are finished in a work folder, with the settings of today."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsod_mm.pipeline.pipeline import Pipeline
from wsod_mm.pipeline.stage import StageFolder

from .grid import Grid
from .stages import Run, grid_stages, row_stage_name

__all__ = ['Collected', 'collect_rows', 'runs_on_disk']

_FOLDER = re.compile(r'(?:data(?P<data>\d+)/)?seed(?P<seed>\d+)')


@dataclass(frozen=True)
class Collected:
    """Finished rows.

    Attributes:
        rows: In the order of the grid, then of the seeds.
        stale: Folders of rows that were made with other settings, or are damaged; left out.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def runs_on_disk(grid: Grid, root: Path) -> list[Run]:
    """Seeds of which a work folder holds a measured row of the grid, whatever its settings were."""
    found = set()
    for row in grid.rows:
        for path in root.glob(('seed*' if grid.data is None else 'data*/seed*') + f'/{row.key}_row/row.json'):
            match = _FOLDER.fullmatch(path.parent.parent.relative_to(root).as_posix())
            if match:
                data = match.group('data')
                found.add((None if data is None else int(data), int(match.group('seed'))))
    return [Run(*pair) for pair in sorted(found, key=str)] if grid.data is None else [Run(*p) for p in sorted(found)]


def collect_rows(grid: Grid, root: Path, quick: bool = False) -> Collected:
    """Find all finished rows, of every seed that a work folder holds.

    A row counts when its record has the hash that its settings have now, as for the pipeline.

    Args:
        grid: The grid.
        root: Absolute work folder.
        quick: Whether the tiny variant is meant.

    Returns:
        The rows.
    """
    collected = Collected()
    runs = runs_on_disk(grid, root)
    if not runs:
        return collected
    stages = grid_stages(grid, root, runs, quick=quick)
    keys = Pipeline(stages, root).keys()
    by_name = {stage.name: stage for stage in stages}
    for row in grid.rows:
        for run in runs:
            name = row_stage_name(run, row.key)
            path = root / name / 'row.json'
            if not path.is_file():
                continue
            try:
                if not StageFolder(root, by_name[name]).is_done(keys[name]):
                    raise ValueError('made with other settings')
                collected.rows.append(json.loads(path.read_text(encoding='utf-8')))
            except (OSError, ValueError):
                collected.stale.append(name)
    return collected
