"""How class activation maps are made and judged."""

from dataclasses import dataclass

from .build import require_choice, require_number

__all__ = ['CamOptions']


@dataclass(frozen=True)
class CamOptions:
    """``weak_seg.cam``; defaults of the public codes (specs/affinity.md 5 and 10.2).

    Attributes:
        scales: Factors of the image's sides.
        mirror: Whether the mirror image is seen as well.
        merge: ``'full'``: maps are summed at the size of the image (PSA). ``'strided'``: on a coarse grid, which IRN's
            walk starts from, and at the size of the image (IRN).
        background: Score of the background at the evaluation; .2 in PSA, .15 in IRN.
        thresholds: Sweep of that score: first, last, step. The best of them was chosen with the masks.
        stride: Pixels per cell of the coarse grid; only with ``merge='strided'``.
        multiple: Only with ``merge='strided'``: see :func:`wsod_mm.functional.cam_maps.merge_strided_cams`.
        dtype: Of the files, ``'float32'`` or ``'float16'``.
    """

    scales: tuple[float, ...] = (1.0, 0.5, 1.5, 2.0)
    mirror: bool = True
    merge: str = 'full'
    background: float = 0.2
    thresholds: tuple[float, float, float] = (0.0, 0.6, 0.05)
    stride: int = 4
    multiple: int = 16
    dtype: str = 'float32'

    def __post_init__(self) -> None:
        if not isinstance(self.scales, tuple) or not self.scales:
            raise ValueError(f'scales={self.scales!r}: give at least one factor, (1.0, 0.5, 1.5, 2.0) in the papers')
        for scale in self.scales:
            require_number('scales', scale, 0, 16, above=True)
        require_choice('mirror', self.mirror, (True, False))
        require_choice('merge', self.merge, ('full', 'strided'))
        require_number('background', self.background, 0, 1)
        if not isinstance(self.thresholds, tuple) or len(self.thresholds) != 3:
            raise ValueError(f'thresholds={self.thresholds!r}: give first, last and step, (0, 0.6, 0.05) for instance')
        first, last, step = self.thresholds
        if not (0 <= first <= last <= 1 and step > 0):
            raise ValueError(f'thresholds={self.thresholds!r}: need 0 <= first <= last <= 1 and a step above 0')
        require_choice('stride', self.stride, range(1, 65))
        require_choice('multiple', self.multiple, range(1, 257))
        require_choice('dtype', self.dtype, ('float32', 'float16'))

    @property
    def sweep(self) -> tuple[float, ...]:
        """Scores of the background from the first to the last one."""
        first, last, step = self.thresholds
        return tuple(round(first + i * step, 6) for i in range(round((last - first) / step + 1e-6) + 1))
