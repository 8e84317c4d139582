"""A classifier with side heads that learn object masks from its attention (SPG)."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.acol import class_maps_of
from wsod_mm.functional.class_maps import activate_class_maps
from wsod_mm.functional.spg import SPG_THRESHOLDS, spg_losses
from wsod_mm.models.classifiers.gap_cls_head import _masked_mean
from wsod_mm.registry import MODELS

__all__ = ['SPGHead']


@MODELS.register_module()
class SPGHead(BaseModule):
    """Head of self-produced guidance, for one class per image.

    It has what :class:`~wsod_mm.models.classifiers.ImageClassifier` asks of a head at test time. Its loss needs the
    features: a model calls ``feature_loss(features, target)`` in place of ``loss(logits, target)``. At test time the
    side heads are not computed.

    Source: Zhang et al., "Self-produced Guidance for Weakly-supervised Object Localization"; specs/cam.md 5.

    Args:
        num_classes: C.
        in_channels: Channels of the maps of b1, b2, and the classifier.
        in_indices: Which maps of the backbone these are; head c takes the classifier's.
        mid_channels: Of the 3x3 convolutions.
        thresholds: (high, low) for the masks from the attention, from b2, and from both side heads.
        mask_size: (H, W) at which heads and masks are compared.
        loss_weight: Factor on all losses.
        init_cfg: MMEngine initialisation; the default is normal, standard deviation 0.01.

    Raises:
        ValueError: There are not three channels, indices or pairs of thresholds.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        in_indices: Sequence[int] = (-3, -2, -1),
        mid_channels: int = 1024,
        thresholds: Sequence[Sequence[float]] = SPG_THRESHOLDS,
        mask_size: tuple[int, int] = (224, 224),
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        if not len(in_channels) == len(in_indices) == len(thresholds) == 3:
            raise ValueError(
                f'in_channels={in_channels}, in_indices={in_indices}, thresholds={thresholds}: give three of each'
            )
        self.num_classes = num_classes
        self.in_channels = tuple(in_channels)
        self.in_indices = tuple(in_indices)
        self.thresholds = thresholds
        self.mask_size = tuple(mask_size)
        self.loss_weight = loss_weight
        first, second, last = in_channels
        self.classifier = nn.Sequential(
            *_conv_relu(last, mid_channels),
            *_conv_relu(mid_channels, mid_channels),
            nn.Conv2d(mid_channels, num_classes, 1),
        )
        self.side_b1 = nn.Sequential(*_conv_relu(first, mid_channels))
        self.side_b2 = nn.Sequential(*_conv_relu(second, mid_channels))
        self.shared_b = nn.Sequential(*_conv_relu(mid_channels, mid_channels), nn.Conv2d(mid_channels, 1, 1))
        self.side_c = nn.Sequential(*_conv_relu(last, mid_channels), nn.Conv2d(mid_channels, 1, 1))

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Logits of the classifier.

        Args:
            x: ``[N, in_channels[2], h, w]``.
            valid: ``[N, h, w]``, 1 where a cell belongs to the image; all when ``None``.

        Returns:
            ``[N, C]``.
        """
        return _masked_mean(self.class_maps(x), valid)

    def class_maps(self, x: Tensor) -> Tensor:
        """Score of every class at every cell: ``[N, C, h, w]``.

        Raises:
            ValueError: ``x`` has another number of channels.
        """
        if x.size(1) != self.in_channels[-1]:
            raise ValueError(
                f'the feature map has {x.size(1)} channels, the head was configured with {self.in_channels[-1]}'
            )
        return self.classifier(x)

    def feature_loss(
        self, features: tuple[Tensor, ...], target: Tensor, valid: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Losses of the classifier and of all side heads.

        Args:
            features: Maps of the backbone, at least three.
            target: ``[N, C]`` one-hot (of several classes the first counts), or ``[N]`` int64.
            valid: As in :meth:`forward`; of the classifier's map.

        Returns:
            ``loss_cls``, ``loss_b2``, ``loss_b1``, ``loss_c`` (0-d each).

        Raises:
            ValueError: The backbone gives too few maps.
        """
        labels = target if target.dim() == 1 else target.argmax(dim=1)
        if isinstance(features, Tensor) or len(features) < 3:
            count = 1 if isinstance(features, Tensor) else len(features)
            raise ValueError(f'SPG needs three maps of the backbone, got {count}: set its out_indices')
        first, second, last = (features[k] for k in self.in_indices)
        maps = self.class_maps(last)
        losses = spg_losses(
            _masked_mean(maps, valid),
            maps,
            self.shared_b(self.side_b1(first)),
            self.shared_b(self.side_b2(second)),
            self.side_c(last),
            labels,
            self.thresholds,
            self.mask_size,
        )
        return {name: loss * self.loss_weight for name, loss in losses.items()}

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities ``[N, C]``, float32."""
        return logits.float().softmax(dim=1)

    def class_cams(self, x: Tensor, class_ids: Tensor) -> Tensor:
        """Raw maps of chosen classes: ``[N]`` or ``[N, M]`` int64 to ``[N, h, w]`` or ``[N, M, h, w]``."""
        return class_maps_of(self.class_maps(x), class_ids)

    def activation_maps(self, x: Tensor) -> Tensor:
        """Maps of all classes ``[N, C, h, w]``, at least 0, not divided by their maxima."""
        return activate_class_maps(self.class_maps(x))


def _conv_relu(in_channels: int, out_channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(inplace=True)
