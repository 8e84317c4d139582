"""One training step of CASD's head on random pooled features: the real head, and the literal version beside it."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from literal.casd_step import Draws, Layers, casd_step
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from torch import Tensor

import wsod_mm.models  # noqa: F401  (registers what the config names)
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.pcl_mining import _pcl_seeds_static
from wsod_mm.functional.select_rows import collect_rows
from wsod_mm.models.roi_heads import WeakRoIHead
from wsod_mm.models.roi_heads.views import ImageViews
from wsod_mm.registry import MODELS
from wsod_mm.utils.measure import no_stage

__all__ = ['FULL', 'RINGS', 'Case', 'Inputs', 'backward', 'build_head', 'fixed_seeds', 'static_seeds']

CONFIG = Path(__file__).resolve().parents[2] / 'configs/casd/casd_full-vgg16-s16_1xb1-100k_voc07.py'
RINGS = ('roi', 'context', 'frame')


@dataclass(frozen=True)
class Case:
    """How large a step is.

    Attributes:
        proposals: P.
        views: V, an even number: every second one is mirrored.
        channels: Channels of the pooled features.
        width: Outputs of fc6 and fc7.
        classes: C.
        positive: Classes in the image.
        dropout: Of the training passes.
    """

    proposals: int
    views: int = 4
    channels: int = 512
    width: int = 4096
    classes: int = 20
    positive: int = 3
    dropout: float = 0.5

    @property
    def unit(self) -> int:
        """FLOPs of one forward pass of fc6 and fc7 on all rows."""
        return 2 * self.proposals * self.views * self.width * (49 * self.channels + self.width)

    def inputs(self, device: str | torch.device = 'cpu', seed: int = 0) -> 'Inputs':
        """Random pooled features, as after a ReLU, and random boxes in views of two scales."""
        generator = torch.Generator().manual_seed(seed)
        rows = self.proposals * self.views
        pooled = {r: torch.randn(rows, self.channels, 7, 7, generator=generator).relu().to(device) for r in RINGS}
        size = torch.tensor([500.0, 375.0])
        corners = (torch.rand(self.proposals, 2, 2, generator=generator) * size).sort(dim=1).values.floor()
        boxes = []
        for v in range(self.views):
            scaled = (corners.flatten(1) * (1 + 0.5 * (v // 2))).floor()
            mirrored = 750 - scaled[:, [2, 1, 0, 3]]
            mirrored[:, [1, 3]] = scaled[:, [1, 3]]
            boxes.append(mirrored if v % 2 else scaled)
        draws = Draws(
            [torch.rand(self.views, self.proposals, generator=generator).to(device) for _ in range(2)],
            [torch.rand(rows, 49, generator=generator).to(device) for _ in range(2)],
        )
        labels = (torch.arange(self.classes) < self.positive).float().to(device)
        return Inputs(pooled, torch.stack(boxes).to(device), labels, draws)


FULL = Case(proposals=1000)


@dataclass
class Inputs:
    """Pooled features of each ring, boxes ``[V, P, 4]``, labels ``[C]`` and the random numbers of the step."""

    pooled: dict[str, Tensor]
    boxes: Tensor
    labels: Tensor
    draws: Draws

    def with_gradient(self, keep: dict[str, Tensor] | None = None) -> 'Inputs':
        """The same, but the pooled features are the result of an operation, as those of a body are.

        Their graph does not hold them, and nobody keeps their gradient but ``keep``, by ring.
        """
        start = torch.zeros((), requires_grad=True)
        return replace(self, pooled={ring: _Source.apply(start, p, ring, keep) for ring, p in self.pooled.items()})


class _Source(torch.autograd.Function):
    @staticmethod
    def forward(ctx, start: Tensor, x: Tensor, name: str, keep: dict[str, Tensor] | None) -> Tensor:
        ctx.name, ctx.keep = name, keep
        return x.detach()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, ...]:
        if ctx.keep is not None:
            ctx.keep[ctx.name] = grad.clone()
        return None, None, None, None


@cache
def _model_config() -> ConfigDict:
    return Config.fromfile(CONFIG).model


def build_head(case: Case) -> WeakRoIHead:
    """The head of CASD's full config in the size of ``case``, without the losses that need feature maps."""
    model = copy.deepcopy(_model_config())
    config = model.roi_head
    del config['image_wise'], config['layer_wise']
    config.bbox_roi_extractor.out_channels = case.channels
    config.shared_head.update(in_channels=case.channels, fc_channels=(case.width, case.width), dropout=case.dropout)
    for part in (config.bbox_head, config.refine_heads, config.reg_heads):
        part.update(in_channels=case.width, num_classes=case.classes)
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        return MODELS.build(dict(config, test_cfg=model.test_cfg.rcnn)).train()


def layers_of(head: WeakRoIHead) -> Layers:
    """The linear layers of the head."""
    shared, mil = head.shared_head, head.bbox_head
    return Layers(
        shared.fc6, shared.fc7, mil.fc_cls, mil.fc_det, list(head.refine_heads.branches), list(head.reg_heads.branches)
    )


def fixed_seeds(boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
    """Stands where a miner does and ignores the scores, so that it works on fake tensors: five seeds of 3 classes."""
    number = min(15, len(boxes))
    rows = torch.arange(number, device=boxes.device)
    valid = torch.ones(number, dtype=torch.bool, device=boxes.device)
    return Seeds(boxes[:number], rows // 5 + 1, scores[:number, 0].detach(), rows, valid)


def static_seeds(boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
    """PCL's miner as it runs on a GPU, wherever the tensors are."""
    return _pcl_seeds_static(boxes, scores.detach(), labels, range(len(labels)))


def our_losses(head: WeakRoIHead, inputs: Inputs, stage: Callable = no_stage) -> dict[str, Tensor]:
    """Losses of ``WeakRoIHead``, from pooled features on; what ``loss_views`` does with them."""
    views, count = inputs.boxes.shape[:2]
    image = ImageViews(inputs.boxes, (False, True) * (views // 2), (0, views * count))
    with _staged(head, stage):
        roi, *others = (inputs.pooled[ring] for ring in RINGS)
        roi = collect_rows(roi)
        with stage('main passes'):
            features = tuple(head.shared_head(p) for p in (roi, *others))
        mil = head.bbox_head(features, [count] * views)
        losses = {'loss_mil': head.loss_mil(mil.raw_scores, inputs.labels.expand(views, -1))}
        losses.update(head.refinement_losses([], [image], roi, features[0], mil.scores, inputs.labels[None]))
    return {name: loss for name, loss in losses.items() if 'loss' in name}


def literal_losses(head: WeakRoIHead, inputs: Inputs, stage: Callable = no_stage) -> dict[str, Tensor]:
    """The same losses from :func:`literal.casd_step.casd_step`, with the weights, miner and constants of ``head``."""
    return casd_step(
        layers_of(head),
        inputs.pooled,
        inputs.boxes,
        inputs.labels,
        head.miner,
        inputs.draws,
        head.inverted_attention.phase(),
        head.shared_head.dropout,
        stage,
    )


def backward(losses: dict[str, Tensor], stage: Callable | None = None) -> None:
    """Backward pass of the sum; with ``stage`` that of the image loss and that of the branches apart.

    With Inverted Attention the two share no part of the graph: branches learn from passes of their own.
    """
    if stage is None:
        sum(losses.values()).backward()
        return
    with stage('main passes'):
        losses['loss_mil'].backward()
    with stage('masked passes'):
        sum(loss for name, loss in losses.items() if name != 'loss_mil').backward()


@contextmanager
def _staged(head: WeakRoIHead, stage: Callable) -> Iterator[None]:
    """Let the parts of ``head`` report their stages, for a while."""
    names = {
        (head, '_teach'): 'supervision',
        (head, '_branch_features'): 'masked passes',
        (head.inverted_attention, 'forward'): 'attention',
        (head.bbox_head, 'forward'): 'heads',
        (head.refine_heads, 'logits'): 'heads',
        (head.reg_heads, 'forward'): 'heads',
    }
    for (part, method), name in names.items():
        part.__dict__[method] = _within(stage, name, getattr(part, method))
    try:
        yield
    finally:
        for part, method in names:
            del part.__dict__[method]


def _within(stage: Callable, name: str, method: Callable) -> Callable:
    def run(*args, **kwargs):
        with stage(name):
            return method(*args, **kwargs)

    return run
