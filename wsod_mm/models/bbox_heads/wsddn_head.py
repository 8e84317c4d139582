"""Two-stream MIL predictor of WSDDN."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.contrastive import contrastive_scores
from wsod_mm.functional.mil import image_scores
from wsod_mm.registry import MODELS

__all__ = ['MILOutput', 'WSDDNHead', 'score_images']


class MILOutput(NamedTuple):
    """What every MIL predictor returns; the RoI head, the miners and the losses know nothing else about it.

    Attributes:
        scores: One ``[R_n, C]`` float32 tensor per image: the proposal scores that miners and tests use.
        image_scores: ``[N, C]`` float32 in [0, 1], the sum of ``scores`` over the proposals, for losses on
            probabilities.
        raw_scores: ``[N, C]`` float32, unbounded: the class logits averaged over the proposals with the weights
            ``softmax_r(det)``, for the hinge loss. A loss module names the field that it takes in its ``source``.
    """

    scores: list[Tensor]
    image_scores: Tensor
    raw_scores: Tensor


def score_images(cls_logits: Tensor, det_logits: Tensor, num_proposals: Sequence[int]) -> MILOutput:
    """Scores of a batch from the two streams of a MIL predictor.

    Args:
        cls_logits: ``[sum R_n, C]``, images one after the other.
        det_logits: The same shape.
        num_proposals: R_n of each image. The softmax over proposals runs within an image.

    Returns:
        MILOutput.
    """
    sizes = list(num_proposals)
    pairs = zip(cls_logits.split(sizes), det_logits.split(sizes), strict=True)
    scores, raw = zip(*(contrastive_scores(cls, det) for cls, det in pairs), strict=True)
    return MILOutput(list(scores), torch.stack([image_scores(s) for s in scores]), torch.stack(raw))


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

    rings: ClassVar[tuple[str, ...]] = ('roi',)
    """Rings whose features ``forward`` takes, see :data:`wsod_mm.functional.rings.RINGS`."""

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

    def forward(self, features: Tensor | tuple[Tensor], num_proposals: Sequence[int]) -> MILOutput:
        """Score the proposals of a batch.

        Args:
            features: ``[sum R_n, in_channels]`` RoI features, images one after the other; or a tuple of that alone,
                the form in which predictors with several ``rings`` get theirs.
            num_proposals: R_n of each image. The softmax over proposals runs within an image.

        Returns:
            MILOutput.

        Raises:
            ValueError: If there are features of several rings.
        """
        if not isinstance(features, Tensor):
            if len(features) != 1:
                raise ValueError(f'WSDDNHead takes the features of the rings {self.rings}, got {len(features)} tensors')
            (features,) = features
        return score_images(self.fc_cls(features), self.fc_det(features), num_proposals)
