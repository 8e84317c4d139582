"""What ``test_cfg`` of a CAM localiser may say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from wsod_mm.functional.box_rule import BoxRule, box_rule
from wsod_mm.utils.known_options import known_options

__all__ = ['CAMTestOptions']

_DIALECTS = {'minmax': 'default', 'max': 'max'}
_DEFAULTS = dict(
    cam_class='pred',
    box_preset='default',
    box_rule={},
    normalize=None,
    cam_size='original',
    placement='exact',
    box_score='class',
    top1_instances=False,
    half=False,
)


@dataclass(frozen=True)
class CAMTestOptions:
    """Options of a test.

    Attributes:
        cam_class: Which classes get a map and boxes: ``'pred'``: the best one; ``'gt'``: those of ``gt_label``;
            ``'topk:5'``: the five best; ``'all_above:0.5'``: all whose probability exceeds .5, maybe none; or a list
            of class ids.
        rule: How boxes are read off a map: ``box_preset`` with the changes in ``box_rule`` (see
            :class:`~wsod_mm.functional.box_rule.BoxRule`). A map without contrast has no box. ``normalize``
            (``'minmax'`` or ``'max'``) replaces the dialect of the preset.
        cam_size: (H, W) of the maps, which always show the whole original image; ``'original'``: its size;
            ``'input'``: the size of the network input, without padding, as WSOL metrics want it.
        stretch: ``placement='stretch'``: the map is drawn over the whole image even where the input was a crop, the
            blog's mistake; ``'exact'``: where it belongs.
        box_score: ``'class'``: a box has the probability of its class; ``'product'``: times the map's value inside.
        top1_instances: Also give the box of the largest contour of every class, for CorLoc.
        half: Keep the maps as float16.
    """

    cam_class: str | tuple[int, ...] = 'pred'
    rule: BoxRule = field(default_factory=BoxRule)
    cam_size: str | tuple[int, int] = 'original'
    stretch: bool = False
    box_score: str = 'class'
    top1_instances: bool = False
    half: bool = False

    @classmethod
    def read(cls, test_cfg: Mapping[str, Any] | None) -> 'CAMTestOptions':
        """Check ``test_cfg``.

        Raises:
            ValueError: An option or its value is unknown.
        """
        given = known_options(test_cfg, _DEFAULTS, 'test_cfg of CAMLocalizer')
        changes = {'score': 'mean', **given['box_rule']}
        if given['normalize'] is not None:
            if given['normalize'] not in _DIALECTS:
                raise ValueError(f"normalize={given['normalize']!r}: must be 'minmax', 'max' or None (of the preset)")
            changes['dialect'] = _DIALECTS[given['normalize']]
        for name, known in (('placement', ('exact', 'stretch')), ('box_score', ('class', 'product'))):
            if given[name] not in known:
                raise ValueError(f'{name}={given[name]!r}: must be one of {known}')
        size = given['cam_size']
        if not (size in ('original', 'input') if isinstance(size, str) else len(size) == 2 and min(size) >= 1):
            raise ValueError(f"cam_size={size!r}: must be 'original', 'input' or (height, width)")
        return cls(
            _cam_class(given['cam_class']),
            box_rule(given['box_preset'], **{**changes, 'empty_box': False}),
            size if isinstance(size, str) else tuple(size),
            given['placement'] == 'stretch',
            given['box_score'],
            bool(given['top1_instances']),
            bool(given['half']),
        )

    def choose(self, scores: Tensor, positive: list[list[int] | None]) -> list[list[int]]:
        """Classes that get a map, best first (``'gt'`` and ids: in their order).

        Args:
            scores: ``[N, C]``.
            positive: Labels of every image, ``None`` where there are none.

        Returns:
            Class ids of every image.

        Raises:
            ValueError: Labels or classes that are asked for do not exist.
        """
        count = scores.shape[1]
        if self.cam_class == 'gt':
            if any(labels is None for labels in positive):
                raise ValueError(
                    "cam_class='gt' needs gt_label of every image: test with labels, or take 'pred' or 'all_above:0.5'"
                )
            return [list(labels) for labels in positive]
        if not isinstance(self.cam_class, str):
            if not all(0 <= k < count for k in self.cam_class):
                raise ValueError(f'cam_class={self.cam_class}: the classifier has classes 0 to {count - 1}')
            return [list(self.cam_class)] * len(scores)
        order = scores.sort(dim=1, descending=True, stable=True)
        kind, _, value = self.cam_class.partition(':')
        if kind == 'all_above':
            kept = (order.values > float(value)).sum(dim=1).tolist()
        else:
            kept = [min(int(value or 1), count)] * len(scores)
        return [row[:k] for row, k in zip(order.indices.tolist(), kept, strict=True)]


def _cam_class(value: Any) -> str | tuple[int, ...]:
    if not isinstance(value, str):
        if isinstance(value, Sequence) and value and all(isinstance(k, int) for k in value):
            return tuple(value)
    elif value in ('pred', 'gt', 'topk'):
        return 'topk:5' if value == 'topk' else value
    else:
        kind, _, number = value.partition(':')
        try:
            if (kind == 'topk' and int(number) >= 1) or (kind == 'all_above' and 0 <= float(number) <= 1):
                return value
        except ValueError:
            pass
    raise ValueError(
        f"cam_class={value!r}: must be 'pred', 'gt', 'topk:<number>', 'all_above:<probability>' or a list of class ids"
    )


def positive_labels(data_samples: Sequence[Any]) -> list[list[int] | None]:
    """Labels of every image, ``None`` where there are none."""
    return [
        torch.nonzero(sample.gt_label.score > 0).flatten().tolist()
        if 'gt_label' in sample and 'score' in sample.gt_label
        else None
        for sample in data_samples
    ]
