"""True masks, for evaluation only."""

from dataclasses import dataclass

from .build import require_choice

__all__ = ['TruthOptions']


@dataclass(frozen=True)
class TruthOptions:
    """``weak_seg.ground_truth``.

    Attributes:
        folder: Folder of ``<id>.png`` with labels (0 background, class + 1, 255 ignored), relative to ``data_root``.
        classes: Class names of these files, where they have more classes than the data set or another order.
        other: What such further classes are: ``'ignore'``: their pixels do not count. ``'background'``: background.
        objects: Folder of ``<id>.png`` with numbers of objects (VOC's ``SegmentationObject``), for the AP of
            instances; ``None``: it is not measured.
    """

    folder: str
    classes: tuple[str, ...] | None = None
    other: str = 'ignore'
    objects: str | None = None

    def __post_init__(self) -> None:
        require_choice('other', self.other, ('ignore', 'background'))
        if isinstance(self.classes, str):
            raise ValueError(f'classes={self.classes!r}: must be a list of names')

    @property
    def other_label(self) -> int:
        """Label of the classes that the data set lacks."""
        return 255 if self.other == 'ignore' else 0
