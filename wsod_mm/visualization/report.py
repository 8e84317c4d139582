"""One self-contained HTML page about a run of the ladder: numbers, curves and pictures."""

import json
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from wsod_mm.evaluation.detection_file import DetectionFile
from wsod_mm.evaluation.tables import format_number
from wsod_mm.utils.io import atomic_write

from .charts import Curve, line_chart
from .gallery import gallery_html
from .page import build_page, duration, section, table, value_cell
from .palette import hex_colour

__all__ = ['build_report', 'write_report']

_METRICS = (('mAP_11pt', 'mAP, 11 points'), ('mAP_area', 'mAP, area'), ('CorLoc', 'CorLoc'))


def write_report(run_dir: str | os.PathLike, out: str | os.PathLike | None = None, images: int = 16) -> Path:
    """Read a run's ``summary.json`` and write its report, atomically.

    Args:
        run_dir: Folder of the run.
        out: The HTML file, default ``<run_dir>/report.html``.
        images: How many test images the gallery shows.

    Returns:
        The HTML file.

    Raises:
        FileNotFoundError: If the run has no summary yet.
        ValueError: If the summary is not JSON.
    """
    run_dir = Path(run_dir)
    path = run_dir / 'summary.json'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} is not there: finish the run first (python tools/demo.py --work-dir {run_dir})'
        )
    try:
        summary = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is not JSON ({error}); remove it and run the demo again') from error
    out = Path(out) if out is not None else run_dir / 'report.html'
    with atomic_write(out, '.html') as temporary:
        temporary.write_text(build_report(summary, run_dir, images), encoding='utf-8')
    return out


def build_report(summary: Mapping[str, Any], run_dir: str | os.PathLike = '.', images: int = 16) -> str:
    """Make the page.

    Args:
        summary: What the demo's summary stage writes (``wsod_mm.demo.summary`` describes it). Parts that are missing
            are left out of the page; ``methods`` and ``classes`` must be there.
        run_dir: Folder that the paths in ``summary['detections']`` start from.
        images: How many test images the gallery shows.

    Returns:
        HTML that loads nothing from anywhere.
    """
    sections = [
        _methods(summary),
        _per_class(summary),
        _curves(summary),
        _proposals(summary),
        _part_whole(summary),
        _gallery(summary, Path(run_dir), images),
        _how(summary),
    ]
    return build_page(
        summary.get('title', 'Weakly supervised detection'),
        summary.get('lead', ''),
        summary.get('facts', {}),
        sections,
        str(summary.get('version', '')),
        str(summary.get('created', '')),
    )


def _methods(summary: Mapping[str, Any]) -> str:
    rows = []
    best = {
        key: max((method[key] for method in summary['methods'] if method.get(key) is not None), default=None)
        for key, _ in _METRICS
    }
    for method in summary['methods']:
        note = f'<small>{escape(method["note"])}</small>' if method.get('note') else ''
        cells = ''.join(
            value_cell(
                method.get(key), method.get(key) is not None and method[key] == best[key], method.get(f'{key}_std')
            )
            for key, _ in _METRICS
        )
        rows.append(
            f'<tr class="{escape(method.get("kind", ""), True)}"><th scope="row">{escape(method["name"])}{note}</th>'
            f'{cells}<td>{duration(method.get("seconds"))}</td></tr>'
        )
    text = (
        'The detectors learnt from the list of classes in every training image; no box was ever shown to them. Rows in '
        'grey show what comes without seeing where anything is. <b>mAP</b>, on test images, asks that every object be '
        'found and nothing else be called one. <b>CorLoc</b>, on training images, asks that the best box of each class '
        'lie on an object of it. A box counts when it overlaps an object by more than half (IoU &gt; .5). All numbers '
        'are percent; 100 is perfect.'
    )
    body = table('Results of all methods', ['method', *(name for _, name in _METRICS), 'training'], rows, 'methods')
    classifier = summary.get('classifier')
    if classifier:
        body += (
            f'<p class="soft">The image classifier on which the detectors build, trained in '
            f'{duration(classifier.get("seconds"))}, tells which classes are in a test image with an average precision '
            f'of {format_number(classifier.get("mAP"))} %. It says nothing about where they are.</p>'
        )
    return section('methods', 'Results', text, body)


def _per_class(summary: Mapping[str, Any]) -> str:
    classes = summary['classes']
    bodies = []
    for key, mean, caption in (
        ('ap_11pt', 'mAP_11pt', 'AP (11 points) of each class, test images'),
        ('corloc', 'CorLoc', 'CorLoc of each class, training images'),
    ):
        methods = [method for method in summary['methods'] if method.get(key)]
        if not methods:
            continue
        rows = []
        for label, name in enumerate(classes):
            values = [method[key][label] for method in methods]
            best = max((value for value in values if value is not None), default=None)
            rows.append(
                f'<tr><th scope="row">{escape(name)}</th>'
                + ''.join(value_cell(value, value is not None and value == best) for value in values)
                + '</tr>'
            )
        rows.append(
            '<tr class="mean"><th scope="row">mean</th>'
            + ''.join(value_cell(method.get(mean)) for method in methods)
            + '</tr>'
        )
        bodies.append(table(caption, ['class', *(method.get('short', method['name']) for method in methods)], rows))
    if not bodies:
        return ''
    return section(
        'classes',
        'Class by class',
        'Longer bars are better; the best method of each row is printed bold.',
        f'<div class="grid2">{"".join(f"<div>{body}</div>" for body in bodies)}</div>',
    )


def _curves(summary: Mapping[str, Any]) -> str:
    charts = [
        line_chart(
            [Curve(curve['name'], curve['x'], curve['y']) for curve in chart['curves']],
            chart['title'],
            chart.get('x_label', 'iteration'),
            chart.get('y_label', ''),
        )
        for chart in summary.get('charts', [])
    ]
    if not any(charts):
        return ''
    return section(
        'curves',
        'Training',
        'How the losses fell and how the validation images were judged on the way.',
        f'<div class="grid2">{"".join(charts)}</div>',
    )


def _proposals(summary: Mapping[str, Any]) -> str:
    proposals = summary.get('proposals')
    if not proposals:
        return ''
    # beyond the number of boxes that images have, the curves are flat
    last = 2 * (proposals.get('per_image') or float('inf'))
    curves = [
        Curve(
            f'IoU {entry["iou"]:g}',
            *zip(
                *((at, 100 * value) for at, value in zip(entry['at'], entry['recall'], strict=True) if at <= last),
                strict=True,
            ),
        )
        for entry in proposals['recall']
    ]
    chart = line_chart(
        curves,
        'Objects covered by the first k proposals',
        'k, proposals per image',
        '% of objects',
        (0, 100),
        log_x=True,
    )
    text = (
        'The detectors choose among boxes that selective search proposes without knowing any class. An object that no '
        'proposal covers cannot be found, so these curves bound what can be reached'
        + (f' (about {proposals["per_image"]:.0f} proposals per image)' if proposals.get('per_image') else '')
        + '.'
    )
    return section('proposals', 'Proposals', text, f'<div class="grid2">{chart}</div>')


def _part_whole(summary: Mapping[str, Any]) -> str:
    parts = summary.get('part_whole')
    if not parts:
        return ''
    columns = (
        ('hit', 'hits'),
        ('covered', 'object covered'),
        ('inside', 'box inside object'),
        ('on_head', 'on the head'),
    )
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + ''.join(value_cell(values.get(key)) for key, _ in columns)
        + '</tr>'
        for name, values in parts.items()
    ]
    text = (
        'The classic mistake of weak supervision is to box the part that gives a class away, a face instead of a body. '
        'For the best box of every class in each training image: how often it hits, how much of the object it covers, '
        'how much of it lies inside the object, and how often it fits the head better than the whole.'
    )
    return section(
        'parts',
        'Part or whole',
        text,
        table('Best boxes against parts and wholes, percent', ['method', *(name for _, name in columns)], rows),
    )


def _gallery(summary: Mapping[str, Any], run_dir: Path, images: int) -> str:
    paths = summary.get('detections')
    if not paths or not images:
        return ''
    runs = {name: DetectionFile.load(run_dir / path) for name, path in paths.items()}
    key = ''.join(
        f'<li><i style="background:{hex_colour(label)}"></i>{escape(name)}</li>'
        for label, name in enumerate(summary['classes'])
    )
    text = (
        'Test images, taken evenly from the best to the worst result, so failures are shown too. Solid boxes overlap '
        'an object of their class by more than half, dashed ones do not; dashed objects in the ground truth are marked '
        'difficult and not counted. Numbers are scores, which are small and only comparable within an image.'
    )
    return section('gallery', 'Pictures', text, f'<ul class="key">{key}</ul>' + gallery_html(runs, images))


def _how(summary: Mapping[str, Any]) -> str:
    stages = summary.get('stages')
    if not stages:
        return ''
    rows = [
        f'<tr><th scope="row">{escape(stage["name"])}</th><td>{duration(stage.get("seconds"))}</td></tr>'
        for stage in stages
    ]
    command = f'<pre><code>{escape(summary["command"])}</code></pre>' if summary.get('command') else ''
    return section(
        'how',
        'How this was made',
        'Stages of the run and the time each took. Detectors that do not need each '
        'other were trained at the same time, so the sum is longer than the wait.',
        command + table('Stages', ['stage', 'time'], rows),
    )
