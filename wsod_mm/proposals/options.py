"""What `generate` was asked to do, as data."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from .errors import ProposalFileError

__all__ = ['METHODS', 'GenerateOptions']

METHODS = ('selective-search-fast', 'selective-search-quality', 'random', 'grid', 'centre')


@dataclass(frozen=True)
class GenerateOptions:
    """Everything that the generated boxes depend on, besides the images.

    Attributes:
        method: One of ``METHODS``; the last three do not look at the image and give chance levels.
        base_k: Selective search: smallest segmentation scale.
        inc_k: Selective search: step of the scale.
        sigma: Selective search: smoothing in pixels of the searched image.
        long_side: Selective search: shrink the image to this longer side first; ``None`` or 0
            searches at full size. ``wsod_mm/proposals/generate.py`` says what that costs and saves.
        min_side: Boxes with a smaller width or height (original pixels) are dropped.
        max_num: At most this many boxes per image (the first in ``order``); ``None`` keeps all.
            ``random`` makes exactly so many.
        order: Selective search: ``'large-first'`` or ``'search'``.
        seed: Seed; the result also depends on each image's id, never on the order of work.
    """

    method: str = 'selective-search-fast'
    base_k: int = 150
    inc_k: int = 150
    sigma: float = 0.8
    long_side: int | None = None
    min_side: int = 20
    max_num: int | None = None
    order: str = 'large-first'
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ProposalFileError(f'unknown proposal method {self.method!r}; choose one of {", ".join(METHODS)}')
        if self.order not in ('large-first', 'search'):
            raise ProposalFileError(f"unknown order {self.order!r}; choose 'large-first' or 'search'")
        if self.method == 'random' and not self.max_num:
            raise ProposalFileError("method 'random' needs the number of boxes per image (max_num)")
        for name, low in (
            ('base_k', 1),
            ('inc_k', 1),
            ('min_side', 0),
            ('max_num', 1),
            ('long_side', 16),
        ):
            value = getattr(self, name)
            if value is not None and value < low and not (name == 'long_side' and value == 0):
                raise ProposalFileError(f'{name} must be at least {low}, got {value}')
        if not self.sigma > 0:
            raise ProposalFileError(f'sigma must be positive, got {self.sigma}')

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the store's ``meta``; options the method does not look at are left
        out."""
        used = {
            'random': ('method', 'min_side', 'max_num', 'seed'),
            'grid': ('method', 'min_side', 'max_num'),
            'centre': ('method',),
        }.get(self.method, tuple(f.name for f in fields(self)))
        return {key: value for key, value in asdict(self).items() if key in used}
