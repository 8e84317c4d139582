"""RoI features of one feature map."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.utils import ConfigType, OptMultiConfig
from torch import Tensor, nn

from wsod_mm.ops import RoIMaxPool
from wsod_mm.registry import MODELS

__all__ = ['WeakRoIExtractor']


@MODELS.register_module()
class WeakRoIExtractor(SingleRoIExtractor):
    """MMDetection's extractor for one feature map, with RoI max-pooling and float32 coordinates.

    The base class casts RoIs to the features' type, so that under half precision coordinates above
    1024 are rounded to whole pixels and bins move; here pooling is a float32 island.

    Args:
        roi_layer: ``dict(type='RoIMaxPool', output_size=7, mode='mmcv')`` (see
            :func:`wsod_mm.ops.roi_max_pool`), or a layer of ``mmcv.ops`` such as
            ``dict(type='RoIAlign', output_size=7, sampling_ratio=2)``.
        out_channels: Channels of the feature map.
        featmap_strides: The stride of the one map.
        init_cfg: MMEngine initialisation.

    Raises:
        ValueError: ``featmap_strides`` has not exactly one entry.
    """

    own_layers: ClassVar[dict[str, type[nn.Module]]] = {'RoIMaxPool': RoIMaxPool}
    """Pooling layers of wsod_mm by their name in ``roi_layer``; others are looked up in ``mmcv.ops``."""

    def __init__(
        self, roi_layer: ConfigType, out_channels: int, featmap_strides: list[int], init_cfg: OptMultiConfig = None
    ) -> None:
        if len(featmap_strides) != 1:
            raise ValueError(
                f'{type(self).__name__} pools one feature map, got featmap_strides='
                f'{list(featmap_strides)}; use SingleRoIExtractor for a pyramid'
            )
        super().__init__(
            roi_layer=roi_layer, out_channels=out_channels, featmap_strides=featmap_strides, init_cfg=init_cfg
        )

    def build_roi_layers(self, layer_cfg: ConfigType, featmap_strides: list[int]) -> nn.ModuleList:
        """Build the pooling layer; called by the base class."""
        cfg = dict(layer_cfg)
        cfg['type'] = self.own_layers.get(cfg.get('type'), cfg.get('type'))
        return super().build_roi_layers(cfg, featmap_strides)

    def forward(self, feats: tuple[Tensor, ...], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Pool every RoI.

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
        return self._pool(feats, rois)

    def pool_rings(
        self, feats: tuple[Tensor, ...], rois: Tensor, rings: Sequence[str] = ('roi',)
    ) -> tuple[Tensor, ...]:
        """Pool the rings that a MIL predictor asks for by its ``rings``; here that can only be the box itself.

        Args:
            feats: See :meth:`forward`.
            rois: ``[R, 5]``, see :meth:`forward`.
            rings: ``('roi',)``.

        Returns:
            A tuple of one ``[R, C, Ph, Pw]`` tensor.

        Raises:
            ValueError: Other rings are asked for.
        """
        if tuple(rings) != ('roi',):
            raise ValueError(
                f"{type(self).__name__} pools the ring 'roi' only, asked for {tuple(rings)}; set "
                "bbox_roi_extractor=dict(type='RingRoIExtractor', roi_layer=dict(type='RingMaxPool', ...), ...)"
            )
        return (self.forward(feats, rois),)

    def _pool(self, feats: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        """Pool ``rois`` in the form that the layer takes, as a float32 island."""
        feature = feats[0]
        if feature.size(1) != self.out_channels:
            raise ValueError(
                f'the feature map has {feature.size(1)} channels, the extractor was '
                f'configured with out_channels={self.out_channels}'
            )
        exact = torch.promote_types(feature.dtype, torch.float32)
        with torch.autocast(feature.device.type, enabled=False):
            pooled = self.roi_layers[0](feature.to(exact), rois.to(exact))
        return pooled.to(feature.dtype)
