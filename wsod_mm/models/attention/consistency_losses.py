"""CASD's self-distillation: the attention of an image should not depend on the view, nor on the layer."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.attention import divide_by_rows, image_wise_loss, layer_wise_loss, ramp_up, shared_rows
from wsod_mm.functional.sampling import Samples
from wsod_mm.functional.select_rows import select_rows
from wsod_mm.models.roi_heads.views import ImageViews
from wsod_mm.ops import RoIMaxPool
from wsod_mm.registry import MODELS
from wsod_mm.utils.progress import current_iter

__all__ = ['ImageWiseLoss', 'LayerWiseLoss']

# what each reading of the image-wise loss is made of (spec section 10)
_IMAGE_WISE = {
    # the paper as we read it: proposals as sampled for refinement, no min-max, normalised once
    'paper': dict(select='first', minmax=False, divide_by_rows=False),
    # branch may30, function ca_iw, which is never called
    'code_ca_iw': dict(select='intersection', minmax=True, divide_by_rows=False),
    # branch master, behind a flag that training switches off
    'code_master': dict(select='first', minmax=True, divide_by_rows=True),
}


class _Scheduled(BaseModule):
    """A loss whose weight begins at an iteration and may ramp up."""

    def __init__(self, loss_weight: float, distance: str, start_iter: int, ramp_iters: int | None) -> None:
        super().__init__()
        if distance not in ('mse', 'l2'):
            raise ValueError(f"distance must be 'mse' or 'l2', got {distance!r}")
        self.loss_weight = loss_weight
        self.distance = distance
        self.start_iter = start_iter
        self.ramp_iters = ramp_iters

    def is_active(self) -> bool:
        """Whether training has come to ``start_iter``."""
        return current_iter() >= self.start_iter

    def weight(self) -> float:
        """Factor of the loss in this iteration."""
        ramp = 1.0 if not self.ramp_iters else ramp_up(current_iter(), self.start_iter, self.ramp_iters)
        return self.loss_weight * ramp


@MODELS.register_module()
class ImageWiseLoss(_Scheduled):
    """Distance of the attention of every view from the element-wise maximum over the views, summed over branches.

    Args:
        mode: ``'paper'``; ``'code_ca_iw'`` (branch may30: the proposals that all views happened to sample, attention
            stretched to [0, 1] before the sigmoid); ``'code_master'`` (stretched as well, and divided once more by
            the number of proposals). Neither was ever switched on in the public training.
        loss_weight: gamma, 0.1.
        distance: ``'mse'``, or ``'l2'``: norm per proposal and view.
        select: Which proposals: ``'first'`` (those that the first view sampled, in all views), ``'intersection'`` or
            ``'union'`` of what the views sampled; ``None``: that of the mode.
        minmax: Stretch every map to [0, 1] before the sigmoid; ``None``: that of the mode.
        start_iter: No loss before this iteration (public code: 45000).
        ramp_iters: Length of the ramp exp(-5 (1 - t)^2) after ``start_iter``; ``None``: none.

    Raises:
        ValueError: For an unknown mode, distance or selection.
    """

    def __init__(
        self,
        mode: str = 'paper',
        loss_weight: float = 0.1,
        distance: str = 'mse',
        select: str | None = None,
        minmax: bool | None = None,
        start_iter: int = 0,
        ramp_iters: int | None = None,
    ) -> None:
        super().__init__(loss_weight, distance, start_iter, ramp_iters)
        if mode not in _IMAGE_WISE:
            raise ValueError(f'mode must be one of {tuple(_IMAGE_WISE)}, got {mode!r}')
        rule = _IMAGE_WISE[mode]
        self.select = select or rule['select']
        self.minmax = rule['minmax'] if minmax is None else minmax
        self.divide_by_rows = rule['divide_by_rows']
        if self.select not in ('first', 'intersection', 'union'):
            raise ValueError(f"select must be 'first', 'intersection' or 'union', got {select!r}")

    def forward(self, pooled: Tensor, image: ImageViews, samples: Sequence[Samples]) -> Tensor:
        """Loss of one image.

        Args:
            pooled: ``[M, C, h, w]`` unmasked pooled features of all images.
            image: The views of this one, and its rows.
            samples: What each branch sampled.

        Returns:
            Scalar: sum over the branches, mean over the views, times the weight.
        """
        views = torch.arange(image.num_views, device=pooled.device)[:, None] * image.num_proposals + image.rows[0]
        losses = []
        for sample in samples:
            sampled = _sampled(sample, image.num_proposals)
            size = sample.rows.numel() if self.select == 'union' else sample.rows.shape[1]
            rows, valid = shared_rows(sampled, size, self.select)
            features = select_rows(pooled, (views + rows).flatten()).unflatten(0, (image.num_views, -1))
            losses.append(image_wise_loss(features, image.flipped, valid, self.distance, self.minmax))
        total = divide_by_rows(losses, valid) if self.divide_by_rows else torch.stack(losses).sum()
        return self.weight() * total / image.num_views


@MODELS.register_module()
class LayerWiseLoss(_Scheduled):
    """Distance of the attention of every feature map from the element-wise maximum over the maps.

    There is no public code; blocks, normalisation and distance are our reading of the paper. A map whose layers are
    frozen gets no gradient.

    Args:
        strides: Stride of each map that the backbone returns, in its order (VGG16 at stride 16 with ``out_blocks=(2,
            3, 4, 5)``: 2, 4, 8, 16).
        output_size: Bins per side.
        mode: Coordinate rule of the pooling; ``'mmcv'`` has a CUDA kernel.
        loss_weight: gamma, 0.1.
        distance: ``'mse'`` or ``'l2'``.
        minmax: Stretch every map to [0, 1] before the sigmoid.
        start_iter: No loss before this iteration.
        ramp_iters: Length of the ramp after ``start_iter``; ``None``: none.
    """

    def __init__(
        self,
        strides: Sequence[int] = (2, 4, 8, 16),
        output_size: int = 7,
        mode: str = 'mmcv',
        loss_weight: float = 0.1,
        distance: str = 'mse',
        minmax: bool = False,
        start_iter: int = 0,
        ramp_iters: int | None = None,
    ) -> None:
        super().__init__(loss_weight, distance, start_iter, ramp_iters)
        self.strides = tuple(strides)
        self.minmax = minmax
        self.layers = nn.ModuleList(RoIMaxPool(output_size, 1 / stride, mode) for stride in strides)

    def layers_for(self, maps: Sequence[Tensor]) -> nn.ModuleList:
        """The pooling layers, one per map.

        Raises:
            ValueError: If the backbone returns another number of maps.
        """
        if len(maps) != len(self.layers):
            raise ValueError(
                f'LayerWiseLoss has {len(self.layers)} strides, the backbone returns {len(maps)} maps; set its '
                'out_blocks (VGG16) or out_indices to one map per stride'
            )
        widths = [m.shape[-1] * stride for m, stride in zip(maps, self.strides, strict=True)]
        if max(widths) - min(widths) >= 2 * max(self.strides):
            raise ValueError(
                f'LayerWiseLoss has strides {self.strides}, but maps of widths {[m.shape[-1] for m in maps]} cells; '
                'give the stride of each map that the backbone returns'
            )
        return self.layers

    def forward(self, features: Sequence[Tensor], valid: Sequence[Sequence[Tensor]], num_views: int) -> Tensor:
        """Loss of all branches over all images and views.

        Args:
            features: Per map ``[S, C_q, h, w]`` pooled features of the same S proposals.
            valid: Per branch and image ``[S]`` bool, its proposals in all views.
            num_views: V.

        Returns:
            Scalar: mean over the proposals of an image and branch, sum over the branches, mean over the images, times
            the weight, and divided by V as the whole total of CASD is (spec section 10, step 5).
        """
        losses = [
            torch.stack([layer_wise_loss(features, rows, self.distance, self.minmax) for rows in branch]).mean()
            for branch in valid
        ]
        return self.weight() * torch.stack(losses).sum() / num_views


def _sampled(samples: Samples, num_proposals: int) -> Tensor:
    """``[V, P]`` bool: which proposals each view sampled."""
    hits = torch.zeros(samples.rows.shape[0], num_proposals, device=samples.rows.device)
    # padding slots name row 0 and add nothing
    return hits.scatter_add(1, samples.rows, samples.valid.float()) > 0
