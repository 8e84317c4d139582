"""IRN's two branches: boundaries between classes, and displacements towards the centres of instances."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.affinity_losses import boundary_loss, displacement_losses, pair_displacement
from wsod_mm.functional.pair_affinity import boundary_affinity
from wsod_mm.functional.pair_labels import pair_labels, shrink_labels
from wsod_mm.functional.pixel_pairs import path_offsets
from wsod_mm.registry import MODELS

from .mean_shift import MeanShift

__all__ = ['IRNHead']


@MODELS.register_module()
class IRNHead(BaseModule):
    """Boundary and displacement branch on the maps of a backbone, both on the grid of its first map.

    Layers carry the names of the public code: ``fc_edge1`` ... ``fc_edge6`` and ``fc_dp1`` ... ``fc_dp7`` for five
    maps. Every 1x1 convolution is followed by a group norm, a bilinear enlargement where the grid is finer, and a
    ReLU. The displacements are joined in two steps: maps of half the grid or coarser (``fc_dp6``), then all
    (``fc_dp7``).

    Source: IRN, section 4.1 and figure 4, and the public code, whose widths and groups these are.

    Args:
        in_channels: Channels of the maps; of a ResNet-50's stem and four layers by default.
        strides: Their strides in pixels: multiples of the first one, ascending, and the first that is larger is twice
            as large.
        edge_channels: Channels per map in the boundary branch.
        edge_groups: Groups of its norms.
        disp_channels: Channels per map in the displacement branch.
        disp_groups: Groups of the norms there.
        fuse_channels: Channels after each joining.
        fuse_groups: Groups of the norms there.
        radius: Pairs in training are nearer than that, in cells.
        ignore_from: A label of this value or above is unknown: 21, VOC's classes with background, or 255.
        init_cfg: MMEngine initialisation; by default PyTorch's own.

    Raises:
        ValueError: Settings of different lengths, or strides of another pattern.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (64, 256, 512, 1024, 2048),
        strides: Sequence[int] = (4, 4, 8, 16, 16),
        edge_channels: int = 32,
        edge_groups: int = 4,
        disp_channels: Sequence[int] = (64, 128, 256, 256, 256),
        disp_groups: Sequence[int] = (8, 16, 16, 16, 16),
        fuse_channels: int = 256,
        fuse_groups: int = 16,
        radius: int = 10,
        ignore_from: int = 21,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        count = len(in_channels)
        for name, values in dict(strides=strides, disp_channels=disp_channels, disp_groups=disp_groups).items():
            if len(values) != count:
                raise ValueError(f'{name}={tuple(values)!r}: give {count} values, as many as in_channels')
        fine = sum(stride == strides[0] for stride in strides)
        pattern = [stride % strides[0] for stride in strides]
        if any(pattern) or list(strides) != sorted(strides) or fine == count or strides[fine] != 2 * strides[0]:
            raise ValueError(
                f'strides={tuple(strides)!r}: multiples of the first in ascending order, with one twice as large; '
                f'(4, 4, 8, 16, 16) in the paper'
            )
        self.in_channels = tuple(in_channels)
        self.stride = strides[0]
        self.radius = radius
        self.ignore_from = ignore_from
        #: on the CPU wherever the model is: where slices start is for the host to know
        self.offsets = path_offsets(radius)
        self.num_fine = fine
        for number, (inputs, stride) in enumerate(zip(in_channels, strides, strict=True), start=1):
            layer = _layer(inputs, edge_channels, edge_groups, stride // self.stride)
            self.add_module(f'fc_edge{number}', layer)
        self.add_module(f'fc_edge{count + 1}', nn.Conv2d(count * edge_channels, 1, 1))

        settings = zip(in_channels, disp_channels, disp_groups, strides, strict=True)
        for number, (inputs, outputs, groups, stride) in enumerate(settings, start=1):
            coarse = number > fine
            scale = stride // (2 * self.stride) if coarse else 1
            self.add_module(f'fc_dp{number}', _layer(inputs, outputs, groups, scale))
        coarse_channels, fine_channels = sum(disp_channels[fine:]), sum(disp_channels[:fine])
        self.add_module(f'fc_dp{count + 1}', _layer(coarse_channels, fuse_channels, fuse_groups, 2))
        last = _layer(fine_channels + fuse_channels, fuse_channels, fuse_groups, 1)
        last = nn.Sequential(*last, nn.Conv2d(fuse_channels, 2, 1, bias=False), MeanShift(2))
        self.add_module(f'fc_dp{count + 2}', last)

    @property
    def mean_shift(self) -> MeanShift:
        """The last layer, which subtracts the mean displacement."""
        return self.get_submodule(f'fc_dp{len(self.in_channels) + 2}')[-1]

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Both maps.

        Args:
            features: One map ``[N, C_i, h_i, w_i]`` per entry of ``in_channels``.

        Returns:
            Logits of a boundary ``[N, 1, h, w]`` and displacements ``[N, 2, h, w]`` (dy, dx) in cells, on the first
            map's grid. Displacements without their mean (:class:`MeanShift`) in evaluation.

        Raises:
            ValueError: Maps of other channels.
        """
        channels = tuple(x.shape[1] for x in features)
        if channels != self.in_channels:
            raise ValueError(
                f'the maps have {channels} channels, IRNHead wants in_channels={self.in_channels}; '
                "look at the backbone's out_indices"
            )
        count, fine = len(self.in_channels), self.num_fine
        size, coarse_size = features[0].shape[2:], features[fine].shape[2:]
        edges = [self._branch('fc_edge', i, x, size) for i, x in enumerate(features, start=1)]
        edge = self.get_submodule(f'fc_edge{count + 1}')(torch.cat(edges, dim=1))
        maps = [
            self._branch('fc_dp', i, x, size if i <= fine else coarse_size) for i, x in enumerate(features, start=1)
        ]
        coarse = self._branch('fc_dp', count + 1, torch.cat(maps[fine:], dim=1), size)
        displacement = self.get_submodule(f'fc_dp{count + 2}')(torch.cat([*maps[:fine], coarse], dim=1))
        return edge, displacement

    def loss(self, edge: Tensor, displacement: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            edge: Logits ``[N, 1, h, w]``.
            displacement: ``[N, 2, h, w]``.
            label: ``[N, H, W]`` integers, H and W those of the images, multiples of the stride: 0 background, c + 1
                class c, ``ignore_from`` and above unknown.

        Returns:
            ``loss_boundary_pos``, ``loss_boundary_neg``, ``loss_disp_fg``, ``loss_disp_bg``: halves of the terms, so
            that they add up to what is minimised.

        Raises:
            ValueError: Label maps and images have different sizes, or no multiple of the stride.
        """
        label = shrink_labels(label, self.stride)
        if label.shape != edge[:, 0].shape:
            raise ValueError(
                f'label maps of {tuple(label.shape)} cells for boundaries of {tuple(edge[:, 0].shape)}; '
                'give them in the size of the images (with pad_seg=True and seg_pad_value=255 in the preprocessor)'
            )
        labels = pair_labels(label, self.offsets, self.radius, self.ignore_from)
        affinity = boundary_affinity(edge[:, 0].float().sigmoid(), self.radius)
        difference = pair_displacement(displacement, self.offsets, self.radius)
        boundary = boundary_loss(affinity, labels)
        disp = displacement_losses(difference, labels, self.offsets)
        return dict(
            loss_boundary_pos=boundary.positive / 2,
            loss_boundary_neg=boundary.negative / 2,
            loss_disp_fg=disp.foreground / 2,
            loss_disp_bg=disp.background / 2,
        )

    def _branch(self, name: str, number: int, x: Tensor, size: torch.Size) -> Tensor:
        """A layer, and the top left of its output: an enlarged map may be larger by less than the factor."""
        return self.get_submodule(f'{name}{number}')(x)[..., : size[0], : size[1]]


def _layer(inputs: int, outputs: int, groups: int, scale: int) -> nn.Sequential:
    """1x1 convolution, group norm, enlargement, ReLU; the first two have the numbers of the published weights."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.GroupNorm(groups, outputs)]
    if scale > 1:
        layers.append(nn.Upsample(scale_factor=scale, mode='bilinear', align_corners=False))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))
