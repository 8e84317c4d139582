"""Two classifiers on one feature map, the second without what the first looked at (ACoL)."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.acol import acol_cam, acol_loss, class_attention, erase_attended
from wsod_mm.models.classifiers.gap_cls_head import _masked_mean
from wsod_mm.registry import MODELS

__all__ = ['ACoLHead']


@MODELS.register_module()
class ACoLHead(BaseModule):
    """Head of adversarial complementary learning, for one class per image.

    It has what :class:`~wsod_mm.models.classifiers.ImageClassifier` asks of a head at test time. Its loss needs the
    features: a model calls ``feature_loss(features, target)`` in place of ``loss(logits, target)``.

    Source: Zhang et al., "Adversarial Complementary Learning"; specs/cam.md 5.

    Args:
        num_classes: C.
        in_channels: Channels of the feature map.
        mid_channels: Of both classifiers' two 3x3 convolutions.
        threshold: Attention from which features are erased.
        avg_pool: Average features over 3x3 cells first, as the reference does in VGG16.
        loss_weight: Factor on the loss.
        init_cfg: MMEngine initialisation; the default is normal, standard deviation 0.01.

    Raises:
        ValueError: ``threshold`` is not in [0, 1].
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        mid_channels: int = 1024,
        threshold: float = 0.7,
        avg_pool: bool = False,
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        if not 0 <= threshold <= 1:
            raise ValueError(f'threshold={threshold}: must be in [0, 1]')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.threshold = threshold
        self.avg_pool = avg_pool
        self.loss_weight = loss_weight
        self.classifier_a = _classifier(in_channels, mid_channels, num_classes)
        self.classifier_b = _classifier(in_channels, mid_channels, num_classes)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Logits of the first classifier.

        Args:
            x: ``[N, in_channels, h, w]``.
            valid: ``[N, h, w]``, 1 where a cell belongs to the image; all when ``None``.

        Returns:
            ``[N, C]``.
        """
        return _masked_mean(self.classifier_a(self._pooled(x)), valid)

    def feature_loss(
        self, x: Tensor | tuple[Tensor, ...], target: Tensor, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Cross entropy of both classifiers.

        Args:
            x: ``[N, in_channels, h, w]``, or a backbone's maps, the last of which is used.
            target: ``[N, C]`` one-hot (of several classes the first counts), or ``[N]`` int64.
            valid: As in :meth:`forward`.

        Returns:
            ``loss_cls`` (0-d).
        """
        labels = target if target.dim() == 1 else target.argmax(dim=1)
        x = self._pooled(x if isinstance(x, Tensor) else x[-1])
        maps_a = self.classifier_a(x)
        maps_b = self.classifier_b(erase_attended(x, class_attention(maps_a, labels), self.threshold))
        logits = (_masked_mean(maps, valid) for maps in (maps_a, maps_b))
        return dict(loss_cls=acol_loss(*logits, labels) * self.loss_weight)

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities ``[N, C]``, float32."""
        return logits.float().softmax(dim=1)

    def class_cams(self, x: Tensor, class_ids: Tensor) -> Tensor:
        """Maps of chosen classes, the larger of both classifiers'; for each, its own attention is erased.

        Args:
            x: ``[N, in_channels, h, w]``.
            class_ids: ``[N]`` or ``[N, M]`` int64.

        Returns:
            ``[N, h, w]`` or ``[N, M, h, w]``, in [0, 1].
        """
        x = self._pooled(x)
        maps_a = self.classifier_a(x)
        out = []
        for ids in class_ids.reshape(len(x), -1).unbind(dim=1):
            maps_b = self.classifier_b(erase_attended(x, class_attention(maps_a, ids), self.threshold))
            out.append(acol_cam(maps_a, maps_b, ids))
        return torch.stack(out, dim=1).reshape(*class_ids.shape, *x.shape[2:])

    def activation_maps(self, x: Tensor) -> Tensor:
        """Maps of all classes ``[N, C, h, w]`` in [0, 1]; see :meth:`class_cams`, one pass of B per class."""
        every = torch.arange(self.num_classes, device=x.device).expand(len(x), -1)
        return self.class_cams(x, every)

    def _pooled(self, x: Tensor) -> Tensor:
        if x.size(1) != self.in_channels:
            raise ValueError(
                f'the feature map has {x.size(1)} channels, the head was configured with in_channels={self.in_channels}'
            )
        return F.avg_pool2d(x, 3, stride=1, padding=1) if self.avg_pool else x


def _classifier(in_channels: int, mid_channels: int, num_classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, mid_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(mid_channels, mid_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(mid_channels, num_classes, 1),
    )
