"""CASD's training step behind the pooled features, computed the way public code does: everything for every row.

Only for comparison with ``WeakRoIHead``. Written from sections 8 to 10 of the specification, without what section 14
saves: three passes through fc6 and fc7, for each branch Grad-CAM by backpropagation and two more passes to see what
the erasure costs, a masked training pass, all of it for all V * P rows, though at most 128 rows of a view have a loss.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.boxes import bbox_overlaps_inclusive
from wsod_mm.functional.inverted_attention import IAPhase
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.sampling import Samples, sample_rows
from wsod_mm.utils.measure import no_stage

__all__ = ['Draws', 'Layers', 'casd_step']


class Layers(NamedTuple):
    """The linear layers of the head; ``refine`` and ``bbox`` have one for each branch."""

    fc6: nn.Linear
    fc7: nn.Linear
    cls: nn.Linear
    det: nn.Linear
    refine: Sequence[nn.Linear]
    bbox: Sequence[nn.Linear]


class Draws(NamedTuple):
    """The random numbers of a step, for each branch.

    Attributes:
        sampling: ``[V, P]``, see :func:`wsod_mm.functional.sampling.sample_rows`.
        erasing: ``[V * P, h * w]`` in [0, 1): of the candidates the cells with the largest numbers are erased.
    """

    sampling: Sequence[Tensor]
    erasing: Sequence[Tensor]


def casd_step(
    layers: Layers,
    pooled: dict[str, Tensor],
    boxes: Tensor,
    labels: Tensor,
    miner: Callable[[Tensor, Tensor, Tensor], Seeds],
    draws: Draws,
    phase: IAPhase,
    dropout: float = 0.5,
    stage: Callable = no_stage,
) -> dict[str, Tensor]:
    """Losses of one image, each the mean over the views.

    Args:
        layers: Linear layers.
        pooled: ``[V * P, D, h, w]`` for 'roi', 'context' and 'frame', rows v * P + p.
        boxes: ``[V, P, 4]``, inclusive corners.
        labels: ``[C]``, 1 where the class is in the image.
        miner: Seeds from boxes ``[P, 4]``, scores ``[P, C]`` and labels.
        draws: Random numbers, except for those of dropout.
        phase: Constants of Inverted Attention.
        dropout: Probability of dropping a unit in training passes.
        stage: ``stage`` of a meter of :mod:`wsod_mm.utils.measure`.

    Returns:
        ``loss_mil``, ``loss_refine1`` .. ``K`` and ``loss_bbox1`` .. ``K``, the last two times .1.
    """
    views, count = boxes.shape[:2]
    with stage('main passes'):
        roi, context, frame = (_fc(layers, pooled[ring], dropout) for ring in ('roi', 'context', 'frame'))
    with stage('heads'):
        a = layers.cls(roi).view(views, count, -1)
        d = (layers.det(frame) - layers.det(context)).view(views, count, -1).softmax(dim=1)
    image_scores = (a * d).sum(dim=1)
    hinge = (1 - (2 * labels - 1) * image_scores).clamp(min=0).sum(dim=1) / len(labels)
    losses = {'loss_mil': hinge.mean()}

    source = (a.softmax(dim=2) * d).mean(dim=0).detach()
    for k, (refine, bbox) in enumerate(zip(layers.refine, layers.bbox, strict=True)):
        with stage('supervision'):
            seeds = miner(boxes[0], source, labels)
            ious = bbox_overlaps_inclusive(boxes[0], seeds.boxes).masked_fill(~seeds.valid, -1.0)
            best, nearest = ious.max(dim=1)
            row_labels = torch.where(best > 0.6, seeds.labels[nearest], 0)
            samples = sample_rows(best, views, 32, 96, 0.6, 0.1, 0.4, noise=draws.sampling[k])
        with stage('attention'):
            mask = _attention_mask(layers, refine, pooled['roi'], row_labels, samples, draws.erasing[k], phase)
        with stage('masked passes'):
            masked = _fc(layers, pooled['roi'] * mask, dropout)
        with stage('heads'):
            logits, deltas = refine(masked), bbox(masked)
        losses[f'loss_refine{k + 1}'] = 0.1 * _cross_entropy(logits, row_labels, samples)
        targets = _targets(boxes, seeds, nearest)
        losses[f'loss_bbox{k + 1}'] = 0.1 * _regression(deltas, targets, row_labels, samples)
        if k + 1 < len(layers.refine):
            with stage('heads'), torch.no_grad():
                probs = refine(roi).softmax(dim=1)[:, 1:]
            source = probs.view(views, count, -1).mean(dim=0)
    return losses


def _fc(layers: Layers, x: Tensor, dropout: float = 0.0) -> Tensor:
    x = x.flatten(1)
    for layer in (layers.fc6, layers.fc7):
        x = F.relu(layer(x), inplace=True)
        if dropout:
            # F.dropout as on a GPU: with a mask of bytes, on the CPU it would be one of floats
            x = torch.native_dropout(x, dropout, True)[0]
    return x


def _attention_mask(
    layers: Layers,
    refine: nn.Linear,
    features: Tensor,
    row_labels: Tensor,
    samples: Samples,
    noise: Tensor,
    phase: IAPhase,
) -> Tensor:
    """``[V * P, 1, h, w]``: 0 where erased."""
    rows, _, height, width = features.shape
    views, count = len(samples.rows), len(row_labels)
    picked = row_labels.repeat(views)[:, None]
    features = features.detach().requires_grad_()
    # public code lets the gradient run into the weights, and throws it away
    weights = [layers.fc6.weight, layers.fc6.bias, layers.fc7.weight, layers.fc7.bias]
    score = refine(_fc(layers, features)).gather(1, picked).sum()
    slope = torch.autograd.grad(score, [features, *weights])[0]
    features = features.detach()
    with torch.no_grad():
        attention = (slope.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1).flatten(1)
        candidates = attention > attention.sort(dim=1, descending=True).values[:, phase.rank, None]
        enough = candidates.sum(dim=1, keepdim=True) >= phase.erase
        order = (noise + 2 * (candidates & enough)).argsort(dim=1, descending=True)
        mask = torch.ones_like(attention).scatter(1, order[:, : phase.erase], 0.0)
        offsets = torch.arange(views, device=mask.device)[:, None] * count
        hits = torch.zeros(rows, device=mask.device)
        sampled = hits.index_add(0, (offsets + samples.rows).flatten(), samples.valid.flatten().float()) > 0
        mask = torch.where(sampled[:, None], mask, 1.0)

        before = refine(_fc(layers, features)).softmax(dim=1).gather(1, picked)[:, 0]
        erased = features * mask.view(rows, 1, height, width)
        after = refine(_fc(layers, erased)).softmax(dim=1).gather(1, picked)[:, 0]
        change = (before - after - 0.02).clamp(min=0)
        hard = torch.zeros_like(sampled)
        foreground = picked[:, 0] > 0
        for kind, number, rate in (
            (foreground, samples.foreground.sum(), phase.rate_fg),
            (~foreground, (samples.valid & ~samples.foreground).sum(), phase.rate_bg),
        ):
            ranked = torch.where(kind, change, -1.0).sort(descending=True).values
            rank = torch.minimum((number.double() * rate).round().long(), kind.sum() - 1).clamp(min=0)
            hard = hard | (kind & (change > ranked.gather(0, rank[None])))
        return torch.where(hard[:, None], mask, 1.0).view(rows, 1, height, width)


def _cross_entropy(logits: Tensor, row_labels: Tensor, samples: Samples) -> Tensor:
    per_view = []
    for part, rows, valid in zip(logits.chunk(len(samples.rows)), samples.rows, samples.valid, strict=True):
        losses = F.cross_entropy(part[rows], row_labels[rows], reduction='none')
        per_view.append((losses * valid).sum() / valid.sum().clamp(min=1))
    return torch.stack(per_view).mean()


def _targets(boxes: Tensor, seeds: Seeds, nearest: Tensor) -> Tensor:
    """Deltas ``[V, P, 4]`` from every proposal to the mean of the proposals around its seed."""
    around = (bbox_overlaps_inclusive(boxes[0], seeds.boxes) > 0.6).float()
    deltas = []
    for view in boxes:
        means = (around.T @ view / around.sum(dim=0).clamp(min=1)[:, None])[nearest]
        size, goal = (b[:, 2:] - b[:, :2] + 1 for b in (view, means))
        shift = (means[:, :2] + goal / 2 - view[:, :2] - size / 2) / size
        deltas.append(torch.cat((shift / 0.1, (goal / size).log() / 0.2), dim=1))
    return torch.stack(deltas)


def _regression(deltas: Tensor, targets: Tensor, row_labels: Tensor, samples: Samples) -> Tensor:
    views, count = targets.shape[:2]
    columns = 4 * row_labels[:, None] + torch.arange(4, device=deltas.device)
    per_view = []
    for part, target, rows, valid in zip(
        deltas.view(views, count, -1), targets, samples.rows, samples.foreground, strict=True
    ):
        # what is not foreground may have no finite target
        goal = torch.where(valid[:, None], target[rows], 0.0)
        losses = F.smooth_l1_loss(part[rows].gather(1, columns[rows]), goal, reduction='none')
        per_view.append((losses.sum(dim=1) * valid).sum() / (4 * valid.sum().clamp(min=1)))
    return torch.stack(per_view).mean()
