"""Features of a box, its context and its frame."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmdet.utils import ConfigType, OptMultiConfig
from torch import Tensor, nn

from wsod_mm.functional.rings import CONTEXT_RATIO, RINGS, ring_rectangles, ring_scales
from wsod_mm.models.roi_extractors.weak_roi_extractor import WeakRoIExtractor
from wsod_mm.ops import RingMaxPool
from wsod_mm.registry import MODELS

__all__ = ['RingRoIExtractor']


@MODELS.register_module()
class RingRoIExtractor(WeakRoIExtractor):
    """Pool rings around proposals from one feature map (ContextLocNet, MELM, CASD), in float32.

    Args:
        roi_layer: ``dict(type='RingMaxPool', output_size=7, rounding='truncate')``, see
            :func:`wsod_mm.ops.ring_max_pool`.
        out_channels: Channels of the feature map.
        featmap_strides: The stride of the one map.
        context_ratio: Side of the context relative to the box, and of the box relative to the hole of its frame.
        init_cfg: MMEngine initialisation.

    Raises:
        ValueError: ``roi_layer`` is another layer, ``context_ratio`` is not above 1, or ``featmap_strides`` has not
            exactly one entry.
    """

    own_layers: ClassVar[dict[str, type[nn.Module]]] = {'RingMaxPool': RingMaxPool}

    def __init__(
        self,
        roi_layer: ConfigType,
        out_channels: int,
        featmap_strides: list[int],
        context_ratio: float = CONTEXT_RATIO,
        init_cfg: OptMultiConfig = None,
    ) -> None:
        if roi_layer.get('type') not in self.own_layers:
            raise ValueError(
                "RingRoIExtractor needs roi_layer=dict(type='RingMaxPool', output_size=7), got "
                f'type={roi_layer.get("type")!r}; WeakRoIExtractor takes other layers, for predictors without rings'
            )
        scales = ring_scales(context_ratio)
        super().__init__(roi_layer, out_channels, featmap_strides, init_cfg)
        self.context_ratio = context_ratio
        self.scales = scales

    def forward(self, feats: tuple[Tensor, ...], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Pool every RoI without a hole.

        Args:
            feats: The feature map ``[N, C, H, W]`` as a tuple; only the first one is used.
            rois: ``[R, 5]`` (image index, x1, y1, x2, y2) in network-input pixels.
            roi_scale_factor: Scale boxes about their centres first.

        Returns:
            ``[R, C, Ph, Pw]`` of the features' dtype.

        Raises:
            ValueError: The feature map has not ``out_channels`` channels.
        """
        if roi_scale_factor is not None:
            rois = self.roi_rescale(rois, roi_scale_factor)
        return self.pool_rings(feats, rois, ('roi',))[0]

    def pool_rings(
        self, feats: tuple[Tensor, ...], rois: Tensor, rings: Sequence[str] = tuple(RINGS)
    ) -> tuple[Tensor, ...]:
        """Pool some rings of every RoI, in one call of the pooling layer.

        Args:
            feats: The feature map ``[N, C, H, W]`` as a tuple; only the first one is used.
            rois: ``[R, 5]`` (image index, x1, y1, x2, y2) in network-input pixels, inclusive corners.
            rings: Names of :data:`wsod_mm.functional.rings.RINGS`. A test that only needs refinement scores asks for
                ``('roi',)``.

        Returns:
            One ``[R, C, Ph, Pw]`` tensor of the features' dtype per name, in the order of ``rings``.

        Raises:
            ValueError: A ring is unknown, or the feature map has not ``out_channels`` channels.
        """
        rings = tuple(rings)
        if not rings or not set(rings) <= set(self.scales):
            raise ValueError(f'rings must be some of {tuple(self.scales)}, got {rings}')
        rects = torch.cat([ring_rectangles(rois, *self.scales[ring]) for ring in rings])
        return self._pool(feats, rects).split([len(rois)] * len(rings))
