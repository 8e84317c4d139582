"""MIL predictor of ContextLocNet, which contrasts a proposal with its surroundings."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.models.bbox_heads.wsddn_head import MILOutput, score_images
from wsod_mm.registry import MODELS

__all__ = ['ContrastiveHead']

VARIANTS = {
    'contrastive_s': ('roi', 'context', 'frame'),
    'contrastive_a': ('roi', 'context'),
    'additive': ('roi', 'context'),
}


@MODELS.register_module()
class ContrastiveHead(BaseModule):
    """Score proposals with a classification stream and a detection stream that looks around the box.

    Source: ContextLocNet paper, section 3.2, and its public code. The classification logits are W_c f_roi; the
    detection logits depend on the variant:

    * ``'contrastive_s'``: W_d f_frame - W_d f_context. Frame and context are rings of one shape, on the two sides of
      the border of the box, so that a box on the border of an object scores best. Used by MELM and CASD.
    * ``'contrastive_a'``: W_d f_roi - W_d f_context.
    * ``'additive'``: W_d f_roi + W_d2 f_context, with weights of its own for the context.

    In the contrastive variants both rings share W_d, and the bias of ``fc_det`` cancels; it exists so that weights of
    the public codes fit. The detection stream is computed in float32, also under autocast, because the contrast is a
    small difference of large numbers.

    Args:
        in_channels: Width of the features of one ring.
        num_classes: Number C of classes, without background.
        variant: See above.
        cls_std: Standard deviation of the initial weights of the classification stream.
        det_std: The same for the detection stream.
        init_cfg: MMEngine's initialisation, instead of the one above.

    Attributes:
        rings: The rings whose features ``forward`` takes, in this order; names of
            :data:`wsod_mm.functional.rings.RINGS`.

    Raises:
        ValueError: If ``variant`` is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        variant: str = 'contrastive_s',
        cls_std: float = 0.01,
        det_std: float = 0.01,
        init_cfg: dict | list | None = None,
    ) -> None:
        if variant not in VARIANTS:
            raise ValueError(f'variant must be one of {", ".join(VARIANTS)}, got {variant!r}')
        stds = {'fc_cls': cls_std, 'fc_det': det_std}
        if variant == 'additive':
            stds['fc_det_context'] = det_std
        super().__init__(
            init_cfg=init_cfg or [dict(type='Normal', std=s, override=dict(name=name)) for name, s in stds.items()]
        )
        self.num_classes = num_classes
        self.variant = variant
        self.rings = VARIANTS[variant]
        self.fc_cls = nn.Linear(in_channels, num_classes)
        self.fc_det = nn.Linear(in_channels, num_classes)
        if variant == 'additive':
            self.fc_det_context = nn.Linear(in_channels, num_classes)

    def forward(self, features: tuple[Tensor, ...], num_proposals: Sequence[int]) -> MILOutput:
        """Score the proposals of a batch.

        Args:
            features: One ``[sum R_n, in_channels]`` tensor per ring, in the order of ``rings``; images one after the
                other.
            num_proposals: R_n of each image. The softmax over proposals runs within an image.

        Returns:
            MILOutput.

        Raises:
            ValueError: If there is not one tensor for every ring.
        """
        if isinstance(features, Tensor) or len(features) != len(self.rings):
            got = 'one tensor' if isinstance(features, Tensor) else f'{len(features)} tensors'
            raise ValueError(
                f'ContrastiveHead {self.variant!r} takes a tuple with the features of the rings {self.rings}, got {got}'
            )
        return score_images(self.fc_cls(features[0]), self._det_logits(*features), num_proposals)

    def _det_logits(self, roi: Tensor, context: Tensor, frame: Tensor | None = None) -> Tensor:
        dtype = self.fc_det.weight.dtype
        inside = (roi if frame is None else frame).to(dtype)
        context = context.to(dtype)
        with torch.autocast(roi.device.type, enabled=False):
            if self.variant == 'additive':
                return self.fc_det(inside) + self.fc_det_context(context)
            return self.fc_det(inside) - self.fc_det(context)
