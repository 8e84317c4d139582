"""Foreign proposal files to a store."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...functional.proposals import clip_boxes, inside_image
from ..errors import ProposalFileError
from ..image_source import ImageSource
from ..store import ProposalStore
from .formats import FORMATS, detect_format
from .match_ids import match_ids
from .order import ORDERS, arrange, check_order

__all__ = ['ConversionReport', 'convert_proposals']


@dataclass
class ConversionReport:
    """What a conversion found.

    Attributes:
        formats: Format of each input file.
        order: Columns as in the file.
        offset: First pixel as in the file.
        images: Images in the result.
        boxes: Boxes in the result.
        per_image: (smallest, median, largest) number of boxes.
        outside: Share of boxes that left their image (they were clipped).
        dropped: Boxes without any pixel inside their image.
        unused: Entries of the file whose image is not in the list.
        missing: Images without an entry.
        warnings: What looks odd.
    """

    formats: list[str]
    order: str
    offset: int
    images: int = 0
    boxes: int = 0
    per_image: tuple[int, int, int] = (0, 0, 0)
    outside: float = 0.0
    dropped: int = 0
    unused: int = 0
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        low, middle, high = self.per_image
        lines = [
            (
                f'{" + ".join(self.formats)}, {self.order}, {self.offset}-based: {self.boxes} boxes'
                f' of {self.images} images (per image {low} to {high}, median {middle})'
            ),
            (f'{self.outside:.3%} left their image and were clipped, {self.dropped} lay outside and were dropped'),
        ]
        if self.unused:
            lines.append(f'{self.unused} entries belong to images that are not in the list')
        if self.missing:
            names = ', '.join(self.missing[:10])
            lines.append(f'{len(self.missing)} images have no proposals: {names}')
        return '\n'.join(lines + [f'WARNING: {w}' for w in self.warnings])


def convert_proposals(
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    source: ImageSource,
    format: str = 'auto',
    order: str | None = None,
    offset: int | None = None,
    max_outside: float = 0.01,
    allow_missing: bool = False,
    progress: bool = False,
) -> tuple[ProposalStore, ConversionReport]:
    """Convert proposals of another program; every box is checked against the size of its image.

    Entries are matched to images by name or number where the file has them, and by position only
    where it has none (and then the counts must agree). Rows keep the order of the file, and ground
    truth is never added.

    Args:
        paths: Input file or folder; several (for instance wetectron's train and val) are joined and
            must not overlap.
        source: The images that the result is for.
        format: A key of ``FORMATS``, or ``'auto'``.
        order: Columns of a box, when other than the format's.
        offset: Coordinate of the first pixel, when other than the format's.
        max_outside: Tolerated share of boxes that leave their image; more means a wrong order or
            offset.
        allow_missing: Accept images without proposals (they are absent from the store).
        progress: Show a progress bar.

    Returns:
        The store, images in the order of ``source``, and the report.

    Raises:
        ProposalFileError: If a file cannot be read, does not fit the images, or images are missing.
    """
    paths = [Path(p) for p in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    if order not in (None, *ORDERS) or offset not in (None, 0, 1):
        raise ProposalFileError(f'order must be one of {ORDERS} and offset 0 or 1, got {order!r} and {offset!r}')
    if format != 'auto' and format not in FORMATS:
        raise ProposalFileError(f'unknown format {format!r}; choose auto or one of {", ".join(FORMATS)}')
    entries = {entry.image_id: entry for entry in source}
    found: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    report = ConversionReport([], '', 0)
    outside = total = 0.0
    for path in tqdm(paths, desc='files', disable=not progress or len(paths) < 2):
        if not path.exists():
            raise ProposalFileError(f'no such file or folder: {path}')
        name = detect_format(path) if format == 'auto' else format
        raw = FORMATS[name].read(path)
        this_order = order or raw.order or FORMATS[name].order
        this_offset = FORMATS[name].offset if offset is None else offset
        matched = match_ids(raw.keys, len(raw.boxes), source.ids, str(path))
        rows = [(image_id, row) for row, image_id in enumerate(matched) if image_id is not None]
        report.unused += len(matched) - len(rows)
        ids, boxes = [image_id for image_id, _ in rows], [raw.boxes[row] for _, row in rows]
        sizes = [entries[i].size for i in tqdm(ids, desc=f'checking {path.name}', unit='img', disable=not progress)]
        share = check_order(ids, boxes, sizes, this_order, this_offset, max_outside, str(path))
        count = sum(map(len, boxes))
        outside, total = outside + share * count, total + count
        twice = [i for i in ids if i in found]
        if twice:
            raise ProposalFileError(f'{path}: {len(twice)} images occur in another input file too, first {twice[0]!r}')
        for (image_id, row), b, size in zip(rows, boxes, sizes, strict=True):
            b = arrange(b, this_order, this_offset)
            keep = inside_image(b, size[1], size[0])
            scores = raw.scores[row]
            kept = clip_boxes(b[keep], size[1], size[0])
            found[image_id] = kept, None if scores is None else scores[keep]
            report.dropped += int((~keep).sum())
        report.formats.append(name)
        report.order, report.offset = this_order, this_offset
    report.missing = [i for i in source.ids if i not in found]
    if report.missing and not allow_missing:
        raise ProposalFileError(
            f'{", ".join(map(str, paths))}: no proposals for {len(report.missing)} of {len(source)}'
            ' images:'
            f' {", ".join(report.missing[:10])}{" ..." if len(report.missing) > 10 else ""}. Add'
            ' the file that has them, or accept it with --allow-missing'
        )
    proposals = {i: found[i] for i in source.ids if i in found}
    meta = {
        'converted_from': [p.name for p in paths],
        'formats': report.formats,
        'order': report.order,
        'offset': report.offset,
    }
    store = ProposalStore.from_dict(proposals, meta)
    counts = store.counts
    report.images, report.boxes = len(store), int(counts.sum())
    report.outside = outside / max(total, 1)
    if len(counts):
        report.per_image = int(counts.min()), int(np.median(counts)), int(counts.max())
    report.warnings = _oddities(proposals)
    store.meta['report'] = {k: v for k, v in asdict(report).items() if k in ('outside', 'dropped', 'unused')}
    return store, report


def _oddities(proposals: dict[str, tuple[np.ndarray, np.ndarray | None]]) -> list[str]:
    warnings = []
    empty = [i for i, (b, _) in proposals.items() if not len(b)]
    if empty:
        warnings.append(f'{len(empty)} images have an empty list, first {empty[0]!r}')
    filled = [b for b, _ in proposals.values() if len(b)]
    if sum(map(len, filled)) >= 1000 and min(float(b[:, :2].min()) for b in filled) >= 1:
        warnings.append(
            'no box touches the left or the upper border: the file may be 1-based, look again with --offset 1'
        )
    return warnings
