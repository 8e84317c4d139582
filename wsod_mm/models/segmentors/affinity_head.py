"""AffinityNet's head: an embedding of every cell, whose distances are affinities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, kaiming_init, xavier_init
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.affinity_losses import PUBLIC_WEIGHTS, affinity_loss
from wsod_mm.functional.pair_affinity import embedding_affinity, shifted_embedding_affinity
from wsod_mm.functional.pair_labels import pair_labels
from wsod_mm.functional.pixel_pairs import border_of, pair_offsets
from wsod_mm.functional.random_walk import reference_border
from wsod_mm.registry import MODELS

__all__ = ['AffinityHead']


@MODELS.register_module()
class AffinityHead(BaseModule):
    """Embedding of feature maps of one size, and the affinities of neighbouring cells in it.

    Every map goes through a 1x1 convolution, a norm and an ELU; a 1x1 convolution and an ELU join them. No layer has
    a bias. Layers carry the names of the published weights: ``f8_3``, ``f8_4``, ..., ``gn8_3``, ..., ``f9``.

    Source: AffinityNet, section 3.2, figure 3, and the public code, whose widths and norms these are.

    Args:
        in_channels: Channels of every map: 512, 512, 1024 for VGG16, 512, 1024, 4096 for ResNet38.
        out_channels: Channels after the first convolutions; the embedding has their sum.
        norm_groups: Groups of the group norms, (8, 16, 32) for VGG16; ``None``: no norms, as for ResNet38.
        radius: Pairs are nearer than that, in cells; the paper's gamma.
        loss_weights: Of pairs of background, of pairs of one class, and of pairs that differ.
        init_cfg: MMEngine initialisation; by default Kaiming normal for the first convolutions and Xavier uniform with
            a gain of 4 for the last.

    Raises:
        ValueError: Settings of different lengths, or a radius below 2.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (512, 512, 1024),
        out_channels: Sequence[int] = (64, 128, 256),
        norm_groups: Sequence[int] | None = None,
        radius: int = 5,
        loss_weights: Sequence[float] = PUBLIC_WEIGHTS,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        for name, values in dict(out_channels=out_channels, norm_groups=norm_groups).items():
            if values is not None and len(values) != len(in_channels):
                raise ValueError(f'{name}={tuple(values)!r}: give {len(in_channels)} values, as many as in_channels')
        if len(loss_weights) != 3:
            raise ValueError(f'loss_weights={tuple(loss_weights)!r}: of background, of classes, of pairs that differ')
        self.in_channels = tuple(in_channels)
        self.radius = radius
        self.loss_weights = tuple(loss_weights)
        #: on the CPU wherever the model is: where slices start is for the host to know
        self.offsets = pair_offsets(radius)
        for number, (inputs, outputs) in enumerate(zip(in_channels, out_channels, strict=True), start=3):
            self.add_module(f'f8_{number}', nn.Conv2d(inputs, outputs, 1, bias=False))
            if norm_groups is not None:
                self.add_module(f'gn8_{number}', nn.GroupNorm(norm_groups[number - 3], outputs))
        self.has_norms = norm_groups is not None
        self.embed_channels = sum(out_channels)
        self.f9 = nn.Conv2d(self.embed_channels, self.embed_channels, 1, bias=False)

    def init_weights(self) -> None:
        """Initialise as the public code does, then as ``init_cfg`` says."""
        if not self.is_init:
            for number in range(3, 3 + len(self.in_channels)):
                kaiming_init(self.get_submodule(f'f8_{number}'), mode='fan_in')
            xavier_init(self.f9, gain=4, distribution='uniform')
        super().init_weights()

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Embedding of every cell.

        Args:
            features: One map ``[N, C_i, h, w]`` per entry of ``in_channels``, all of one size.

        Returns:
            ``[N, embed_channels, h, w]``, above -1.

        Raises:
            ValueError: Maps of other channels or of different sizes.
        """
        channels = tuple(x.shape[1] for x in features)
        if channels != self.in_channels or len({x.shape[2:] for x in features}) > 1:
            raise ValueError(
                f'AffinityHead with in_channels={self.in_channels} wants maps of these channels and of one size, '
                f"got {[tuple(x.shape) for x in features]}; look at the backbone's out_indices and strides"
            )
        maps = []
        for number, x in enumerate(features, start=3):
            x = self.get_submodule(f'f8_{number}')(x)
            if self.has_norms:
                x = self.get_submodule(f'gn8_{number}')(x)
            maps.append(F.elu(x))
        return F.elu(self.f9(torch.cat(maps, dim=1)))

    def loss(self, embedding: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            embedding: ``[N, embed_channels, h, w]``.
            label: ``[N, h, w]`` integers: 0 background, c + 1 class c, 255 unknown.

        Returns:
            ``loss_bg``, ``loss_fg`` and ``loss_neg``, weighted; they add up to what is minimised.

        Raises:
            ValueError: The label map has another size than the embedding.
        """
        if label.shape != embedding[:, 0].shape:
            raise ValueError(
                f'label maps {tuple(label.shape)} for an embedding of {tuple(embedding[:, 0].shape)}; '
                "give them on the backbone's grid"
            )
        affinity = embedding_affinity(embedding, self.offsets, self.radius)
        loss = affinity_loss(affinity, pair_labels(label, self.offsets, self.radius), self.loss_weights)
        terms = loss.background, loss.foreground, loss.negative
        names = 'loss_bg', 'loss_fg', 'loss_neg'
        return {n: weight * term for n, weight, term in zip(names, self.loss_weights, terms, strict=True)}

    def affinities(self, embedding: Tensor, border: str = 'full') -> Tensor:
        """Affinity of every cell of one image with its neighbours.

        Args:
            embedding: ``[embed_channels, h, w]``.
            border: ``'full'``: of all pairs in the map. ``'reference'``: 0 for those that the public code leaves out.

        Returns:
            ``[P, h, w]`` float32, in the order of ``offsets``; 0 where the neighbour is outside the map.

        Raises:
            ValueError: ``border`` is unknown.
        """
        affinity = shifted_embedding_affinity(embedding, self.offsets)
        return reference_border(affinity, self.radius) if border_of(border) == 'reference' else affinity
