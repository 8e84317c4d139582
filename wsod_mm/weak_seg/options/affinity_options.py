"""AffinityNet in a pipeline."""

from dataclasses import dataclass

from wsod_mm.functional.pixel_pairs import BORDERS

from .build import require_choice, require_number

__all__ = ['INITS', 'AffinityOptions']

INITS = ('config', 'classifier')


@dataclass(frozen=True)
class AffinityOptions:
    """``weak_seg.affinitynet``; defaults of the public code (specs/affinity.md 6 to 8).

    Attributes:
        config: Training config, relative to the pipeline's.
        checkpoint: Weights to take instead of training.
        init: What the training begins with: ``'config'``: what its config says. ``'classifier'``: the classifier's
            weights.
        low_alpha: Power of the background of the labels whose classes are sure (la): a strong background.
        high_alpha: Power of the background of those whose background is sure (ha): a weak one; 24 in the paper.
        alpha: Power of the background in the walk.
        beta: Power of the affinities.
        log_steps: Binary logarithm of the steps of the walk.
        border: ``'full'``: all pairs of cells. ``'reference'``: those of the public code.
        final_crf: Smooth the scores of the walk by the dense CRF. The paper does so; with which parameters is not
            known, these are ``weak_seg.crf``.
        label_dtype: Of the soft label files, ``'uint8'``, ``'float16'`` or ``'float32'``.
    """

    config: str
    checkpoint: str | None = None
    init: str = 'config'
    low_alpha: float = 4.0
    high_alpha: float = 32.0
    alpha: float = 16.0
    beta: float = 8.0
    log_steps: int = 8
    border: str = 'full'
    final_crf: bool = False
    label_dtype: str = 'uint8'

    def __post_init__(self) -> None:
        for name in ('low_alpha', 'high_alpha', 'alpha', 'beta'):
            require_number(name, getattr(self, name), 0, above=True)
        require_choice('init', self.init, INITS)
        require_choice('log_steps', self.log_steps, range(17))
        require_choice('border', self.border, BORDERS)
        require_choice('final_crf', self.final_crf, (True, False))
        require_choice('label_dtype', self.label_dtype, ('uint8', 'float16', 'float32'))
        if self.low_alpha >= self.high_alpha:
            raise ValueError(
                f'low_alpha={self.low_alpha!r}: must be below high_alpha={self.high_alpha!r}, or no pixel is unsure'
            )
