"""Training of the refinement branches: mine, assign, sample, attend, compare."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.refinement import Assignment
from wsod_mm.functional.sampling import Samples
from wsod_mm.functional.select_rows import select_rows
from wsod_mm.models.roi_heads.views import ImageViews, ViewGroup, pool_levels
from wsod_mm.registry import MODELS, TASK_UTILS

__all__ = ['RefinementMixin']


class _Branch(NamedTuple):
    """What one branch is taught, per image, and which pooled rows it is taught on."""

    seeds: list[Seeds]
    assigned: list[Assignment]
    samples: list[Samples | None]
    rows: Tensor | None  # [S] rows of all images; None: all rows
    labels: Tensor  # [S]
    valid: Tensor  # [S] bool
    counts: list[int]  # rows of each image


class RefinementMixin:
    """The half of :class:`~wsod_mm.models.roi_heads.WeakRoIHead` that trains refinement branches."""

    def build_refinement_parts(
        self,
        reg_heads: dict | None,
        loss_bbox: dict | None,
        fast_rcnn: dict | None,
        inverted_attention: dict | None,
        image_wise: dict | None,
        layer_wise: dict | None,
    ) -> None:
        """Build the optional parts; see :class:`~wsod_mm.models.roi_heads.WeakRoIHead` for the arguments.

        Raises:
            ValueError: If a part lacks another one.
        """
        optional = {
            'reg_heads': reg_heads,
            'fast_rcnn': fast_rcnn,
            'inverted_attention': inverted_attention,
            'image_wise': image_wise,
            'layer_wise': layer_wise,
        }
        given = [name for name, value in optional.items() if value is not None]
        if given and self.refine_heads is None:
            raise ValueError(f'{", ".join(given)} belong to refinement branches; add refine_heads to the config')
        if (reg_heads is None) != (loss_bbox is None):
            raise ValueError('reg_heads and loss_bbox go together; give both or neither')
        if reg_heads is not None:
            self.reg_heads = MODELS.build(reg_heads)
            self.loss_bbox = MODELS.build(loss_bbox)
            if self.reg_heads.num_branches != len(self.refine_heads.branches):
                raise ValueError(
                    f'reg_heads has {self.reg_heads.num_branches} branches, refine_heads '
                    f'{len(self.refine_heads.branches)}; make num_branches equal'
                )
        if fast_rcnn is not None:
            parts = ConfigDict(fast_rcnn)
            missing = {'head', 'miner', 'loss_cls', 'loss_bbox'} - set(parts)
            if missing:
                raise ValueError(f'fast_rcnn needs head, miner, loss_cls and loss_bbox; it lacks {sorted(missing)}')
            self.fast_rcnn = MODELS.build(parts.head)
            self.fast_rcnn_miner = TASK_UTILS.build(parts.miner)
            self.fast_rcnn_loss_cls = MODELS.build(parts.loss_cls)
            self.fast_rcnn_loss_bbox = MODELS.build(parts.loss_bbox)
            if self.fast_rcnn_loss_bbox.kind == 'casd':
                raise ValueError('fast_rcnn.loss_bbox must be FastRCNNBBoxLoss or MISTBBoxLoss, got CASDBBoxLoss')
        for name in ('inverted_attention', 'image_wise', 'layer_wise'):
            if optional[name] is not None:
                setattr(self, name, MODELS.build(optional[name]))
        needs_samples = [n for n in ('image_wise', 'layer_wise') if optional[n] is not None]
        if getattr(self.loss_bbox, 'kind', None) == 'casd':
            needs_samples.append('loss_bbox')
        if needs_samples and not self.loss_refine.sampled:
            raise ValueError(
                f'{", ".join(needs_samples)} work on sampled proposals; use loss_refine=dict(type="SampledCELoss")'
            )

    def refinement_losses(
        self,
        groups: Sequence[ViewGroup],
        images: list[ImageViews],
        pooled: Tensor,
        features: Tensor,
        mil_scores: list[Tensor],
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """Losses of all branches.

        Args:
            groups: The views with their feature maps.
            images: Which rows belong to which image.
            pooled: ``[M, C', h, w]`` pooled features, rows as in ``images``.
            features: ``[M, D]``, what the shared head made of them.
            mil_scores: N * V tensors ``[P_n, C]``.
            labels: ``[N, C]`` multi-hot.

        Returns:
            Losses and monitors; means over the images.
        """
        views = images[0].num_views
        sources = [torch.stack(mil_scores[n * views : (n + 1) * views]).mean(0) for n in range(len(images))]
        losses, branches = {}, []
        last = len(self.refine_heads.branches) - 1
        for k in range(last + 1):
            branch = self._teach(images, sources, labels, self.miner, self.loss_refine)
            branches.append(branch)
            inputs = self._branch_features(branch, pooled, features, k)
            logits = self.refine_heads.logits(inputs, k)
            losses[f'loss_refine{k + 1}'] = _mean(
                self._compare(self.loss_refine, part, branch, n, images[n], k)
                for n, part in enumerate(logits.split(branch.counts))
            )
            losses[f'fg_ratio{k + 1}'] = _mean((a.labels > 0).float().mean() for a in branch.assigned)
            if self.reg_heads is not None:
                deltas = self.reg_heads(inputs, k).split(branch.counts)
                losses[f'loss_bbox{k + 1}'] = _mean(
                    self._regress(self.loss_bbox, part, branch, n, images[n], k) for n, part in enumerate(deltas)
                )
            if k < last or self.fast_rcnn is not None:
                # the next branch learns from what this one says about whole, unmasked proposals
                whole = logits if inputs is features else self.refine_heads.logits(features.detach(), k)
                sources = _source_scores(whole.detach(), images)
        if self.fast_rcnn is not None:
            losses.update(self._fast_rcnn_losses(images, features, sources, labels))
        if self.image_wise is not None and self.image_wise.is_active():
            losses['loss_iw'] = _mean(
                self.image_wise(pooled, image, [b.samples[n] for b in branches]) for n, image in enumerate(images)
            )
        if self.layer_wise is not None and self.layer_wise.is_active():
            layers = self.layer_wise.layers_for(groups[0].maps)
            pooled_levels = pool_levels(layers, groups, [b.samples for b in branches])
            losses['loss_lw'] = self.layer_wise(*pooled_levels, views)
        return losses

    def _teach(
        self, images: list[ImageViews], sources: list[Tensor], labels: Tensor, miner, loss: nn.Module
    ) -> _Branch:
        """Mine, assign and sample for one branch."""
        seeds = [
            miner(image.boxes[0], source.detach(), image_labels)
            for image, source, image_labels in zip(images, sources, labels, strict=True)
        ]
        assigned = [loss.assign(image.boxes[0], s) for image, s in zip(images, seeds, strict=True)]
        if not loss.sampled:
            views = images[0].num_views
            row_labels = torch.cat([a.labels.repeat(views) for a in assigned])
            valid = torch.cat([(a.weights > 0).repeat(views) for a in assigned])
            counts = [image.rows[1] - image.rows[0] for image in images]
            return _Branch(seeds, assigned, [None] * len(images), None, row_labels, valid, counts)
        samples = [loss.sample(a, image.num_views) for a, image in zip(assigned, images, strict=True)]
        rows, row_labels = [], []
        for image, s, a in zip(images, samples, assigned, strict=True):
            offsets = torch.arange(image.num_views, device=s.rows.device)[:, None] * image.num_proposals
            rows.append((image.rows[0] + offsets + s.rows).flatten())
            row_labels.append(a.labels[s.rows].flatten())
        valid = torch.cat([s.valid.flatten() for s in samples])
        counts = [s.rows.numel() for s in samples]
        return _Branch(seeds, assigned, samples, torch.cat(rows), torch.cat(row_labels), valid, counts)

    def _branch_features(self, branch: _Branch, pooled: Tensor, features: Tensor, k: int) -> Tensor:
        """``[S, D]`` vectors that branch ``k`` is trained on: only the rows that have a loss, masked by attention."""
        if self.inverted_attention is None:
            return features if branch.rows is None else features.index_select(0, branch.rows)
        rows = pooled if branch.rows is None else select_rows(pooled, branch.rows)
        keep = self.inverted_attention(
            rows.detach(), branch.labels, branch.valid, branch.counts, self.shared_head, self.refine_heads.branches[k]
        )
        return self.shared_head(rows * keep)

    @staticmethod
    def _compare(loss: nn.Module, logits: Tensor, branch: _Branch, n: int, image: ImageViews, k: int) -> Tensor:
        """Classification loss of image ``n``."""
        samples, assignment = branch.samples[n], branch.assigned[n]
        if samples is None:
            return loss(logits, _repeat(assignment, image.num_views), branch.seeds[n], k)
        logits = logits.view(*samples.rows.shape, -1)
        return loss(logits, assignment.labels[samples.rows], samples, k)

    @staticmethod
    def _regress(loss: nn.Module, deltas: Tensor, branch: _Branch, n: int, image: ImageViews, k: int) -> Tensor:
        """Regression loss of image ``n``, mean over its views."""
        seeds, assignment, samples = branch.seeds[n], branch.assigned[n], branch.samples[n]
        deltas = deltas.view(image.num_views, -1, deltas.shape[-1])
        if loss.kind == 'casd':
            return loss(deltas, image.boxes, seeds, assignment, samples, k)
        parts = []
        for v in range(image.num_views):
            rows, target, boxes = assignment, seeds._replace(boxes=image.boxes[v][seeds.indices]), image.boxes[v]
            if samples is not None:
                rows = Assignment(*(field[samples.rows[v]] for field in assignment))
                rows = rows._replace(weights=rows.weights * samples.valid[v])
                boxes = boxes[samples.rows[v]]
            parts.append(loss(deltas[v], boxes, target, rows, k))
        return torch.stack(parts).mean()

    def _fast_rcnn_losses(
        self, images: list[ImageViews], features: Tensor, sources: list[Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """PCL's Fast R-CNN branch, taught by the last refinement branch."""
        branch = self._teach(images, sources, labels, self.fast_rcnn_miner, self.fast_rcnn_loss_cls)
        rows = features if branch.rows is None else features.index_select(0, branch.rows)
        logits, deltas = (output.split(branch.counts) for output in self.fast_rcnn(rows))
        last = len(self.refine_heads.branches)
        return {
            'loss_frcnn_cls': _mean(
                self._compare(self.fast_rcnn_loss_cls, part, branch, n, images[n], last)
                for n, part in enumerate(logits)
            ),
            'loss_frcnn_bbox': _mean(
                self._regress(self.fast_rcnn_loss_bbox, part, branch, n, images[n], last)
                for n, part in enumerate(deltas)
            ),
        }


def _repeat(assignment: Assignment, views: int) -> Assignment:
    return assignment if views == 1 else Assignment(*(field.repeat(views) for field in assignment))


def _source_scores(logits: Tensor, images: list[ImageViews]) -> list[Tensor]:
    """Mean over the views of the class probabilities, without background: ``[P_n, C]`` per image."""
    probs = logits.float().softmax(dim=1)[:, 1:].split([image.rows[1] - image.rows[0] for image in images])
    return [p.view(image.num_views, image.num_proposals, -1).mean(0) for p, image in zip(probs, images, strict=True)]


def _mean(values) -> Tensor:
    return torch.stack(list(values)).mean()
