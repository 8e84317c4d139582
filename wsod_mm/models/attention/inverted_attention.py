"""Inverted Attention: hide what a branch looks at, so that it learns the rest of the object."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from wsod_mm.functional.inverted_attention import (
    IAPhase,
    draw_erasure,
    erasure_candidates,
    erasure_change,
    gradcam_channel_weights,
    gradcam_maps,
    ia_phase,
    keep_hardest,
    scale_phase,
)
from wsod_mm.registry import MODELS
from wsod_mm.utils.progress import current_iter

__all__ = ['InvertedAttention']


@MODELS.register_module()
class InvertedAttention(BaseModule):
    """Masks for pooled features (spec section 9; public CASD code, which follows the Inverted Attention paper).

    Grad-CAM of the pseudo label says which cells a branch relies on; some of them are erased, and the erasure is kept
    for the proposals whose score suffers most. Everything runs in test mode (no dropout), without a gradient, and in
    closed form: no backward pass.

    Args:
        switch_iter: Iteration after which more is erased (public code 60000).
        early: Entries of :class:`~wsod_mm.functional.inverted_attention.IAPhase` before that, instead of the
            defaults. ``rank`` and ``erase`` are counted in a map of 7 x 7 cells and scaled to the size at hand; the
            mode ``'channel'`` does not use them.
        late: The same after it.
        margin: Score changes up to this do not count.
        mode: ``'spatial'`` (public CASD code), ``'channel'`` (the other half of the Inverted Attention paper: the
            channels with the highest Grad-CAM weight times activation are erased), or ``'both'``: either with
            probability one half per proposal.
        channel_fraction: Share of the channels that are candidates for erasing; half of them are erased (our choice:
            there is no public code).
    """

    def __init__(
        self,
        switch_iter: int = 60000,
        early: dict | None = None,
        late: dict | None = None,
        margin: float = 0.02,
        mode: str = 'spatial',
        channel_fraction: float = 0.2,
    ) -> None:
        super().__init__()
        if mode not in ('spatial', 'channel', 'both'):
            raise ValueError(f"mode must be 'spatial', 'channel' or 'both', got {mode!r}")
        if not 0 < channel_fraction < 1:
            raise ValueError(f'channel_fraction must be in (0, 1), got {channel_fraction}')
        self.switch_iter = switch_iter
        self.phases = (ia_phase(0, 0)._replace(**(early or {})), ia_phase(1, 0)._replace(**(late or {})))
        self.margin = margin
        self.mode = mode
        self.channel_fraction = channel_fraction

    def phase(self) -> IAPhase:
        """The constants of this iteration."""
        return self.phases[int(current_iter() > self.switch_iter)]

    @torch.no_grad()
    def forward(
        self,
        features: Tensor,
        labels: Tensor,
        valid: Tensor,
        counts: Sequence[int],
        shared_head: nn.Module,
        classifier: nn.Linear,
    ) -> Tensor:
        """Decide what to erase.

        Args:
            features: ``[S, C, h, w]`` pooled features of the sampled rows of all images, images one after the other.
            labels: ``[S]`` int64 pseudo labels, 0 = background.
            valid: ``[S]`` bool, rows that have a loss.
            counts: Rows of each image: the hardest rows are found within an image.
            shared_head: ``SharedFC67Head``.
            classifier: Linear layer of the branch, ``[C + 1, D]``.

        Returns:
            ``[S, C or 1, h or 1, w or 1]`` of the features' dtype: 1 keep, 0 erased.

        Raises:
            ValueError: If the shared head is not made of two fully connected layers.
        """
        if not hasattr(shared_head, 'hidden'):
            raise ValueError(f'InvertedAttention needs SharedFC67Head as shared_head, got {type(shared_head).__name__}')
        with torch.autocast(features.device.type, enabled=False):
            rows = features.float()
            phase = scale_phase(self.phase(), rows[0, 0].numel())
            hidden6, hidden7 = shared_head.hidden(rows)
            weights = gradcam_channel_weights(
                hidden6,
                hidden7,
                classifier.weight.float().index_select(0, labels),
                shared_head.fc7.weight.float(),
                shared_head.fc6.weight.float(),
                rows.shape[1],
            )
            mask = self._erase(rows, weights, phase)
            before = self._probs(classifier, hidden7, labels)
            after = self._probs(classifier, shared_head.hidden(rows * mask)[1], labels)
            change = erasure_change(before, after, self.margin)
            kept = []
            parts = (tensor.split(list(counts)) for tensor in (change, labels, valid))
            for image_change, image_labels, image_valid in zip(*parts, strict=True):
                num_fg = (image_valid & (image_labels > 0)).sum()
                rates = (num_fg, image_valid.sum() - num_fg, phase.rate_fg, phase.rate_bg)
                kept.append(keep_hardest(image_change, image_labels, image_valid, *rates))
            hard = torch.cat(kept).view(-1, 1, 1, 1)
            return torch.where(hard, mask, torch.ones_like(mask)).to(features.dtype)

    def _erase(self, rows: Tensor, weights: Tensor, phase: IAPhase) -> Tensor:
        number, channels, height, width = rows.shape
        spatial = channel = None
        if self.mode != 'channel':
            candidates = erasure_candidates(gradcam_maps(rows, weights), phase.rank)
            spatial = draw_erasure(candidates, phase.erase).view(number, 1, height, width).float()
        if self.mode != 'spatial':
            rank = max(1, int(self.channel_fraction * channels))
            candidates = erasure_candidates(weights * rows.mean(dim=(2, 3)), rank)
            channel = draw_erasure(candidates, max(1, rank // 2)).view(number, channels, 1, 1).float()
        if self.mode == 'both':
            coin = torch.rand(number, 1, 1, 1, device=rows.device) < 0.5
            return torch.where(coin, spatial, channel)
        return spatial if channel is None else channel

    @staticmethod
    def _probs(classifier: nn.Linear, hidden: Tensor, labels: Tensor) -> Tensor:
        logits = nn.functional.linear(hidden, classifier.weight.float(), classifier.bias.float())
        return logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)
