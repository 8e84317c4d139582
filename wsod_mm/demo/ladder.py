"""The ladder over several data seeds and training seeds, and its table."""

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wsod_mm.evaluation.tables import format_spread, markdown_table
from wsod_mm.pipeline.pipeline import Pipeline
from wsod_mm.pipeline.stage import Stage

from .ladder_stages import data_stages, run_stages
from .options import LadderOptions

__all__ = ['ladder_stages', 'ladder_table', 'run_ladder']

_COLUMNS = (('mAP_11pt', 'mAP (11 pt)'), ('mAP_area', 'mAP (area)'), ('CorLoc', 'CorLoc'))


def ladder_stages(
    options: LadderOptions, root: str | os.PathLike, data_seeds: Sequence[int], seeds: Sequence[int]
) -> list[Stage]:
    """Stages of all seeds: ``data<d>/...`` and ``data<d>/seed<s>/...``.

    Args:
        options: ``data_seed`` and ``seed`` are replaced.
        root: The work folder.
        data_seeds: Seeds of the images.
        seeds: Seeds of the trainings, all of them on every data seed.

    Raises:
        ValueError: If several data seeds are asked for of data that are not generated.
    """
    if options.data_root is not None and len(data_seeds) > 1:
        raise ValueError('data seeds are for generated images; data that are given have one')
    root, stages = Path(root).resolve(), []
    for data_seed in data_seeds:
        options = dataclasses.replace(options, data_seed=data_seed)
        prefix = f'data{data_seed}/'
        stages += data_stages(options, root, prefix)
        for seed in seeds:
            stages += run_stages(dataclasses.replace(options, seed=seed), root, prefix, f'{prefix}seed{seed}/')
    return stages


def run_ladder(
    options: LadderOptions,
    root: str | os.PathLike,
    data_seeds: Sequence[int],
    seeds: Sequence[int],
    workers: int | None = None,
) -> str:
    """Run everything that is not done yet.

    Args:
        options: See :func:`ladder_stages`.
        root: The work folder.
        data_seeds: Seeds of the images.
        seeds: Seeds of the trainings.
        workers: Stages at a time.

    Returns:
        The table of :func:`ladder_table`, which is also written to ``<root>/table.md``.
    """
    root = Path(root).resolve()
    stages = ladder_stages(options, root, data_seeds, seeds)
    if len(data_seeds) * len(seeds) > 1:
        # many single threads finish more than one stage with all cores at a time
        stages = [dataclasses.replace(stage, alone=False) for stage in stages]
    Pipeline(stages, root, workers).run()
    paths = [root / f'data{d}' / f'seed{s}' / 'summary.json' for d in data_seeds for s in seeds]
    table = ladder_table(json.loads(path.read_text(encoding='utf-8')) for path in paths)
    (root / 'table.md').write_text(table + '\n', encoding='utf-8')
    return table


def ladder_table(summaries: Iterable[dict[str, Any]]) -> str:
    """Markdown table of mean ± sample standard deviation over runs, and the paired gain of OICR over WSDDN.

    Args:
        summaries: Contents of ``summary.json`` files.

    Returns:
        Several lines; percent.

    Raises:
        ValueError: If there is no summary.
    """
    summaries = list(summaries)
    if not summaries:
        raise ValueError('no runs to make a table of')
    runs = [{method['key']: method for method in summary['methods']} for summary in summaries]
    rows = []
    for key, method in runs[0].items():
        rows.append(
            [method['name'], *(format_spread([run[key].get(column) for run in runs]) for column, _ in _COLUMNS)]
        )
    if all({'oicr', 'wsddn'} <= run.keys() for run in runs):
        rows.append(
            [
                'OICR − WSDDN, run by run',
                *(
                    format_spread([run['oicr'][column] - run['wsddn'][column] for run in runs], '+')
                    for column, _ in _COLUMNS
                ),
            ]
        )
    labels = [summary.get('classifier', {}).get('mAP') for summary in summaries]
    lines = [
        markdown_table(['method', *(name for _, name in _COLUMNS)], rows),
        '',
        f'Mean ± sample standard deviation over {len(summaries)} runs '
        f'({len({s["data_seed"] for s in summaries})} data seeds × {len({s["seed"] for s in summaries})} training '
        'seeds); percent; mAP on test, CorLoc on trainval.',
    ]
    if None not in labels:
        lines.append(f'The classifier ranks test images with an average precision of {format_spread(labels)}.')
    return '\n'.join(lines)
