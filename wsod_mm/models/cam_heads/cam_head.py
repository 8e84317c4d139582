"""Global average pooling and a linear layer, whose weights make the class activation maps (CAM)."""

from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.cam_localization import cam_map
from wsod_mm.models.classifiers.gap_cls_head import GAPClsHead
from wsod_mm.registry import MODELS

__all__ = ['CAMHead']


@MODELS.register_module()
class CAMHead(GAPClsHead):
    """Head of CAM, and of HaS, ADL and CutMix, which differ in training alone.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization"; specs/cam.md 2 and 5.

    Args:
        num_classes: C.
        in_channels: Channels of the feature map.
        conv_channels: Of a 3x3 convolution with ReLU before the pooling (1024 on VGG16); ``None``: there is none.
        feature: As of :class:`~wsod_mm.models.classifiers.GAPClsHead`; ``'gap_fc'`` has the weights of torchvision.
        loss: ``'ce'``: one class per image (also shares of several, as CutMix makes them). ``'bce'``: any number.
        dropout: As of ``GAPClsHead``.
        loss_weight: Likewise.
        bias: Likewise; maps leave it out.
        init_cfg: MMEngine initialisation; the default is normal with standard deviation 0.01, Kaiming for the
            convolution.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        conv_channels: int | None = None,
        feature: str = 'gap_fc',
        loss: str = 'ce',
        dropout: float = 0.0,
        loss_weight: float = 1.0,
        bias: bool = True,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = dict(type='Normal', layer=['Conv2d', 'Linear'], std=0.01)
            if conv_channels:
                init_cfg['override'] = dict(type='Kaiming', name='conv6', mode='fan_in')
        super().__init__(num_classes, conv_channels or in_channels, feature, loss, dropout, loss_weight, init_cfg, bias)
        self.conv6 = nn.Conv2d(in_channels, conv_channels, 3, padding=1) if conv_channels else None

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Logits ``[N, C]`` of a map ``[N, in_channels, h, w]``; see ``GAPClsHead``."""
        return super().forward(self.cam_features(x), valid)

    def cam_features(self, x: Tensor) -> Tensor:
        """The map that is pooled: ``[N, in_channels, h, w]`` to ``[N, C', h, w]``."""
        return x if self.conv6 is None else F.relu(self.conv6(x))

    def class_maps(self, x: Tensor) -> Tensor:
        """Score of every class at every cell, with the bias: ``[N, C, h, w]``."""
        return super().class_maps(self.cam_features(x))

    def activation_maps(self, x: Tensor) -> Tensor:
        """Maps of all classes ``[N, C, h, w]``, at least 0, without the bias, not divided by their maxima."""
        return super().activation_maps(self.cam_features(x))

    def class_cams(self, x: Tensor, class_ids: Tensor) -> Tensor:
        """Raw maps of chosen classes: ``[N]`` or ``[N, M]`` int64 to ``[N, h, w]`` or ``[N, M, h, w]``."""
        return cam_map(self.cam_features(x), self.fc.weight, class_ids, normalize=None)
