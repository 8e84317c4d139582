"""How boxes are read off a score map: a threshold, a choice of contours, and what their corners mean."""

from dataclasses import dataclass, replace

from .cam_localization import CAM_DIALECTS

__all__ = ['BOX_PRESETS', 'BoxRule', 'box_rule']

THRESHOLDS = ('relative', 'absolute', 'quantile')
CONTOURS = ('all', 'external', 'largest')
CORNERS = ('outer', 'wsol')
SCORES = ('max', 'mean')


@dataclass(frozen=True)
class BoxRule:
    """A rule for boxes; the map has values u from 0 to 255 (a float map is truncated to those).

    Args:
        threshold: Where the mask begins, by ``threshold_mode``; the comparison is strict and in whole numbers.
        threshold_mode: ``'relative'``: ``u > int(threshold * max(u))``, the map's own maximum. ``'absolute'``:
            ``u > int(threshold)``, threshold from 0 to 255. ``'quantile'``: u above the quantile ``threshold`` of u.
        contours: ``'external'``: the outermost outlines, so that no box comes from within another part's hole.
            ``'all'``: also the outlines of holes and of what lies in them. ``'largest'``: of all, the one that encloses
            most (the first of equals).
        corners: Of ``(x1, y1, x2, y2)`` about columns x .. x+w-1. ``'outer'``: ``[x, y, x+w, y+h]``, edges of pixels,
            as MMDetection counts. ``'wsol'``: the same but at most ``W-1, H-1``: wsolevaluation compares them as
            inclusive corners, one pixel too generous.
        empty_box: A mask without pixels gives the box ``[0, 0, 0, 0]``, as the metrics count it, instead of none.
        min_area: Contours that enclose less are dropped, in square pixels as ``cv2.contourArea`` measures through the
            centres of pixels: lines one pixel wide have 0.
        max_boxes: At most so many, those that enclose most; ``None``: all.
        connectivity: 8 or 4: whether pixels that touch at corners belong together.
        score: Of a box: ``'max'`` or ``'mean'`` of the map inside it.
        dialect: Of the maps that the rule was made for, as :func:`~.cam_localization.score_map` takes it.

    Raises:
        ValueError: A value is unknown or out of range.
    """

    threshold: float = 0.2
    threshold_mode: str = 'relative'
    contours: str = 'external'
    corners: str = 'outer'
    empty_box: bool = False
    min_area: float = 0.0
    max_boxes: int | None = None
    connectivity: int = 8
    score: str = 'max'
    dialect: str = 'default'

    def __post_init__(self) -> None:
        for name, known in (
            ('threshold_mode', THRESHOLDS),
            ('contours', CONTOURS),
            ('corners', CORNERS),
            ('score', SCORES),
            ('connectivity', (4, 8)),
            ('dialect', tuple(CAM_DIALECTS)),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f'{name}={getattr(self, name)!r}: must be one of {", ".join(map(repr, known))}')
        highest = 255 if self.threshold_mode == 'absolute' else 1
        if not 0 <= self.threshold <= highest:
            raise ValueError(
                f'threshold={self.threshold}: must be in [0, {highest}] with threshold_mode={self.threshold_mode!r}'
            )
        if not self.min_area >= 0:
            raise ValueError(f'min_area={self.min_area}: must be at least 0')
        if self.max_boxes is not None and self.max_boxes < 1:
            raise ValueError(f'max_boxes={self.max_boxes}: must be at least 1, or None for all')


#: Rules of the references, specs/cam.md 2 and 3. The threshold of the metrics is what they search for; that of CVPR16
#: stands in for it.
BOX_PRESETS: dict[str, BoxRule] = {
    'default': BoxRule(),
    'blog': BoxRule(170, 'absolute', 'all', dialect='blog'),
    'cvpr16': BoxRule(0.2, contours='largest', corners='wsol', dialect='max'),
    'gradcam15': BoxRule(0.15, contours='largest', corners='wsol', dialect='max'),
    'wsol_v1': BoxRule(0.2, contours='largest', corners='wsol', empty_box=True, dialect='wsol'),
    'wsol_v2': BoxRule(0.2, contours='all', corners='wsol', empty_box=True, dialect='wsol'),
}


def box_rule(preset: str | BoxRule = 'default', **changes: float | int | str | bool | None) -> BoxRule:
    """A rule by its name, with some of its settings changed.

    Args:
        preset: A key of ``BOX_PRESETS``, or a rule.
        **changes: Settings of :class:`BoxRule`.

    Returns:
        The rule.

    Raises:
        ValueError: The name or a setting is unknown, or a value is out of range.
    """
    if not isinstance(preset, BoxRule):
        if preset not in BOX_PRESETS:
            raise ValueError(f'preset={preset!r}: must be one of {", ".join(map(repr, BOX_PRESETS))}, or a BoxRule')
        preset = BOX_PRESETS[preset]
    unknown = sorted(set(changes) - set(BoxRule.__dataclass_fields__))
    if unknown:
        raise ValueError(f'a box rule has no {", ".join(unknown)}; it has {", ".join(BoxRule.__dataclass_fields__)}')
    return replace(preset, **changes)
