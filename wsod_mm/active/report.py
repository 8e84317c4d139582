"""One self-contained HTML page about experiments of active learning, finished or not."""

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import wsod_mm
from wsod_mm.utils.io import atomic_write
from wsod_mm.visualization.page import build_page, embed_file, embed_photo, section, table, value_cell

from .class_counts import labeled_class_counts
from .plots import plot_learning_curves, strategy_colours
from .results import CurvePoint, Experiment, learning_curves

__all__ = ['build_report', 'write_report']

_LEAD = (
    'A detector is trained on few labeled images, a strategy chooses the images that are labeled next, and so on. This '
    'page shows how good the detectors of each strategy were, and which images it chose.'
)


def write_report(
    experiments: Sequence[Experiment],
    out: str | os.PathLike,
    pools: Sequence[Any | None] | None = None,
    images: int = 12,
) -> Path:
    """Write the page of :func:`build_report`, atomically.

    Args:
        experiments: At least one.
        out: The HTML file.
        pools: See :func:`build_report`.
        images: See there.

    Returns:
        The HTML file.
    """
    out = Path(out)
    with atomic_write(out, '.html') as temporary:
        temporary.write_text(build_report(experiments, pools, images), encoding='utf-8')
    return out


def build_report(experiments: Sequence[Experiment], pools: Sequence[Any | None] | None = None, images: int = 12) -> str:
    """Make the page: learning curves, numbers, class counts of the labeled images, and the chosen images.

    Args:
        experiments: Those of one strategy have the same label, which gives them one colour and one curve.
        pools: The pool of each experiment (``names``, ``record(i, labeled)``), for pictures and class counts; ``None``
            where there is none.
        images: How many of the images chosen after each cycle are shown, the best first.

    Returns:
        HTML that loads nothing from anywhere. Pictures that are gone are named and left grey.

    Raises:
        ValueError: If there is no experiment, or another number of pools.
    """
    if not experiments:
        raise ValueError('no experiment to report on')
    pools = [None] * len(experiments) if pools is None else list(pools)
    if len(pools) != len(experiments):
        raise ValueError(f'{len(experiments)} experiments and {len(pools)} pools: give one each, or None')
    curves = learning_curves(experiments)
    facts: dict[str, Any] = {'experiments': len(experiments), 'strategies': len(curves)}
    sizes = {experiment.n_images for experiment in experiments} - {None}
    if len(sizes) == 1:
        facts['images in the pool'] = sizes.pop()
    return build_page(
        'Active learning',
        _LEAD,
        facts,
        [
            _curves(curves),
            _experiments(experiments, curves),
            _classes(experiments, pools),
            _chosen(experiments, pools, images),
        ],
        wsod_mm.__version__,
        datetime.now(timezone.utc).isoformat(timespec='minutes'),
    )


def _curves(curves: dict[str, list[CurvePoint]]) -> str:
    if not any(curves.values()):
        return section('curves', 'Learning curves', 'No cycle is evaluated yet.', '')
    with TemporaryDirectory() as folder:
        plot = embed_file(plot_learning_curves(curves, Path(folder) / 'curves.png'))
    several = any(len(point.values) > 1 for line in curves.values() for point in line)
    text = 'The higher and the further left, the better.'
    if several:
        text += (
            ' Lines are means over seeds, bands one sample standard deviation to each side, pale dots the runs. Hollow '
            'points are means over those runs only that have got there.'
        )
    counts = sorted({point.n_labeled for line in curves.values() for point in line})
    lines = {label: {point.n_labeled: point for point in line} for label, line in curves.items()}
    best = {count: max(line[count].mean for line in lines.values() if count in line) for count in counts}
    colours = strategy_colours(list(curves))
    rows = []
    for label, line in lines.items():
        cells = [
            value_cell(line[count].mean, line[count].mean == best[count], line[count].spread)
            if count in line
            else value_cell(None)
            for count in counts
        ]
        runs = max((len(point.values) for point in line.values()), default=0)
        rows.append(
            f'<tr><th scope="row"><i class="swatch" style="background:{colours[label]}"></i>{escape(label)}'
            f'<small>{runs} run{"s" * (runs != 1)}</small></th>{"".join(cells)}</tr>'
        )
    shares = {point.n_labeled: point.percent for line in curves.values() for point in line}
    header = [f'{count}' + (f' ({shares[count]:.1f} %)' if shares[count] is not None else '') for count in counts]
    body = f'<img class="plot" alt="mAP against the number of labeled images" src="{plot}">'
    return section(
        'curves',
        'Learning curves',
        text,
        body + table('mAP by number of labeled images, percent', ['strategy', *header], rows, 'methods'),
    )


def _experiments(experiments: Sequence[Experiment], curves: dict[str, list[CurvePoint]]) -> str:
    last = max((result.cycle for experiment in experiments for result in experiment.cycles), default=-1)
    rows = []
    for experiment in experiments:
        values = {result.cycle: result.mAP for result in experiment.cycles}
        state = (
            'done'
            if experiment.phase == 'done'
            else f'cycle {experiment.cycle}, {experiment.phase}'
            if experiment.phase
            else '–'
        )
        rows.append(
            f'<tr><th scope="row">{escape(experiment.name)}<small>{escape(str(experiment.folder))}</small></th>'
            f'<td>{escape(state)}</td>{"".join(value_cell(values.get(cycle)) for cycle in range(last + 1))}</tr>'
        )
    header = ['experiment', 'state', *(f'cycle {cycle}' for cycle in range(last + 1))]
    return section('experiments', 'Experiments', '', table('mAP after each cycle, percent', header, rows, 'methods'))


def _classes(experiments: Sequence[Experiment], pools: Sequence[Any | None]) -> str:
    blocks = []
    for experiment, pool in zip(experiments, pools, strict=True):
        if pool is None:
            continue
        try:
            counts = labeled_class_counts(experiment, pool)
        except (OSError, ValueError) as error:
            blocks.append(_details(experiment.name, f'<p class="soft">left out: {escape(str(error))}</p>', not blocks))
            continue
        if not counts:
            continue
        rows = []
        for name in list(counts.values())[-1]:
            cells = [cycle.get(name, (0, 0)) for cycle in counts.values()]
            text = ''.join(f'<td>{objects} <span class="pm">in {images}</span></td>' for images, objects in cells)
            rows.append(f'<tr><th scope="row">{escape(name)}</th>{text}</tr>')
        header = ['class', *(f'cycle {cycle}' for cycle in counts)]
        caption = 'Objects, and in how many labeled images'
        blocks.append(_details(experiment.name, table(caption, header, rows), not blocks))
    if not blocks:
        return ''
    return section('classes', 'Classes among the labeled images', '', ''.join(blocks))


def _chosen(experiments: Sequence[Experiment], pools: Sequence[Any | None], images: int) -> str:
    if not images:
        return ''
    blocks = []
    for experiment, pool in zip(experiments, pools, strict=True):
        ids = {} if pool is None else {name: i for i, name in enumerate(pool.names)}
        cycles = []
        for cycle, names in experiment.selected_names().items():
            scores = experiment.scores(cycle)
            figures = [_thumbnail(name, pool, ids.get(name), scores) for name in names[:images]]
            shown = f', of which the first {images} are shown' if len(names) > images else ''
            cycles.append(
                f'<h3>After cycle {cycle}: {len(names)} images{shown}</h3><div class="thumbs">{"".join(figures)}</div>'
            )
        if cycles:
            blocks.append(_details(experiment.name, ''.join(cycles), not blocks))
    if not blocks:
        return ''
    text = 'The images that were to be labeled next, the most wanted first.'
    if all(pool is None for pool in pools):
        text += ' Only names: the pool, which knows the files, was not given.'
    return section('chosen', 'Chosen images', text, ''.join(blocks))


def _thumbnail(name: str, pool: Any | None, image_id: int | None, scores: Any | None) -> str:
    picture = f'<div class="gone">{"no picture" if pool is None else "gone"}</div>'
    if pool is not None and image_id is not None:
        try:
            uri = embed_photo(pool.record(image_id, labeled=False)['img_path'], 176)[0]
            picture = f'<img alt="{escape(name, True)}" src="{uri}">'
        except (OSError, ValueError):  # removed, or no picture: the page is still worth having
            pass
    score = ''
    if scores is not None and image_id is not None and image_id < len(scores):
        score = f'<br>{scores[image_id]:.4g}'
    return f'<figure>{picture}<figcaption>{escape(name)}{score}</figcaption></figure>'


def _details(title: str, body: str, is_open: bool) -> str:
    return f'<details{" open" * is_open}><summary>{escape(title)}</summary>{body}</details>'
