"""RetinaNet head of MI-AOD."""

import math
from collections.abc import Sequence

from mmdet.models.dense_heads import RetinaHead
from mmengine.model import normal_init
from torch import Tensor, nn

from wsod_mm.registry import MODELS

from .miaod_mixin import TOWERS, MIAODHeadMixin

__all__ = ['MIAODRetinaHead']


@MODELS.register_module()
class MIAODRetinaHead(MIAODHeadMixin, RetinaHead):
    """Four parallel towers on the same features, with no weights in common (MI-AOD paper, section 3; public code).

    Each tower is ``stacked_convs`` convolutions with ReLU and a last convolution, named as in the public code
    (``f_1_convs``, ``f_1_retina``, ...). f1 and f2 differ by their random initial weights only.

    Initial weights: N(0, ``std``) with bias 0, but the convolutions below the last one of f_mil keep Kaiming's, and the
    last bias of f1, f2 and f_mil is that of a prior probability of ``bias_prob``.

    Args:
        std: Standard deviation of the initial weights.
        bias_prob: Probability of every class before training.
        init_cfg: MMEngine's initialisation, instead of the one above.
        **kwargs: See :class:`MIAODHeadMixin` and ``mmdet.models.dense_heads.RetinaHead``.
    """

    def __init__(
        self,
        *args,
        std: float = 0.01,
        bias_prob: float = 0.01,
        init_cfg: dict | list | None = None,
        **kwargs,
    ) -> None:
        self.std, self.bias_prob = std, bias_prob
        super().__init__(*args, init_cfg=init_cfg, **kwargs)

    def _init_layers(self) -> None:
        # MMDetection's own layers, three times over: they heed all its options
        for prefix in ('f_1_', 'f_2_', 'f_mil_'):
            super()._init_layers()
            setattr(self, prefix + 'convs', self.cls_convs)
            setattr(self, prefix + 'retina', self.retina_cls)
        self.f_r_convs, self.f_r_retina = self.reg_convs, self.retina_reg
        del self.cls_convs, self.retina_cls, self.reg_convs, self.retina_reg

    def init_weights(self) -> None:
        """Set the initial weights; not a second time."""
        again = self.is_init
        super().init_weights()
        if again or self.init_cfg:
            return
        for tower in TOWERS:
            convs, last = self.tower_parts(tower)
            if tower == 'f_mil':
                for conv in convs:
                    conv.init_weights()
            else:
                for module in convs.modules():
                    if isinstance(module, nn.Conv2d):
                        normal_init(module, std=self.std)
            normal_init(last, std=self.std)
            if tower != 'f_r':
                nn.init.constant_(last.bias, -math.log(1 / self.bias_prob - 1))

    def forward_tower(self, tower: str, x: Sequence[Tensor]) -> list[Tensor]:
        """Output of one tower for all levels, see :meth:`MIAODHeadMixin.forward`."""
        convs, last = self.tower_parts(tower)
        outs = []
        for level in x:
            for conv in convs:
                level = conv(level)
            outs.append(last(level))
        return outs
