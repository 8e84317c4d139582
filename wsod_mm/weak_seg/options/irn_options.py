"""IRN in a pipeline."""

from dataclasses import dataclass, field
from typing import Any

from .affinity_options import INITS
from .build import require_choice, require_number

__all__ = ['IRNOptions']


@dataclass(frozen=True)
class IRNOptions:
    """``weak_seg.irn``; defaults of the public code (specs/affinity.md 10).

    Attributes:
        config: Training config, relative to the pipeline's.
        checkpoint: Weights to take instead of training.
        init: See :class:`.affinity_options.AffinityOptions`.
        foreground_thr: What a CAM must exceed to be a class in the labels.
        background_thr: What it must not exceed to be background there.
        crf: What differs from ``weak_seg.crf`` in the CRF of the labels.
        beta: Power of the affinities.
        log_steps: Binary logarithm of the steps of the walk.
        radius: Of the walk's neighbourhood, in cells.
        background: Score of the background after the walk.
        instances: Whether instances are found as well.
        drop_zero: Leave out instances whose score is 0: fragments under 1 % of the image.
    """

    config: str
    checkpoint: str | None = None
    init: str = 'config'
    foreground_thr: float = 0.30
    background_thr: float = 0.05
    crf: dict[str, Any] = field(default_factory=lambda: {'bilateral_sigma': 50, 'color_sigma': 5})
    beta: float = 10.0
    log_steps: int = 8
    radius: int = 5
    background: float = 0.25
    instances: bool = True
    drop_zero: bool = False

    def __post_init__(self) -> None:
        require_choice('init', self.init, INITS)
        require_number('foreground_thr', self.foreground_thr, 0, 1)
        require_number('background_thr', self.background_thr, 0, 1)
        if self.background_thr > self.foreground_thr:
            raise ValueError(
                f'background_thr={self.background_thr!r}: must not be above foreground_thr={self.foreground_thr!r}'
            )
        require_number('beta', self.beta, 0, above=True)
        require_choice('log_steps', self.log_steps, range(17))
        require_choice('radius', self.radius, range(2, 33))
        require_number('background', self.background, 0, 1)
        require_choice('instances', self.instances, (True, False))
        require_choice('drop_zero', self.drop_zero, (True, False))
