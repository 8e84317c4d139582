"""Test images with ground truth and detections side by side, as HTML."""

from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from wsod_mm.evaluation.detection_file import DetectionFile
from wsod_mm.functional.detection_metrics import BoxTable, paired_iou

from .page import embed_photo
from .palette import hex_colour
from .selection import select_for_display

__all__ = ['choose_images', 'gallery_html']


def choose_images(runs: Mapping[str, DetectionFile], count: int) -> list[int]:
    """Choose images evenly from the worst to the best result of the last run, so that failures are seen too.

    The quality of an image is the mean IoU of the best box of each class that it contains. Equal images are taken in
    file order, so the choice is reproducible.

    Args:
        runs: Detections of each method on the same images.
        count: How many.

    Returns:
        Rows of the images, best first; images without objects are left out.
    """
    run = list(runs.values())[-1]
    quality = {}
    for row in range(len(run.img_ids)):
        top, truth = run.of_image(row, 'top'), run.of_image(row, 'truth')
        overlaps = [
            _best_iou(box, truth.boxes[truth.label == label])
            for box, label in zip(top.boxes, top.label, strict=True)
            if (truth.label == label).any()
        ]
        if overlaps:
            quality[row] = float(np.mean(overlaps))
    ranked = sorted(quality, key=lambda row: (-quality[row], row))
    if len(ranked) <= count:
        return ranked
    return [ranked[int(position)] for position in np.linspace(0, len(ranked) - 1, count).round()]


def gallery_html(
    runs: Mapping[str, DetectionFile], count: int = 16, max_side: int = 320, root: Path | None = None
) -> str:
    """Make the gallery.

    Args:
        runs: Name of the method -> its detections, all on the same images.
        count: How many images.
        max_side: Pictures are reduced to this long side, in pixels.
        root: Folder that relative image paths start from.

    Returns:
        ``<div class="gallery">`` with one ``<figure>`` per image. The picture is embedded once per image and reused.

    Raises:
        ValueError: If the runs do not hold the same images.
        FileNotFoundError: If a picture is gone.
    """
    first = next(iter(runs.values()))
    for name, run in runs.items():
        if run.img_ids != first.img_ids:
            raise ValueError(
                f'the detections of {name} are of other images than those of {next(iter(runs))}; test both on '
                'the same split'
            )
    figures = []
    for number, row in enumerate(choose_images(runs, count)):
        path = Path(first.img_paths[row])
        path = path if path.is_absolute() or root is None else root / path
        if not path.is_file():
            raise FileNotFoundError(f'the picture {path} of the detection file is gone; put it back or test again')
        data, width, height = embed_photo(path, max_side)
        shared = f'photo{number}'
        panels = [
            _panel(
                'Ground truth',
                f'<image id="{shared}" width="{width}" height="{height}" href="{data}"/>',
                width,
                height,
                *_truth_marks(first.of_image(row, 'truth'), first.classes),
            )
        ]
        for name, run in runs.items():
            marks = _detection_marks(run.of_image(row), run.of_image(row, 'truth'), run.classes)
            panels.append(_panel(name, f'<use href="#{shared}"/>', width, height, *marks))
        figures.append(
            f'<figure><figcaption>Image {escape(first.img_ids[row])}</figcaption>'
            f'<div class="shots">{"".join(panels)}</div></figure>'
        )
    return f'<div class="gallery">{"".join(figures)}</div>'


def _panel(title: str, picture: str, width: int, height: int, marks: list[str], chips: list[str]) -> str:
    chips = chips or ['<li class="soft">nothing</li>']
    return (
        f'<div class="shot"><h4>{escape(title)}</h4><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title, True)}">{picture}{"".join(marks)}</svg>'
        f'<ul class="chips">{"".join(chips)}</ul></div>'
    )


def _marks(box: np.ndarray, label: int, dashed: bool) -> str:
    # an inclusive corner names a pixel; its far edge is one further
    x, y, w, h = box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1
    shape = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
    dash = ' dash' if dashed else ''
    return f'<rect class="halo{dash}" {shape}/><rect class="edge{dash}" {shape} style="stroke:{hex_colour(label)}"/>'


def _chip(label: int, text: str) -> str:
    return f'<li><i style="background:{hex_colour(label)}"></i>{escape(text)}</li>'


def _truth_marks(truth: BoxTable, classes: tuple[str, ...]) -> tuple[list[str], list[str]]:
    rows = list(zip(truth.boxes, truth.label, truth.is_difficult(), strict=True))
    kinds = Counter((int(label), bool(hard)) for _, label, hard in rows)
    chips = [
        _chip(label, classes[label] + f' × {count}' * (count > 1) + ' (difficult)' * hard)
        for (label, hard), count in sorted(kinds.items())
    ]
    return [_marks(box, label, hard) for box, label, hard in rows], chips


def _detection_marks(found: BoxTable, truth: BoxTable, classes: tuple[str, ...]) -> tuple[list[str], list[str]]:
    rows = select_for_display(found.label, found.scores, max_total=5)
    marks, chips = [], []
    for row in rows:
        label = int(found.label[row])
        hit = _best_iou(found.boxes[row], truth.boxes[truth.label == label]) > 0.5
        marks.append(_marks(found.boxes[row], label, not hit))
        chips.append(_chip(label, f'{classes[label]} {found.scores[row]:.2g} {"✓" if hit else "✗"}'))
    return marks[::-1], chips


def _best_iou(box: np.ndarray, others: np.ndarray) -> float:
    return float(paired_iou(np.repeat(box[None], len(others), 0), others).max()) if len(others) else 0.0
