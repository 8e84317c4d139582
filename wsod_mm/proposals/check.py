"""Would a training run with these proposals fail, or go wrong in silence?"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from ..functional.proposals import inside_image
from .convert.order import outside_mask, outside_shares
from .errors import ProposalFileError
from .image_source import ImageSource
from .store import ProposalStore

__all__ = ['CheckReport', 'check_proposals']


@dataclass
class CheckReport:
    """What `check` found.

    Attributes:
        images: Images of the source.
        boxes: Boxes of these images.
        per_image: (smallest, median, largest) number of boxes.
        extra: Entries of images that are not in the source (harmless).
        missing: Ids of images without an entry.
        empty: Ids of images whose list is empty, or empty once what lies outside is dropped.
        unreadable: Messages about images that cannot be opened.
        outside: Boxes that leave their image.
        degenerate: Boxes with x2 < x1 or y2 < y1.
        duplicates: Boxes that equal an earlier one of the image.
        errors: What would make a run fail, each with its fix.
        warnings: What a run survives, but looks odd.
    """

    images: int
    boxes: int = 0
    per_image: tuple[int, int, int] = (0, 0, 0)
    extra: int = 0
    missing: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    outside: int = 0
    degenerate: int = 0
    duplicates: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether a run can use the file."""
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), 'ok': self.ok}

    def __str__(self) -> str:
        low, middle, high = self.per_image
        lines = [
            f'{self.images} images, {self.boxes} boxes; per image {low} to {high}, median {middle}',
            (
                f'outside {self.outside}, degenerate {self.degenerate}, duplicates'
                f' {self.duplicates} (clipped or dropped on loading)'
            ),
        ]
        lines += [f'{self.extra} entries of other images (ignored on loading)'] if self.extra else []
        lines += [f'WARNING: {text}' for text in self.warnings]
        lines += [f'ERROR: {text}' for text in self.errors] or ['OK']
        return '\n'.join(lines)


def check_proposals(
    store: ProposalStore,
    source: ImageSource,
    max_outside: float = 0.01,
    ground_truth: bool = False,
    progress: bool = False,
) -> CheckReport:
    """Look at every box of every image of a split.

    Args:
        store: The proposals.
        source: The images that a run would use.
        max_outside: Share of boxes outside their image above which order or offset must be wrong.
        ground_truth: Also look whether annotated boxes were mixed into the proposals (needs a
            source with annotations).
        progress: Show a progress bar.

    Returns:
        The report; ``report.ok`` says whether a run can use the file.
    """
    report = CheckReport(len(source), missing=store.missing(source.ids))
    report.extra = len(store) - (len(source) - len(report.missing))
    tables, sizes, counts = [], [], []
    mixed = objects = touching = 0
    for index in tqdm(range(len(source)), desc='check', unit='img', disable=not progress):
        entry = source[index]
        if entry.image_id not in store:
            continue
        boxes, _ = store.get(entry.image_id, copy=False)
        try:
            width, height = entry.size
        except ProposalFileError as error:
            report.unreadable.append(str(error))
            continue
        outside = outside_mask(boxes, width, height)
        gone = ~inside_image(boxes, height, width)
        report.degenerate += int((boxes[:, 2:] < boxes[:, :2]).any(axis=1).sum())
        report.outside += int(outside.sum())
        report.duplicates += len(boxes) - len(np.unique(boxes, axis=0))
        touching += int((boxes[:, :2] < 1).any(axis=1).sum())
        if gone.all():
            report.empty.append(entry.image_id)
        if ground_truth:
            truth = source.ground_truth(index).boxes
            objects += len(truth)
            mixed += int((truth[:, None] == boxes[None]).all(axis=2).any(axis=1).sum())
        tables.append(boxes)
        sizes.append((width, height))
        counts.append(len(boxes))
    report.boxes = int(sum(counts))
    if counts:
        report.per_image = int(min(counts)), int(np.median(counts)), int(max(counts))
    _judge(report, tables, sizes, max_outside, touching)
    if objects and mixed > 0.25 * objects:
        report.errors.append(
            f'{mixed} of {objects} annotated boxes are among the proposals to the pixel: ground'
            ' truth seems to be mixed in. Make the proposals again from the images alone'
        )
    return report


def _judge(
    report: CheckReport,
    tables: list[np.ndarray],
    sizes: list[tuple[int, int]],
    max_outside: float,
    touching: int,
) -> None:
    def names(ids: list[str]) -> str:
        return ', '.join(ids[:10]) + (f' and {len(ids) - 10} more' if len(ids) > 10 else '')

    if report.missing:
        report.errors.append(
            f'no proposals for {len(report.missing)} of {report.images} images:'
            f' {names(report.missing)}. '
            f"Generate them ('tools/proposals.py generate' for this split) or convert the file that"
            f' has them'
        )
    if report.unreadable:
        report.errors.append(f'{len(report.unreadable)} images cannot be read: {names(report.unreadable)}')
    if report.empty:
        report.errors.append(
            f'no usable box in {len(report.empty)} images: {names(report.empty)}. Generate them'
            ' again with a smaller --min-side, or take these images off the list'
        )
    share = report.outside / max(report.boxes, 1)
    if share > max_outside:
        shares = outside_shares(tables, sizes)
        fits = [
            f'{order}, {offset}-based ({s:.2%})'
            for (order, offset), s in sorted(shares.items(), key=lambda item: item[1])
            if s <= max_outside
        ]
        report.errors.append(
            f'{report.outside} of {report.boxes} boxes ({share:.1%}) leave their image, more than '
            f'{max_outside:.0%}: wrong column order, 1-based coordinates or other images. '
            + (
                f'They would fit as {" or ".join(fits)}: convert the source again with that --order and --offset'
                if fits
                else 'No other order fits'
            )
        )
    elif report.boxes >= 1000 and not touching:
        report.warnings.append(
            'no box touches the left or upper border: the coordinates may be '
            '1-based; convert the source again with --offset 1'
        )
    if report.boxes and report.duplicates > 0.2 * report.boxes:
        report.warnings.append(f'{report.duplicates} duplicates ({report.duplicates / report.boxes:.0%})')
    if report.per_image[1] and report.per_image[1] < 50:
        report.warnings.append(
            f'the median image has {report.per_image[1]} boxes; weakly supervised detectors want hundreds'
        )
