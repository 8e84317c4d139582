"""One self-contained HTML page about a pipeline that makes masks from image labels, finished or not."""

import math
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from typing import Any

import wsod_mm
from wsod_mm.utils.io import atomic_write
from wsod_mm.visualization.charts import Curve, line_chart
from wsod_mm.visualization.page import build_page, duration, embed_array, section, table, value_cell

from .pictures import image_panels, label_colour
from .results import WeakSegResults
from .stage_notes import stage_notes

__all__ = ['build_report', 'write_report']

_LEAD = (
    'The networks were told which classes are in an image, never where. This page shows the masks that were made from '
    'that, step by step: class activation maps, a dense CRF, random walks of AffinityNet (PSA) and of IRN.'
)
_NUMBERS = (
    ('mIoU', 'mIoU'),
    ('pixel_accuracy', 'pixel accuracy'),
    ('mean_false_positive', 'falsely there'),
    ('mean_false_negative', 'missing'),
)


def write_report(work_dir: Path, out: Path, names: Sequence[str] | None = None, images: int = 12) -> None:
    """Write the page of :func:`build_report`, atomically.

    Args:
        work_dir: Folder of a pipeline; only the stage ``images`` must be done.
        out: The HTML file.
        names: See :func:`build_report`.
        images: See there.

    Raises:
        FileNotFoundError: If the pipeline has no list of images.
        ValueError: If a name is unknown or a file damaged.
    """
    html = build_report(WeakSegResults(work_dir), names, images)
    with atomic_write(out, '.html') as temporary:
        temporary.write_text(html, encoding='utf-8')


def build_report(results: WeakSegResults, names: Sequence[str] | None = None, images: int = 12) -> str:
    """Make the page: numbers of all label maps, IoU by class and by background, AP of instances, and pictures.

    Args:
        results: The pipeline. What it lacks is left out.
        names: Ids of the images that are shown; ``None`` takes them evenly from the evaluated list.
        images: How many they are then. Where there is a truth, half as many of the worst and of the best are shown too.

    Returns:
        HTML that loads nothing from anywhere.
    """
    metrics, lists = results.metrics, results.images.lists
    facts: dict[str, Any] = {
        'images to learn from': len(lists['train']),
        'images with masks': len(lists['infer']),
        'evaluated on': metrics.get('num_images', 'nothing'),
        'classes': len(results.images.classes),
    }
    if metrics.get('crf_backend'):
        facts['dense CRF'] = metrics['crf_backend']
    return build_page(
        'Masks from image labels',
        _LEAD,
        facts,
        [
            _sources(metrics),
            _sweep(metrics),
            _classes(metrics),
            _instances(metrics),
            *_pictures(results, names, images),
            _how(results),
        ],
        wsod_mm.__version__,
        datetime.now(timezone.utc).isoformat(timespec='minutes'),
    )


def _columns(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the first table: the sources, and the best of the sweep behind the CAM."""
    entries = []
    for entry in metrics.get('sources', ()):
        threshold = entry.get('threshold')
        note = '' if threshold is None else f'fixed background {threshold:g}'
        entries.append({**entry, 'note': note, 'tuned': False})
        if entry['key'] == 'cam' and metrics.get('cam_best'):
            best = metrics['cam_best']
            note = f'background {best["threshold"]:g}, chosen with the true masks: a bound, no result'
            entries.append({**best, 'name': f'{entry["name"]}, best background', 'note': note, 'tuned': True})
    return entries


def _best(entries: Sequence[dict[str, Any]], values: Sequence[float | None]) -> float | None:
    fair = [value for entry, value in zip(entries, values, strict=True) if value is not None and not entry['tuned']]
    return max(fair, default=None)


def _sources(metrics: dict[str, Any]) -> str:
    entries = _columns(metrics)
    if not entries:
        return ''
    shown = [(key, name) for key, name in _NUMBERS if any(entry.get(key) is not None for entry in entries)]
    best = _best(entries, [entry.get('mIoU') for entry in entries])
    rows = []
    for entry in entries:
        note = f'<small>{escape(entry["note"])}</small>' if entry['note'] else ''
        cells = (
            value_cell(entry.get(key), key == 'mIoU' and not entry['tuned'] and entry.get(key) == best)
            for key, _ in shown
        )
        kind = 'chance' if entry['tuned'] else ''
        rows.append(f'<tr class="{kind}"><th scope="row">{escape(entry["name"])}{note}</th>{"".join(cells)}</tr>')
    text = (
        '<b>mIoU</b> is the mean over all classes, with the background, of the part that a mask and the true mask have '
        'in common, counted over all images at once. <b>Falsely there</b> and <b>missing</b> say which part of the '
        'union of both is lost in each way. All numbers are percent; the row in grey was chosen with the true masks.'
    )
    caption = f'Label maps of {metrics.get("num_images", "?")} images, percent'
    return section('sources', 'Results', text, table(caption, ['masks', *(n for _, n in shown)], rows, 'methods'))


def _sweep(metrics: dict[str, Any]) -> str:
    sweep = [entry for entry in metrics.get('cam_sweep', ()) if entry.get('mIoU') is not None]
    if len(sweep) < 2:
        return ''
    x = [entry['threshold'] for entry in sweep]
    curves = [Curve('CAM', x, [entry['mIoU'] for entry in sweep])]
    for entry in metrics['sources']:
        if entry['key'] != 'cam':
            curves.append(Curve(entry['name'], [x[0], x[-1]], [entry['mIoU']] * 2))
    chart = line_chart(curves, 'mIoU of the class activation maps', 'score of the background', 'percent')
    text = (
        'A pixel is background where no CAM exceeds this score. The others have no such score, their lines are for '
        'comparison.'
    )
    return section('sweep', 'Background of the CAMs', text, f'<div class="grid2">{chart}</div>')


def _classes(metrics: dict[str, Any]) -> str:
    entries = [entry for entry in _columns(metrics) if entry.get('iou')]
    if not entries:
        return ''
    rows = []
    for label, name in enumerate(['background', *metrics['classes']]):
        values = [entry['iou'][label] for entry in entries]
        rows.append(_value_row(f'{_swatch(label)}{escape(name)}', entries, values))
    rows.append(_value_row('mean', entries, [entry['mIoU'] for entry in entries], 'mean'))
    text = 'A dash stands for a class that neither the true masks nor these have.'
    header = ['class', *(entry['name'] for entry in entries)]
    return section('classes', 'Classes', text, table('IoU of each class, percent', header, rows))


def _value_row(head: str, entries: Sequence[dict[str, Any]], values: Sequence[float | None], css: str = '') -> str:
    best = _best(entries, values)
    cells = (
        value_cell(value, value is not None and value == best and not entry['tuned'])
        for entry, value in zip(entries, values, strict=True)
    )
    return f'<tr class="{css}"><th scope="row">{head}</th>{"".join(cells)}</tr>'


def _instances(metrics: dict[str, Any]) -> str:
    found = metrics.get('instances')
    if not found:
        return ''
    keys = sorted((key for key in found if key.startswith('AP') and key[2:].isdigit()), key=lambda key: int(key[2:]))
    counts = [(key, name) for key, name in (('num_positive', 'objects'), ('num_predictions', 'masks')) if key in found]
    rows = []
    for label, name in enumerate(found['classes']):
        numbers = ''.join(f'<td>{found[key][label]:.0f}</td>' for key, _ in counts)
        cells = ''.join(value_cell(found[f'{key}_classes'][label]) for key in keys)
        rows.append(f'<tr><th scope="row">{_swatch(label + 1)}{escape(name)}</th>{numbers}{cells}</tr>')
    numbers = ''.join(f'<td>{sum(found[key]):.0f}</td>' for key, _ in counts)
    cells = ''.join(value_cell(found[key]) for key in keys)
    rows.append(f'<tr class="mean"><th scope="row">mean</th>{numbers}{cells}</tr>')
    text = (
        'IRN tells objects of one class apart. A mask counts when it and an object share more than half of their union '
        '(AP50), or more than seven tenths (AP70); the area under the curve of precision over recall is averaged over '
        'the classes.'
    )
    header = ['class', *(name for _, name in counts), *keys]
    return section('instances', 'Instances', text, table('AP of instance masks, percent', header, rows))


def _pictures(results: WeakSegResults, names: Sequence[str] | None, images: int) -> list[str]:
    ids = list(results.ids)
    chosen = _evenly(ids, images) if names is None else results.check_ids(names)
    keys = [*results.label_maps][-1:] or ['cam']
    ranked = results.ranked(keys[0]) if images and results.metrics.get('truth') else []
    half = min(math.ceil(images / 2), len(ranked) // 2)
    title = results.label_maps.get(keys[0], 'CAM')
    key = ''.join(
        f'<li>{_swatch(label)}{escape(name)}</li>' for label, name in enumerate(results.images.classes, start=1)
    )
    intro = (
        'Titles have the mean IoU of what the true mask of that one image shows, with the background; lines under a '
        'picture its classes. Pixels in cream are unsure and not counted. In the picture of instances every '
        'object has a colour of its own; fragments without a score are left out.'
    )
    parts = [
        ('sample', 'Pictures', intro, chosen, f'<ul class="key">{key}</ul>'),
        ('worst', 'Worst images', f'By the IoU of {title}, the worst first.', [i for _, i in ranked[:half]], ''),
        ('best', 'Best images', f'By the IoU of {title}, the best first.', [i for _, i in ranked[::-1][:half]], ''),
    ]
    figures = {img_id: _figure(results, img_id) for part in parts for img_id in part[3]}
    return [
        section(name, heading, text, f'{top}<div class="gallery rows">{"".join(figures[i] for i in shown)}</div>')
        for name, heading, text, shown, top in parts
        if shown
    ]


def _evenly(ids: Sequence[str], count: int) -> list[str]:
    """The same images for every pipeline on this list, so that pages can be compared."""
    if len(ids) <= count:
        return list(ids)
    return [ids[(2 * i + 1) * len(ids) // (2 * count)] for i in range(count)]


def _figure(results: WeakSegResults, img_id: str) -> str:
    classes = results.images.classes
    labels = ', '.join(classes[label] for label in results.images.records[img_id].labels) or 'no class'
    caption = f'<figcaption>Image {escape(img_id)}: {escape(labels)}</figcaption>'
    try:
        panels = image_panels(results, img_id)
    except FileNotFoundError as error:  # the numbers are still worth a page
        return f'<figure>{caption}<p class="soft">{escape(str(error))}</p></figure>'
    shots = []
    for panel in panels:
        iou = '' if panel.iou is None or math.isnan(panel.iou) else f' <span>IoU {panel.iou:.1f}</span>'
        chips = ''.join(
            f'<li><i style="background:rgb{chip.colour}"></i>{escape(chip.text)}</li>' for chip in panel.chips
        )
        alt = escape(f'{panel.title} of image {img_id}', True)
        shots.append(
            f'<div class="shot"><h4>{escape(panel.title)}{iou}</h4><img alt="{alt}" src="{embed_array(panel.picture)}">'
            f'<ul class="chips">{chips}</ul></div>'
        )
    # as many to a line as make lines of about one length, so that classes more or less do not change the size
    columns = max(4, math.ceil(len(shots) / math.ceil(len(shots) / 5)))
    return f'<figure>{caption}<div class="shots" style="--n:{columns}">{"".join(shots)}</div></figure>'


def _how(results: WeakSegResults) -> str:
    notes = stage_notes(results)
    if not notes:
        return ''
    rows = []
    for note in notes:
        words = ', '.join(f'{key}={_short(value)}' for key, value in note.settings.items())
        settings = f'<small><code>{escape(words)}</code></small>' if words else ''
        state = '' if note.state == 'done' else f' <span class="pm">{escape(note.state or "unknown")}</span>'
        rows.append(
            f'<tr><th scope="row">{escape(note.name)}{settings}</th><td>{duration(note.seconds)}{state}</td></tr>'
        )
    text = 'Stages of the pipeline, their settings, and the time each took.'
    return section('how', 'How this was made', text, table('Stages', ['stage', 'time'], rows, 'methods'))


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return '(' + ', '.join(map(_short, value)) + ')'
    if isinstance(value, str):
        return os.path.basename(value)
    return f'{value:g}' if isinstance(value, float) else str(value)


def _swatch(label: int) -> str:
    return f'<i class="swatch" style="background:rgb{label_colour(label)}"></i>'
