"""Two-stream MIL predictor of WSDDN."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.mil import image_scores, wsddn_scores
from wsod_mm.registry import MODELS

__all__ = ['MILOutput', 'WSDDNHead']


class MILOutput(NamedTuple):
    """What every MIL predictor returns; the RoI head, the miners and the losses know nothing else about it.

    Attributes:
        scores: One ``[R_n, C]`` float32 tensor per image: the proposal scores that miners and tests use.
        image_scores: ``[N, C]`` float32, what the image-level loss compares with the labels.
    """

    scores: list[Tensor]
    image_scores: Tensor


@MODELS.register_module()
class WSDDNHead(BaseModule):
    """Score proposals with a classification and a detection stream (WSDDN paper, section 3).

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background.
        cls_std: Standard deviation of the initial weights of the classification stream.
        det_std: The same for the detection stream. WSOD codes: 0.01; Collaborative Learning: 0.001.
        init_cfg: MMEngine's initialisation, instead of the one above.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        cls_std: float = 0.01,
        det_std: float = 0.01,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            init_cfg=init_cfg
            or [
                dict(type='Normal', std=cls_std, override=dict(name='fc_cls')),
                dict(type='Normal', std=det_std, override=dict(name='fc_det')),
            ]
        )
        self.num_classes = num_classes
        self.fc_cls = nn.Linear(in_channels, num_classes)
        self.fc_det = nn.Linear(in_channels, num_classes)

    def forward(self, features: Tensor, num_proposals: Sequence[int]) -> MILOutput:
        """Score the proposals of a batch.

        Args:
            features: ``[sum R_n, in_channels]`` RoI features, images one after the other.
            num_proposals: R_n of each image. The softmax over proposals runs within an image.

        Returns:
            MILOutput.
        """
        cls_logits = self.fc_cls(features).split(list(num_proposals))
        det_logits = self.fc_det(features).split(list(num_proposals))
        scores = [wsddn_scores(a, d) for a, d in zip(cls_logits, det_logits, strict=True)]
        return MILOutput(scores, torch.stack([image_scores(s) for s in scores]))
