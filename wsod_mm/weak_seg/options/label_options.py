"""How label maps are made of class activation maps and a dense CRF alone."""

from dataclasses import dataclass

from .build import require_number

__all__ = ['LabelOptions']


@dataclass(frozen=True)
class LabelOptions:
    """``weak_seg.cam_crf``: CAMs and a dense CRF as label maps. Not in the papers; a baseline of ours.

    Attributes:
        alpha: Power of the background score (1 - largest CAM)^alpha.
    """

    alpha: float = 16.0

    def __post_init__(self) -> None:
        require_number('alpha', self.alpha, 0, above=True)
