"""SSD head of MI-AOD."""

from collections.abc import Sequence

from mmdet.models.dense_heads import SSDHead
from torch import Tensor

from wsod_mm.registry import MODELS
from wsod_mm.utils.compat import predict_with_ssd

from .miaod_mixin import MIAODHeadMixin

__all__ = ['MIAODSSDHead']

predict_with_ssd()


@MODELS.register_module()
class MIAODSSDHead(MIAODHeadMixin, SSDHead):
    """Four convolutions per level: f1, f2, f_r and f_mil (public code).

    Class logits have C + 1 columns, background last. As in the public code, background is a column like the others in
    the MIL scores (absent in the targets of labeled images; in pseudo labels by its sigmoid), the discrepancy is that
    of the softmax, and the uncertainty that of the sigmoid. Each classifier mines hard negatives of its own.

    Args:
        **kwargs: See :class:`MIAODHeadMixin` and ``mmdet.models.dense_heads.SSDHead``.
    """

    activation = 'softmax'

    def _init_layers(self) -> None:
        # MMDetection's own layers, three times over: they heed all its options
        for prefix in ('f_1_', 'f_2_', 'f_mil_'):
            super()._init_layers()
            setattr(self, prefix + 'convs', self.cls_convs)
        self.f_r_convs = self.reg_convs
        del self.cls_convs, self.reg_convs

    def forward_tower(self, tower: str, x: Sequence[Tensor]) -> list[Tensor]:
        """Output of one tower for all levels, see :meth:`MIAODHeadMixin.forward`."""
        (convs,) = self.tower_parts(tower)
        return [conv(level) for conv, level in zip(convs, x, strict=True)]

    def _unpair(self, cls_score: Tensor) -> tuple[Tensor, Tensor]:
        """Undo :meth:`_pair` for the anchors ``[A * 2, C + 1]`` of an image."""
        return cls_score[0::2], cls_score[1::2]
