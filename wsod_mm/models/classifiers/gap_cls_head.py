"""Image labels from a feature map: global average pooling and one linear layer."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.class_maps import ACTIVATIONS, class_activation_maps
from wsod_mm.registry import MODELS

__all__ = ['GAPClsHead']


@MODELS.register_module()
class GAPClsHead(BaseModule):
    """Global average pooling over the cells of the image (not of its padding), and a linear layer.

    Args:
        num_classes: Number C of classes.
        in_channels: Channels of the feature map.
        feature: ``'conv_gap'``: a 1x1 convolution to class maps, then their mean (the weight is
            that of a convolution, as class activation maps want it). ``'gap_fc'``: the mean, then
            dropout and a linear layer (the weight is that of torchvision's ``fc``). Equal but for
            dropout, and equal with it too in all but the random numbers: both drop whole channels.
        loss: ``'bce'``: any number of classes per image; binary cross entropy with logits, mean
            over the classes that count. ``'ce'``: one class per image; cross entropy over the
            classes that count, mean over images. (Several labels share the target evenly, none
            gives no loss.)
        dropout: Dropout of channels before the linear map.
        loss_weight: Factor on the loss.
        bias: Whether the linear map has a bias. Class activation maps leave it out, so that the papers that use them
            train without one.
        cam_activation: Activation of :meth:`activation_maps`: ``'relu'``, or ``'sqrt_relu'`` for AffinityNet's VGG16.
        init_cfg: MMEngine initialisation; the default is normal, standard deviation 0.01.

    Raises:
        ValueError: ``feature``, ``loss`` or ``cam_activation`` is unknown.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feature: str = 'conv_gap',
        loss: str = 'bce',
        dropout: float = 0.0,
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
        bias: bool = True,
        cam_activation: str = 'relu',
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(type='Normal', layer=['Conv2d', 'Linear'], std=0.01)
        super().__init__(init_cfg)
        if feature not in ('conv_gap', 'gap_fc'):
            raise ValueError(f"feature must be 'conv_gap' or 'gap_fc', got {feature!r}")
        if loss not in ('bce', 'ce'):
            raise ValueError(f"loss must be 'bce' or 'ce', got {loss!r}")
        if cam_activation not in ACTIVATIONS:
            raise ValueError(f'cam_activation must be one of {", ".join(ACTIVATIONS)}, got {cam_activation!r}')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.feature = feature
        self.loss_type = loss
        self.dropout = dropout
        self.loss_weight = loss_weight
        self.cam_activation = cam_activation
        if feature == 'conv_gap':
            self.fc = nn.Conv2d(in_channels, num_classes, 1, bias=bias)
        else:
            self.fc = nn.Linear(in_channels, num_classes, bias=bias)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Class logits of every image.

        Args:
            x: Feature map ``[N, in_channels, h, w]``.
            valid: ``[N, h, w]``, 1 where a cell belongs to the image, 0 in the padding; all when
                ``None``.

        Returns:
            Logits ``[N, C]``.

        Raises:
            ValueError: ``x`` has another number of channels.
        """
        if x.size(1) != self.in_channels:
            raise ValueError(
                f'the feature map has {x.size(1)} channels, the head was configured with in_channels={self.in_channels}'
            )
        if self.feature == 'conv_gap':
            x = F.dropout2d(x, self.dropout, self.training)
            return _masked_mean(self.fc(x), valid)
        return self.fc(F.dropout(_masked_mean(x, valid), self.dropout, self.training))

    def class_maps(self, x: Tensor) -> Tensor:
        """Score of every class at every cell: ``[N, in_channels, h, w]`` to ``[N, C, h, w]``."""
        weight = self.fc.weight.view(self.num_classes, self.in_channels, 1, 1)
        return F.conv2d(x, weight, self.fc.bias)

    def activation_maps(self, x: Tensor) -> Tensor:
        """Class activation maps: ``[N, in_channels, h, w]`` to ``[N, C, h, w]``, at least 0, without the bias.

        Not divided by their maxima.
        """
        return class_activation_maps(x, self.fc.weight, self.cam_activation)

    def loss(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Classification loss, in float32 also under autocast.

        Args:
            logits: ``[N, C]``.
            target: ``[N, C]`` multi-hot.
            weight: ``[N, C]``, 0 where a class does not count; all ones when ``None``.

        Returns:
            ``loss_cls`` (0-d).
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits, target = logits.float(), target.float()
            weight = torch.ones_like(target) if weight is None else weight.float()
            if self.loss_type == 'bce':
                each = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
                loss = (each * weight).sum() / weight.sum().clamp(min=1)
            else:
                logits = logits.masked_fill(weight == 0, torch.finfo(torch.float32).min)
                target = target * (weight != 0)
                total = target.sum(1, keepdim=True)
                each = -(target / total.clamp(min=1) * logits.log_softmax(1)).sum(1)
                loss = each.sum() / (total > 0).sum().clamp(min=1)
        return dict(loss_cls=loss * self.loss_weight)

    def scores(self, logits: Tensor) -> Tensor:
        """Probabilities ``[N, C]``: sigmoid or softmax, as the loss has it; float32."""
        logits = logits.float()
        return logits.sigmoid() if self.loss_type == 'bce' else logits.softmax(1)


def _masked_mean(x: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of ``x [N, C, h, w]`` over the valid cells, in float32: half sums over large maps lose
    digits."""
    x = x.float()
    if valid is None:
        return x.mean(dim=(2, 3))
    valid = valid.to(x)[:, None]
    return (x * valid).sum(dim=(2, 3)) / valid.sum(dim=(2, 3)).clamp(min=1)
